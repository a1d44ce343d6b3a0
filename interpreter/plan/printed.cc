#include "interpreter/plan/printed.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <type_traits>

#include "interpreter/language/fields.h"
#include "interpreter/language/has_rows.h"

namespace muster {
namespace {

template <class T>
concept HasPlace = requires(T t) {
  t.at.begin;
};
template <class T>
concept IsMaybe = requires(T t) {
  *t;
  static_cast<bool>(t);
};
template <class T>
concept IsList = requires(T t) {
  t.front();
  t.reserve(1);
}
&&!std::is_same_v<T, std::string>;

// In one line, as YAML's flow form without its quotes.
class Printer {
 public:
  explicit Printer(const SourceFiles* files) : files_(files) {}

  // Empty: it is not there.
  template <class M>
  std::string text(const M& member) {
    if constexpr (std::is_same_v<M, bool>) {
      return member ? "true" : "";
    } else if constexpr (std::is_arithmetic_v<M>) {
      constexpr double most = 1e15;
      if (static_cast<double>(member) > -most && static_cast<double>(member) < most)
        if (const auto whole = static_cast<int64_t>(member); static_cast<M>(whole) == member)
          return std::to_string(whole);
      return to_text(Value(member));
    } else if constexpr (std::is_same_v<M, std::string>) {
      return member;
    } else if constexpr (std::is_same_v<M, Name>) {
      return member.text;
    } else if constexpr (std::is_same_v<M, Template>) {
      return printed(member);
    } else if constexpr (std::is_same_v<M, DurationText> || std::is_same_v<M, IntegerText> ||
                         std::is_same_v<M, FailureLimit>) {
      return printed(member.text);
    } else if constexpr (std::is_same_v<M, ItemList>) {
      if (const auto* list = std::get_if<Expression>(&member.list)) return list->text;
      return text(std::get<std::vector<Argument>>(member.list));
    } else if constexpr (std::is_same_v<M, Expression>) {
      return member.text;
    } else if constexpr (std::is_same_v<M, OnFailure>) {
      return member == OnFailure::proceed ? "continue" : member == OnFailure::ask ? "ask" : "fail";
    } else if constexpr (std::is_same_v<M, Argument> || std::is_same_v<M, ActionCall> || std::is_same_v<M, Claim> ||
                         std::is_same_v<M, std::vector<Requirement>>) {
      return printed(member);
    } else if constexpr (std::is_same_v<M, Entry>) {
      return member.key.text + ": " + printed(member.value);
    } else if constexpr (std::is_same_v<M, Output>) {
      return member.name.text + ": " + printed(member.value);
    } else if constexpr (std::is_same_v<M, ConnectionDeclaration>) {
      return member.name.text + ": {" + listed(member.settings) + "}";
    } else if constexpr (std::is_same_v<M, Rollback>) {
      return member.automatic ? "auto" : text(member.steps);
    } else if constexpr (std::is_same_v<M, Lock>) {
      return printed(member.name);
    } else if constexpr (std::is_same_v<M, Locks>) {
      return member.names.empty() ? "" : construct(member);
    } else if constexpr (HasRows<M>) {
      if constexpr (requires { member.name.text; }) {
        return member.name.text + ": " + construct(member);
      } else {
        return construct(member);
      }
    } else if constexpr (IsList<M>) {
      return member.empty() ? "" : "[" + listed(member) + "]";
    } else if constexpr (IsMaybe<M>) {
      return member ? present(*member) : "";
    } else if constexpr (HasPlace<M>) {
      return source(member.at);
    } else {
      static_assert(HasPlace<M>, "say here how this type of member is printed");
    }
  }

  template <class T>
  std::vector<PrintedKey> keys(const T& construct, bool is_top = false, const Unwanted& unwanted = {}) {
    Rows rows{*this, {}, is_top, unwanted};
    rows.keys.reserve(8);
    // Visitors of fields.h fill constructs, too; this one only reads.
    describe(const_cast<T&>(construct), rows);
    // What stands in a construct in which nothing was written says nothing.
    static const std::vector<PrintedKey> unwritten = keys_of_empty<T>();
    if (!unwritten.empty())
      std::erase_if(rows.keys, [](const PrintedKey& key) {
        return std::any_of(unwritten.begin(), unwritten.end(),
                           [&](const PrintedKey& usual) { return usual.key == key.key && usual.text == key.text; });
      });
    return std::move(rows.keys);
  }

 private:
  template <class T>
  static std::vector<PrintedKey> keys_of_empty() {
    T empty{};
    Printer printer(nullptr);
    Rows rows{printer, {}, true, {}};
    describe(empty, rows);
    return std::move(rows.keys);
  }

  struct Rows {
    Printer& printer;
    std::vector<PrintedKey> keys;
    bool is_top;  // its lists of steps are parts of the graph, and shown there
    const Unwanted& unwanted;

    template <class M>
    void operator()(std::string_view key, const M& member, Need, std::string_view) {
      if constexpr (IsMaybe<M>) {
        if (!member) return;
      }
      if (unwanted && unwanted(key)) return;
      if constexpr (std::is_same_v<M, std::vector<Step>> || std::is_same_v<M, std::vector<Phase>>) {
        if (is_top) return;
      }
      if constexpr (std::is_same_v<M, Boxed<Rollback>>) {
        if (is_top) {
          if (member) keys.push_back({key, member->automatic ? "auto" : "steps of its own"});
          return;
        }
      }
      if (std::string text = printer.text(member); !text.empty()) keys.push_back({key, std::move(text)});
    }
    void calls(const std::vector<ActionCall>& calls, std::string_view) {
      for (const ActionCall& call : calls)
        if (!unwanted || !unwanted(call.action.text)) keys.push_back({call.action.text, printed(call.args)});
    }
    void entries(const std::vector<Entry>& entries, std::string_view) {
      for (const Entry& entry : entries) keys.push_back({entry.key.text, printed(entry.value)});
    }
    void part(const Group& group) { describe(const_cast<Group&>(group), *this); }
    void part(const std::shared_ptr<Group>& group) {
      if (group) part(*group);
    }
    void part(const std::shared_ptr<Fanout>& fanout) {
      if (fanout) describe(const_cast<Fanout&>(*fanout), *this);
    }
    void later(std::initializer_list<std::string_view>) {}
  };

  // A value that was written says something even where it is false or empty.
  template <class M>
  std::string present(const M& member) {
    if constexpr (std::is_same_v<M, bool>) return member ? "true" : "false";
    std::string out = text(member);
    return out.empty() ? (IsList<M> ? "[]" : "\"\"") : out;
  }

  template <class T>
  std::string construct(const T& member) {
    std::string out;
    // The steps of an option are parts of the graph, too.
    for (const PrintedKey& key : keys(member, std::is_same_v<T, Option>))
      out += (out.empty() ? "" : ", ") + std::string(key.key) + ": " + key.text;
    return "{" + out + "}";
  }

  template <class List>
  std::string listed(const List& list) {
    std::string out;
    for (const auto& item : list) out += (out.empty() ? "" : ", ") + text(item);
    return out;
  }

  // What stands in the file, in one line.
  std::string source(Span at) const {
    std::string out;
    for (char c : files_ ? files_->text(at) : std::string_view()) {
      bool blank = c == ' ' || c == '\n' || c == '\t' || c == '\r';
      if (!blank) out += c;
      if (blank && !out.empty() && out.back() != ' ') out += ' ';
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
  }

  const SourceFiles* files_;
};

template <class T>
std::vector<PrintedKey> own_keys(const T& construct, const SourceFiles& files, const Unwanted& unwanted = {}) {
  return Printer(&files).keys(construct, true, unwanted);
}

}  // namespace

std::string printed(const Template& text) {
  std::string out;
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      out += *plain;
    } else {
      out += "${{ " + std::get<Expression>(piece).text + " }}";
    }
  }
  return out;
}

std::string printed(const Argument& argument) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) return printed(scalar->text);
  std::string out;
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) out += (out.empty() ? "" : ", ") + printed(item);
    return "[" + out + "]";
  }
  for (const Entry& entry : std::get<std::vector<Entry>>(argument.value))
    out += (out.empty() ? "" : ", ") + entry.key.text + ": " + printed(entry.value);
  return "{" + out + "}";
}

std::string printed(const ActionCall& call) { return call.action.text + ": " + printed(call.args); }

std::string printed(const Claim& claim) {
  std::string out = claim.that.text;
  if (claim.name) out = *claim.name + ": " + out;
  if (claim.severity) out += " [" + claim.severity->text + "]";
  return out;
}

std::string printed(const std::vector<Requirement>& approvers) {
  std::string out;
  for (const Requirement& requirement : approvers) {
    std::string people;
    for (const Approver& approver : requirement.of)
      people += (people.empty() ? "" : " or ") +
                std::string(approver.kind == Approver::Kind::group ? "group:" : "user:") + approver.name;
    if (requirement.count > 1) people = std::to_string(requirement.count) + " of " + people;
    out += (out.empty() ? "" : ", and ") + people;
  }
  return out;
}

std::vector<PrintedKey> printed_keys(const Step& step, const SourceFiles& files, const Unwanted& unwanted) {
  return own_keys(step, files, unwanted);
}
std::vector<PrintedKey> printed_keys(const Phase& phase, const SourceFiles& files, const Unwanted& unwanted) {
  return own_keys(phase, files, unwanted);
}
std::vector<PrintedKey> printed_keys(const Playbook& playbook, const SourceFiles& files) {
  return own_keys(playbook, files);
}

std::vector<PrintedKey> printed_keys(const Approval& approval, const SourceFiles& files) {
  return own_keys(approval, files);
}

}  // namespace muster
