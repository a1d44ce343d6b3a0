#include "interpreter/reference/schema.h"

#include <memory>
#include <optional>
#include <type_traits>
#include <typeindex>
#include <unordered_map>

#include "interpreter/language/fields.h"
#include "interpreter/language/has_rows.h"
#include "interpreter/language/words.h"
#include "interpreter/reference/field_schema.h"

namespace muster {
namespace {

constexpr std::string_view name_pattern = "^[a-z][a-z0-9_]*$";

template <class T>
struct Inner;
template <class T>
struct Inner<Boxed<T>> {
  using Type = T;
};
template <class T>
struct Inner<std::optional<T>> {
  using Type = T;
};
template <class T>
struct Inner<std::shared_ptr<T>> {
  using Type = T;
};
template <class T>
struct Inner<std::vector<T>> {
  using Type = T;
};
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

class Schemas {
 public:
  explicit Schemas(const std::vector<Action>& actions) : actions_(actions) {}

  // The rows of a construct as a map's schema.
  template <class T>
  Map object() {
    T construct{};
    Rows<T> rows{*this, {}, {}, false};
    describe(construct, rows);
    Map schema{{"type", "object"}, {"properties", std::move(rows.properties)}};
    if (!rows.required.empty()) schema.emplace("required", std::move(rows.required));
    if (!rows.free_names) schema.emplace("additionalProperties", false);
    return schema;
  }

  // The schema of a member, by its type. Types that nobody has told us about may hold anything.
  template <class M>
  Map member_schema(std::string_view key) {
    if constexpr (std::is_same_v<M, bool>) {
      return Map{{"type", "boolean"}};
    } else if constexpr (std::is_same_v<M, double>) {
      return Map{{"type", "number"}};
    } else if constexpr (std::is_same_v<M, Name>) {
      return Map{{"type", "string"}};
    } else if constexpr (std::is_same_v<M, std::string> || std::is_same_v<M, Template> || std::is_same_v<M, Lock>) {
      return text_schema();
    } else if constexpr (std::is_same_v<M, IntegerText>) {
      return integer_schema();
    } else if constexpr (std::is_same_v<M, FailureLimit>) {
      return any_of({Map{{"type", "integer"}, {"minimum", 0}}, text_schema()});
    } else if constexpr (std::is_same_v<M, ItemList>) {
      return any_of({expression_schema(), list_of(Map{})});
    } else if constexpr (std::is_same_v<M, DurationText>) {
      return duration_schema();
    } else if constexpr (std::is_same_v<M, Expression>) {
      return expression_schema();
    } else if constexpr (std::is_same_v<M, OnFailure>) {
      return Map{{"enum", words(failure_words)}};
    } else if constexpr (std::is_same_v<M, std::vector<Name>>) {
      return any_of({Map{{"type", "string"}}, list_of(Map{{"type", "string"}})});
    } else if constexpr (std::is_same_v<M, std::vector<Claim>>) {
      Map claim = any_of({expression_schema(), reference<Claim>("claim")});
      return any_of({claim, list_of(claim)});
    } else if constexpr (std::is_same_v<M, std::vector<Requirement>>) {
      return approvers();
    } else if constexpr (std::is_same_v<M, std::vector<Entry>> || std::is_same_v<M, std::vector<Output>>) {
      return Map{{"type", "object"}};
    } else if constexpr (std::is_same_v<M, std::vector<Input>>) {
      return by_name(reference<Input>("input"));
    } else if constexpr (std::is_same_v<M, std::vector<SecretDeclaration>>) {
      return by_name(reference<SecretDeclaration>("secret"));
    } else if constexpr (std::is_same_v<M, std::vector<ConnectionDeclaration>>) {
      return by_name(connection());
    } else if constexpr (std::is_same_v<M, Approval>) {
      return any_of({Map{{"type", "boolean"}}, reference<Approval>("approval")});
    } else if constexpr (std::is_same_v<M, Rollback>) {
      return any_of({Map{{"const", "auto"}}, list_of(reference<Step>("step"))});
    } else if constexpr (std::is_same_v<M, Locks>) {
      return any_of({list_of(text_schema()), reference<Locks>("locks")});
    } else if constexpr (std::is_same_v<M, Step>) {
      return reference<Step>("step");
    } else if constexpr (std::is_same_v<M, Phase>) {
      return reference<Phase>("phase");
    } else if constexpr (HasRows<M>) {
      return reference<M>(std::string(key));
    } else if constexpr (IsList<M>) {
      return list_of(member_schema<typename Inner<M>::Type>(key));
    } else if constexpr (IsMaybe<M>) {
      return member_schema<typename Inner<M>::Type>(key);
    } else {
      return {};
    }
  }

  Map definitions() && { return std::move(definitions_); }

 private:
  template <class T>
  struct Rows {
    Schemas& all;
    Map properties;
    List required;
    bool free_names = false;

    template <class M>
    void operator()(std::string_view key, M&, Need need, std::string_view meaning) {
      Map schema = all.member_schema<M>(key);
      if (std::vector<std::string_view> only = words_of<T>(key); !only.empty()) schema = Map{{"enum", words(only)}};
      if (key == "id") schema["pattern"] = name_pattern;
      if constexpr (std::is_same_v<T, Playbook>) {
        if (key == "muster") schema = Map{{"const", 1}};
        if (key == "playbook") schema["pattern"] = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$";
      }
      if (schema.contains("$ref")) schema = any_of({schema});  // draft-07 forgets whatever stands beside a `$ref`
      schema["description"] = meaning;
      properties.emplace(key, std::move(schema));
      if (need == Need::required) required.push_back(Value(key));
    }
    void calls(std::vector<ActionCall>&, std::string_view) {
      for (const Action& action : all.actions_) properties.emplace(action.name, all.call(action));
    }
    void entries(std::vector<Entry>&, std::string_view) { free_names = true; }
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

  static Map refer_to(const std::string& name) { return Map{{"$ref", "#/definitions/" + name}}; }

  template <class T>
  Map reference(std::string name) {
    auto [known, is_new] = names_.emplace(std::type_index(typeid(T)), name);
    if (!is_new) return refer_to(known->second);
    if (definitions_.contains(name)) known->second = name = name + "_" + std::to_string(names_.size());
    definitions_.emplace(name, Map{});  // it may refer to itself
    definitions_[name] = object<T>();
    return refer_to(name);
  }

  Map call(const Action& action) {
    std::string name = "action_" + action.name;
    if (!definitions_.contains(name)) definitions_.emplace(name, schema_of(action.fields, action.one_of));
    Map schema = any_of({refer_to(name)});
    schema.emplace("description", action.summary);
    return schema;
  }

  static Map by_name(Map schema) {
    return Map{{"type", "object"},
               {"propertyNames", Map{{"pattern", name_pattern}}},
               {"additionalProperties", std::move(schema)}};
  }

  static Map approvers() {
    Map one{{"type", "string"}, {"pattern", "^(group|user):.+$"}};
    Map some{{"type", "object"},
             {"properties",
              Map{{"of", Map{{"type", "array"}, {"items", one}, {"description", "who may decide"}}},
                  {"count", Map{{"type", "integer"}, {"minimum", 1}, {"description", "how many of them must agree"}}}}},
             {"required", List{"of"}},
             {"additionalProperties", false}};
    Map item = any_of({one, some});
    return any_of({one, some, list_of(item)});
  }

  static Map connection() {
    List kinds;
    for (const ConnectionKind& kind : connection_kinds()) {
      std::vector<Field> fields = kind.settings;
      fields.push_back(kind.own);
      fields.back().name = kind.name;
      fields.back().meaning = kind.own.meaning.empty() ? std::string(kind.meaning) : kind.own.meaning;
      Map schema = schema_of(fields, {});
      schema.emplace("description", kind.meaning);
      kinds.push_back(std::move(schema));
    }
    return any_of(std::move(kinds));
  }

  const std::vector<Action>& actions_;
  Map definitions_;
  std::unordered_map<std::type_index, std::string> names_;
};

}  // namespace

Value schema_of_playbooks(const std::vector<Action>& actions) {
  Schemas schemas(actions);
  Map schema = schemas.object<Playbook>();
  schema.emplace("$schema", "http://json-schema.org/draft-07/schema#");
  schema.emplace("title", "Muster playbook");
  schema.emplace("description", "A playbook of muster, version 1 of its language: `NAME.muster.yaml`");
  schema.emplace("definitions", std::move(schemas).definitions());
  return schema;
}

}  // namespace muster
