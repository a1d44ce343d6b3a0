// The reference at the end of docs/language.md, made from the rows of language/fields.h: what stands there is what is
// read.
//
// UPDATE_GOLDEN=1 writes it anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <typeindex>

#include "interpreter/expression/helpers.h"
#include "interpreter/language/fields.h"
#include "interpreter/language/has_rows.h"
#include "interpreter/language/words.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

template <class T>
concept IsMaybe = requires(T t) {
  *t;
  static_cast<bool>(t);
};
template <class T>
concept IsList = requires(T t) {
  t.push_back(t.front());
  t.reserve(1);
}
&&!std::is_same_v<T, std::string>;

std::string cell(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

// A table for each construct, in the order in which they are met from the playbook on.
class Reference {
 public:
  template <class T>
  void add(const std::string& title) {
    if (!seen_.insert(std::type_index(typeid(T))).second) return;
    const size_t mine = tables_.size();
    tables_.emplace_back();
    T construct{};
    Rows<T> rows{*this, "### " + title + "\n\n| key | takes | meaning |\n| --- | --- | --- |\n"};
    describe(construct, rows);
    tables_[mine] = rows.text + "\n";
  }

  std::string text() const {
    std::string out;
    for (const std::string& table : tables_) out += table;
    return out;
  }

 private:
  template <class T>
  struct Rows {
    Reference& all;
    std::string text;

    template <class M>
    void operator()(std::string_view key, M&, Need need, std::string_view meaning) {
      std::string name = "`" + std::string(key) + "`", takes;
      // A step's own `rescue` and that of a group of steps are one key.
      if (text.find("| " + name + " |") != std::string::npos) return;
      for (std::string_view word : words_of<T>(key)) takes += (takes.empty() ? "`" : ", `") + std::string(word) + "`";
      if (takes.empty()) takes = all.takes<M>(key);
      text += "| " + (need == Need::required ? "**" + name + "**" : name) + " | " + cell(takes) + " | " +
              cell(meaning) + " |\n";
    }
    void calls(std::vector<ActionCall>&, std::string_view meaning) {
      text += "| *an action* | its fields | " + cell(meaning) + " |\n";
    }
    void entries(std::vector<Entry>&, std::string_view meaning) {
      text += "| *any name* | a value | " + cell(meaning) + " |\n";
    }
    void part(Group& group) { describe(group, *this); }
    void part(std::shared_ptr<Group>&) {
      Group group;
      describe(group, *this);
    }
    void part(std::shared_ptr<Fanout>&) {
      Fanout fanout;
      describe(fanout, *this);
    }
    void later(std::initializer_list<std::string_view>) {}
  };

  template <class M>
  std::string takes(std::string_view key) {
    if constexpr (std::is_same_v<M, bool>) {
      return "true or false";
    } else if constexpr (std::is_arithmetic_v<M>) {
      return "a number";
    } else if constexpr (std::is_same_v<M, Name>) {
      return "a name";
    } else if constexpr (std::is_same_v<M, std::string>) {
      return "text";
    } else if constexpr (std::is_same_v<M, Template>) {
      return "text with `${{ }}`";
    } else if constexpr (std::is_same_v<M, FailureLimit>) {
      return "a whole number, or a percentage";
    } else if constexpr (std::is_same_v<M, ItemList>) {
      return "an expression, or a list";
    } else if constexpr (std::is_same_v<M, IntegerText>) {
      return "a whole number";
    } else if constexpr (std::is_same_v<M, DurationText>) {
      return "a duration";
    } else if constexpr (std::is_same_v<M, Expression>) {
      return "an expression";
    } else if constexpr (std::is_same_v<M, OnFailure>) {
      return "`fail`, `continue`, `ask`";
    } else if constexpr (std::is_same_v<M, Argument>) {
      return "a value";
    } else if constexpr (std::is_same_v<M, std::vector<Name>>) {
      return "names";
    } else if constexpr (std::is_same_v<M, std::vector<Requirement>>) {
      return "`group:NAME`, `user:NAME`, or `{of, count}`";
    } else if constexpr (std::is_same_v<M, std::vector<ConnectionDeclaration>>) {
      return "maps by name";
    } else if constexpr (std::is_same_v<M, std::vector<Entry>> || std::is_same_v<M, std::vector<Output>>) {
      return "values by name";
    } else if constexpr (std::is_same_v<M, Rollback>) {
      return "`auto`, or steps";
    } else if constexpr (std::is_same_v<M, std::vector<Step>>) {
      return add<Step>("A step"), "steps";
    } else if constexpr (std::is_same_v<M, std::vector<Phase>>) {
      return add<Phase>("A phase"), "phases";
    } else if constexpr (std::is_same_v<M, std::vector<Input>>) {
      return add<Input>("An input"), "maps by name";
    } else if constexpr (std::is_same_v<M, std::vector<SecretDeclaration>>) {
      return add<SecretDeclaration>("A secret"), "maps by name";
    } else if constexpr (std::is_same_v<M, std::vector<Claim>>) {
      return add<Claim>("A claim"), "expressions, or maps";
    } else if constexpr (std::is_same_v<M, Approval>) {
      return add<Approval>("`approval`"), "true, or a map";
    } else if constexpr (std::is_same_v<M, Locks>) {
      return add<Locks>("`locks`"), "names, or a map";
    } else if constexpr (HasRows<M>) {
      return add<M>("`" + std::string(key) + "`"), "a map";
    } else if constexpr (IsList<M>) {
      return "a list";
    } else if constexpr (IsMaybe<M>) {
      return takes<std::remove_cvref_t<decltype(*std::declval<M>())>>(key);
    } else {
      return "";
    }
  }

  std::set<std::type_index> seen_;
  std::vector<std::string> tables_;
};

std::string made_reference() {
  Reference reference;
  reference.add<Playbook>("A playbook");
  std::string out = reference.text() + "### A connection\n\n| kind | meaning | beside it |\n| --- | --- | --- |\n";
  for (const ConnectionKind& kind : connection_kinds()) {
    std::string beside;
    for (const Field& field : kind.own.fields.empty() ? kind.settings : kind.own.fields)
      beside += (beside.empty() ? "`" : ", `") + field.name + "`";
    out += "| `" + std::string(kind.name) + "` | " + cell(kind.meaning) + " | " + beside + " |\n";
  }
  out += "\n### Helpers\n\n| helper | called as |\n| --- | --- |\n";
  for (std::string_view name : helper_names())
    out += "| `" + std::string(name) + "` | `" + cell(find_helper(name)->form) + "` |\n";
  return out;
}

TEST(LanguagePage, HasTheReferenceThatTheFieldTablesSay) {
  const fs::path path = fs::path(MUSTER_SOURCE_DIR) / "docs/language.md";
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  std::string page = bytes.str();
  const std::string begin = "<!-- reference -->\n", end = "<!-- end of the reference -->\n";
  size_t from = page.find(begin), to = page.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  from += begin.size();
  const std::string made = "\n" + made_reference() + "\n";
  if (std::getenv("UPDATE_GOLDEN")) {
    std::ofstream(path, std::ios::binary) << page.substr(0, from) << made << page.substr(to);
    return;
  }
  EXPECT_EQ(page.substr(from, to - from), made)
      << "the keys of the language have changed: UPDATE_GOLDEN=1 makes the reference anew";
}

}  // namespace
}  // namespace muster
