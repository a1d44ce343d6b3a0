#include "interpreter/reference/field_schema.h"

namespace muster {
namespace {

// Text with `${{ }}` may stand for a value of any type.
Map template_schema() { return Map{{"type", "string"}, {"pattern", "\\$\\{\\{"}}; }

Map inner_schema(const Field& field) { return field.items.empty() ? text_schema() : schema_of(field.items.front()); }

Map typed_schema(const Field& field) {
  switch (field.type) {
    case FieldType::any:
      return {};
    case FieldType::text:
    case FieldType::path:
    case FieldType::url:
    case FieldType::timestamp:
      return text_schema();
    case FieldType::script: {
      Map text{{"type", "string"}, {"not", Map{{"pattern", "\\$\\{\\{"}}}};
      if (field.fields.empty()) return text;
      return any_of({std::move(text), schema_of(field.fields, field.one_of)});
    }
    case FieldType::integer:
      return integer_schema();
    case FieldType::number:
      return any_of({Map{{"type", "number"}}, template_schema()});
    case FieldType::boolean:
      return any_of({Map{{"type", "boolean"}}, template_schema()});
    case FieldType::duration:
      return duration_schema();
    case FieldType::choice: {
      List choices(field.choices.begin(), field.choices.end());
      return Map{{"enum", std::move(choices)}};
    }
    case FieldType::connection:
      return Map{{"type", "string"}, {"pattern", "^[a-z][a-z0-9_]*$"}};
    case FieldType::function:
      return Map{{"type", "string"}, {"pattern", "^[a-z][a-z0-9_.]*\\.[A-Za-z_][A-Za-z0-9_]*$"}};
    case FieldType::list:
      return any_of({list_of(inner_schema(field)), template_schema()});
    case FieldType::map:
      return any_of({Map{{"type", "object"}, {"additionalProperties", inner_schema(field)}}, template_schema()});
    case FieldType::object: {
      Map object = schema_of(field.fields, field.one_of);
      if (field.items.empty()) return object;
      return any_of({std::move(object), list_of(inner_schema(field)), template_schema()});
    }
    case FieldType::scalar_or_list: {
      Map inner = inner_schema(field);
      return any_of({inner, list_of(inner)});
    }
  }
  return {};
}

}  // namespace

Map text_schema() { return Map{{"type", List{"string", "number", "boolean"}}}; }

Map duration_schema() { return Map{{"type", "string"}, {"pattern", "^([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+$|\\$\\{\\{"}}; }

Map integer_schema() { return any_of({Map{{"type", "integer"}}, template_schema()}); }

Map expression_schema() { return Map{{"type", List{"string", "boolean"}}}; }

Map any_of(List schemas) { return Map{{"anyOf", std::move(schemas)}}; }

Map list_of(Map items) { return Map{{"type", "array"}, {"items", std::move(items)}}; }

List words(const std::vector<std::string_view>& texts) { return List(texts.begin(), texts.end()); }

Map schema_of(const Field& field) {
  Map schema = typed_schema(field);
  if (!field.meaning.empty()) schema["description"] = field.meaning;
  return schema;
}

Map schema_of(const std::vector<Field>& fields, const std::vector<std::vector<std::string>>& one_of) {
  Map properties;
  List required;
  for (const Field& field : fields) {
    properties.emplace(field.name, schema_of(field));
    if (field.required) required.push_back(field.name);
  }
  Map schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema.emplace("required", std::move(required));
  List groups;
  for (const std::vector<std::string>& group : one_of) {
    List alternatives;
    for (const std::string& name : group) alternatives.push_back(Map{{"required", List{name}}});
    groups.push_back(Map{{"oneOf", std::move(alternatives)}});
  }
  if (groups.size() == 1) schema.emplace("oneOf", *member(groups.front(), "oneOf"));
  if (groups.size() > 1) schema.emplace("allOf", std::move(groups));
  return schema;
}

}  // namespace muster
