#include "interpreter/reference/schema.h"

#include <functional>
#include <set>

#include "interpreter/language/fields.h"
#include "interpreter/reference/field_schema.h"
#include "tests/unit/plan/planned.h"

namespace muster {
namespace {

const Value& schema() {
  static const Value made = schema_of_playbooks(builtin_actions());
  return made;
}

const Value& definition(std::string_view name) {
  static const Value nothing;
  const Value* definitions = member(schema(), "definitions");
  const Value* found = definitions ? member(*definitions, name) : nullptr;
  EXPECT_TRUE(found) << name;
  return found ? *found : nothing;
}

std::set<std::string> names_in(const Value& object) {
  std::set<std::string> names;
  if (const Value* properties = member(object, "properties"))
    for (const auto& [name, value] : properties->get<Map>()) names.insert(name);
  return names;
}

// Every map beneath a value.
void each_map(const Value& value, const std::function<void(const Map&)>& f) {
  if (const Map* map = value.find<Map>()) {
    f(*map);
    for (const auto& [name, inner] : *map) each_map(inner, f);
  } else if (const List* list = value.find<List>()) {
    for (const Value& inner : *list) each_map(inner, f);
  }
}

TEST(Schema, HasEveryKeyOfTheFieldTables) {
  std::set<std::string> step = names_in(definition("step"));
  for (std::string_view key : keys_of<Step>()) EXPECT_TRUE(step.contains(std::string(key))) << key;
  for (const Action& action : builtin_actions()) EXPECT_TRUE(step.contains(action.name)) << action.name;
  std::set<std::string> top = names_in(schema());
  for (std::string_view key : keys_of<Playbook>()) EXPECT_TRUE(top.contains(std::string(key))) << key;
}

TEST(Schema, DescribesEveryProperty) {
  size_t count = 0;
  each_map(schema(), [&](const Map& map) {
    const Value* properties = member(map, "properties");
    if (!properties || !properties->is<Map>()) return;
    for (const auto& [name, property] : properties->get<Map>()) {
      ++count;
      const Value* description = member(property, "description");
      EXPECT_TRUE(description && !to_text(*description).empty()) << name;
    }
  });
  EXPECT_GT(count, 150u);
}

TEST(Schema, RefersToNothingThatIsNotThere) {
  size_t count = 0;
  each_map(schema(), [&](const Map& map) {
    const Value* reference = member(map, "$ref");
    if (!reference || !reference->is<std::string>()) return;
    ++count;
    const std::string start = "#/definitions/";
    ASSERT_EQ(reference->get<std::string>().substr(0, start.size()), start);
    EXPECT_TRUE(definition(reference->get<std::string>().substr(start.size())).is<Map>());
  });
  EXPECT_GT(count, 10u);
}

TEST(Schema, AsksForWhatMustBeThere) {
  EXPECT_EQ(to_text(*member(schema(), "required")), R"(["muster","playbook","phases"])");
  EXPECT_EQ(to_text(*member(definition("verify"), "required")), R"(["that"])");
}

TEST(Schema, OffersTheWordsOfAKey) {
  const Value* effect = member(*member(definition("step"), "properties"), "effect");
  EXPECT_EQ(to_text(*member(*effect, "enum")), R"(["read","write","destructive"])");
}

TEST(Schema, TakesAListWhereAMapMayBeOne) {
  Field keys;
  keys.name = "keys";
  keys.type = FieldType::object;
  EXPECT_EQ(to_text(*member(schema_of(keys), "type")), "object");
  keys.items = {Field{}};
  const Map both = schema_of(keys);
  const List& ways = member(both, "anyOf")->get<List>();
  ASSERT_EQ(ways.size(), 3u);
  EXPECT_EQ(to_text(*member(ways[0], "type")), "object");
  EXPECT_EQ(to_text(*member(ways[1], "type")), "array");
  EXPECT_EQ(to_text(*member(ways[2], "type")), "string") << "an expression";
}

}  // namespace
}  // namespace muster
