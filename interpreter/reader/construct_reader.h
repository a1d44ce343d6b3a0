// Reads one YAML map into one construct of the language, driven by the rows of language/fields.h.
//
// How a key is read follows from the type of the member that its row names: one overload of `read` per type.
// Errors: Diagnostics; what could not be read stays as it was.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/scenario_fields.h"
#include "interpreter/reader/yaml_tree.h"

namespace muster {

class ConstructReader {
 public:
  ConstructReader(const YamlTree& tree, Diagnostics& problems) : tree_(tree), problems_(problems) {}

  // All keys of a map; `what` is what the map is called in messages: `a step`.
  template <class T>
  void read_map(const YamlNode& map, T& construct, std::string_view what);

  // Values by the type of the member. `key` is the key they stand under. False: it was refused.
  bool read(const YamlNode& node, Name& out, std::string_view key);
  bool read(const YamlNode& node, std::string& out, std::string_view key);
  bool read(const YamlNode& node, bool& out, std::string_view key);
  bool read(const YamlNode& node, double& out, std::string_view key);
  bool read(const YamlNode& node, Template& out, std::string_view key);
  bool read(const YamlNode& node, Expression& out, std::string_view key);
  bool read(const YamlNode& node, DurationText& out, std::string_view key);
  bool read(const YamlNode& node, IntegerText& out, std::string_view key);
  bool read(const YamlNode& node, OnFailure& out, std::string_view key);
  bool read(const YamlNode& node, Argument& out, std::string_view key);
  bool read(const YamlNode& node, Approval& out, std::string_view key);
  bool read(const YamlNode& node, Rollback& out, std::string_view key);
  bool read(const YamlNode& node, Verify& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, DoneWhen& out, std::string_view key);
  bool read(const YamlNode& node, Watch& out, std::string_view key);
  bool read(const YamlNode& node, ItemList& out, std::string_view key);
  bool read(const YamlNode& node, FailureLimit& out, std::string_view key);
  bool read(const YamlNode& node, Retry& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Objectives& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Defaults& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, SetValues& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Fail& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Wait& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Audit& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, GateRules& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, RetentionRules& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Anchors& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Call& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Choose& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Requires& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Window& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, Option& out, std::string_view key);
  bool read(const YamlNode& node, Manual& out, std::string_view key) { return read_construct(node, out, key); }
  bool read(const YamlNode& node, KeptText& out, std::string_view key);
  bool read(const YamlNode& node, Claim& out, std::string_view key);
  bool read(const YamlNode& node, Step& out, std::string_view key);
  bool read(const YamlNode& node, Phase& out, std::string_view key);
  bool read(const YamlNode& node, Lock& out, std::string_view key);
  bool read(const YamlNode& node, Locks& out, std::string_view key);
  bool read(const YamlNode& node, Requirement& out, std::string_view key);

  bool read(const YamlNode& node, std::vector<Name>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<std::string>& out, std::string_view key) {
    return read_list(node, out, key);
  }
  bool read(const YamlNode& node, std::vector<Claim>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Requirement>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Step>& out, std::string_view key) { return read_list(node, out, key); }
  bool read(const YamlNode& node, std::vector<Phase>& out, std::string_view key) { return read_list(node, out, key); }
  bool read(const YamlNode& node, std::vector<Option>& out, std::string_view key) { return read_list(node, out, key); }
  bool read(const YamlNode& node, std::vector<Lock>& out, std::string_view key) { return read_list(node, out, key); }
  bool read(const YamlNode& node, std::vector<Template>& out, std::string_view key) {
    return read_list(node, out, key);
  }
  bool read(const YamlNode& node, std::vector<Argument>& out, std::string_view key) {
    return read_list(node, out, key);
  }
  // Maps by free names.
  bool read(const YamlNode& node, std::vector<Entry>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Output>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Input>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<SecretDeclaration>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<ConnectionDeclaration>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<GroupOfPeople>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Evidence>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Person>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<Channel>& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<KeptHeader>& out, std::string_view key);
  // Of scenarios.
  bool read(const YamlNode& node, std::vector<WrittenDatabase>& out, std::string_view key);
  bool read(const YamlNode& node, WrittenFiles& out, std::string_view key);
  bool read(const YamlNode& node, WrittenPerson& out, std::string_view key);
  bool read(const YamlNode& node, WrittenFault& out, std::string_view key);
  bool read(const YamlNode& node, WrittenExpectation& out, std::string_view key);
  bool read(const YamlNode& node, std::vector<WrittenPerson>& out, std::string_view key) {
    return read_list(node, out, key);
  }
  bool read(const YamlNode& node, std::vector<WrittenFault>& out, std::string_view key) {
    return read_list(node, out, key);
  }

  template <class T>
  bool read(const YamlNode& node, std::optional<T>& out, std::string_view key) {
    return read_into(node, out, key);
  }
  template <class T>
  bool read(const YamlNode& node, Boxed<T>& out, std::string_view key) {
    return read_into(node, out, key);
  }

  void refuse(Span at, std::string code, std::string message, std::string help = {}, std::vector<Note> notes = {});

 private:
  template <class T>
  friend class MapVisitor;

  // In place: constructs are large.
  template <class Maybe>
  bool read_into(const YamlNode& node, Maybe& out, std::string_view key) {
    if (read(node, out.emplace(), key)) return true;
    out.reset();
    return false;
  }
  template <class T>
  bool read_construct(const YamlNode& node, T& out, std::string_view key);
  template <class T>
  bool read_list(const YamlNode& node, std::vector<T>& out, std::string_view key);

  // Checks of shape; each says what was expected and what stands there.
  bool wants_map(const YamlNode& node, std::string_view key);
  bool wants_list(const YamlNode& node, std::string_view key);
  bool refuse_map_of_nulls(const YamlNode& node, std::string_view key);
  bool is_merge_key(const YamlNode& key) const {
    return key.is_plain() && tree_.text(key) == "<<";
  }  // the tree has refused it
  bool wants_scalar(const YamlNode& node, std::string_view key, std::string_view expected);
  bool wants_literal(const YamlNode& node, std::string_view key, std::string_view expected);
  bool has_value(const YamlNode& key, const YamlNode& value);
  // `f(key, value)` for each entry whose key is usable and whose value is there.
  template <class F>
  void each_entry(const YamlNode& map, F f);
  Name name_of(const YamlNode& key) { return {tree_.span(key), std::string(tree_.text(key))}; }
  bool loses_text_to_comment(const YamlNode& node) const;
  Span comment_behind(uint32_t at) const;
  bool wrong_shape(const YamlNode& node, std::string_view key, std::string_view expected, std::string help = {});
  bool read_approver(const YamlNode& node, Approver& out);
  // What stands for a value that could not be read: something that nobody knows, so that the checker does not complain
  // again.
  Argument unreadable(const YamlNode& node) const;

  // A key of a map that is being read; all such maps share one list, the innermost at its end.
  struct Key {
    std::string_view text;  // empty: it is no text
    bool used = false;
  };

  const YamlTree& tree_;
  Diagnostics& problems_;
  std::vector<Key> keys_;
};

}  // namespace muster
