#include "interpreter/checker/arguments.h"

#include <gtest/gtest.h>

#include "interpreter/base/json.h"
#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

Field field(std::string name, FieldType type, bool required = false) {
  Field f;
  f.name = std::move(name);
  f.type = type;
  f.required = required;
  return f;
}

Field with_item(Field f, FieldType type) {
  f.items = {field("", type)};
  return f;
}

// The arguments of `look` as YAML writes them.
Argument argument(const std::string& yaml) {
  SourceFiles files;
  Diagnostics problems;
  uint32_t file = files.add({"t.yaml", with_steps("- look: " + yaml), ""});
  auto playbook = read_playbook(files, file, problems);
  EXPECT_TRUE(problems.empty()) << render_all(problems, files);
  return playbook->phases[0].group.steps[0].actions[0].args;
}

// Values for whole `${{ name }}` and texts with one inside.
ArgumentValues values(Map known) {
  ArgumentValues v;
  v.text = [known](const Template& text, bool is_url) -> tl::expected<Value, Diagnostic> {
    if (text.is_constant()) return Value(text.constant_text());
    std::string all;
    for (const auto& piece : text.pieces) {
      if (const auto* word = std::get_if<std::string>(&piece)) {
        all += *word;
        continue;
      }
      const Value* value = member(known, std::get<Expression>(piece).text);
      if (!value) {
        Diagnostic d;
        d.code = "expression-failed";
        return tl::unexpected(d);
      }
      if (text.whole()) return *value;
      all += (is_url ? "url:" : "") + to_text(*value);
    }
    return Value(all);
  };
  v.connection = [](const Name& name) -> tl::expected<Value, Diagnostic> {
    return Value(Map{{"name", Value(name.text)}, {"kind", Value("sqlite")}, {"path", Value("/a.db")}});
  };
  return v;
}

struct Typed {
  Map map;
  std::string code;
};

Typed typed(const std::vector<Field>& fields, const std::string& yaml, Map known = {},
            std::vector<std::vector<std::string>> one_of = {}) {
  Action action;
  action.name = "look";
  action.fields = fields;
  action.one_of = std::move(one_of);
  auto result = type_arguments(argument(yaml), action, values(std::move(known)));
  if (result) return {*result, ""};
  return {{}, result.error().empty() ? "none" : result.error().front().code};
}

std::string json(const Typed& t) { return t.code.empty() ? print_json(Value(t.map)) : t.code; }

TEST(Arguments, AreTypedByTheirFieldsWhateverTheyLookLike) {
  EXPECT_EQ(json(typed({field("a", FieldType::text)}, "{a: 012}")), R"({"a":"012"})");
  EXPECT_EQ(json(typed({field("a", FieldType::text)}, "{a: null}")), R"({"a":"null"})");
  EXPECT_EQ(json(typed({field("a", FieldType::integer)}, "{a: \"12\"}")), R"({"a":12})");
  EXPECT_EQ(json(typed({field("a", FieldType::boolean)}, "{a: true}")), R"({"a":true})");
  EXPECT_EQ(json(typed({field("a", FieldType::number)}, "{a: 1.5}")), R"({"a":1.5})");
  EXPECT_TRUE(same(typed({field("a", FieldType::duration)}, "{a: 2m}").map["a"], Value(Duration::seconds(120))));
  EXPECT_TRUE(typed({field("a", FieldType::timestamp)}, "{a: 2026-01-15T10:00:00Z}").map["a"].is<Timestamp>());
}

TEST(Arguments, ThatDoNotFitTheirTypeAreRefused) {
  EXPECT_EQ(typed({field("a", FieldType::integer)}, "{a: 1.5}").code, "wrong-type");
  EXPECT_EQ(typed({field("a", FieldType::boolean)}, "{a: yes}").code, "wrong-type");
  EXPECT_EQ(typed({field("a", FieldType::duration)}, "{a: 30}").code, "bad-duration");
  EXPECT_EQ(typed({field("a", FieldType::timestamp)}, "{a: soon}").code, "wrong-type");
  EXPECT_EQ(typed({field("a", FieldType::text)}, "{a: [b]}").code, "wrong-shape");
  EXPECT_EQ(typed({field("a", FieldType::text)}, "text").code, "wrong-shape");
}

TEST(Arguments, TakeValuesOfExpressionsByTheirType) {
  EXPECT_EQ(json(typed({field("a", FieldType::integer)}, "{a: \"${{ x }}\"}", {{"x", Value(3.0)}})), R"({"a":3})");
  EXPECT_TRUE(same(typed({field("a", FieldType::duration)}, "{a: \"${{ x }}\"}", {{"x", Value(90)}}).map["a"],
                   Value(Duration::seconds(90))));
  EXPECT_EQ(json(typed({field("a", FieldType::text)}, "{a: \"${{ x }}\"}", {{"x", Value(5)}})), R"({"a":"5"})");
  EXPECT_EQ(typed({field("a", FieldType::text)}, "{a: \"${{ x }}\"}", {{"x", Value(List{})}}).code, "wrong-type");
  EXPECT_EQ(typed({field("a", FieldType::integer)}, "{a: \"${{ x }}\"}", {{"x", Value(true)}}).code, "wrong-type");
  EXPECT_EQ(typed({field("a", FieldType::integer)}, "{a: \"${{ x }}\"}").code, "expression-failed");
}

TEST(Arguments, WhoseValueIsNilAreAbsentAndMissedWhereTheyAreRequired) {
  EXPECT_EQ(json(typed({field("a", FieldType::text)}, "{a: \"${{ x }}\"}", {{"x", Value()}})), "{}");
  EXPECT_EQ(typed({field("a", FieldType::text, true)}, "{a: \"${{ x }}\"}", {{"x", Value()}}).code, "missing-field");
}

TEST(Arguments, KeepUnknownAndSecretValuesAsTheyAre) {
  EXPECT_TRUE(typed({field("a", FieldType::integer)}, "{a: \"${{ x }}\"}", {{"x", Value(Unknown{"later"})}})
                  .map["a"]
                  .is<Unknown>());
  EXPECT_TRUE(typed({field("a", FieldType::text)}, "{a: \"${{ x }}\"}", {{"x", Value(Secret("s", "t"))}})
                  .map["a"]
                  .is<Secret>());
}

TEST(Arguments, OfListsSpliceListsAndDropNil) {
  Field list = with_item(field("a", FieldType::list), FieldType::text);
  Map known{{"xs", Value(List{Value("1"), Value("2")})}, {"no", Value()}, {"n", Value(7)}};
  EXPECT_EQ(json(typed({list}, "{a: [x, \"${{ xs }}\", \"${{ no }}\", \"${{ n }}\", 08]}", known)),
            R"({"a":["x","1","2","7","08"]})");
  EXPECT_EQ(json(typed({list}, "{a: \"${{ xs }}\"}", known)), R"({"a":["1","2"]})");
  EXPECT_EQ(typed({list}, "{a: \"x ${{ n }}\"}", known).code, "wrong-shape");
}

TEST(Arguments, OfScalarOrListAreOneOrMany) {
  Field either = with_item(field("a", FieldType::scalar_or_list), FieldType::integer);
  EXPECT_EQ(json(typed({either}, "{a: 5}")), R"({"a":5})");
  EXPECT_EQ(json(typed({either}, "{a: [5, 6]}")), R"({"a":[5,6]})");
  EXPECT_EQ(json(typed({either}, "{a: \"${{ xs }}\"}", {{"xs", Value(List{Value(1)})}})), R"({"a":[1]})");
  EXPECT_EQ(typed({either}, "{a: x}").code, "wrong-type");
}

TEST(Arguments, OfScalarOrListTakeObjectsAlone) {
  Field either = field("a", FieldType::scalar_or_list);
  Field object = field("", FieldType::object);
  object.fields = {field("b", FieldType::integer)};
  either.items = {object};
  EXPECT_EQ(json(typed({either}, "{a: {b: 1}}")), R"({"a":{"b":1}})");
  EXPECT_EQ(json(typed({either}, "{a: [{b: 1}]}")), R"({"a":[{"b":1}]})");
}

TEST(Arguments, OfObjectsHaveFieldsOfTheirOwn) {
  Field object = field("o", FieldType::object);
  object.fields = {field("b", FieldType::integer, true), field("c", FieldType::text)};
  object.one_of = {};
  EXPECT_EQ(json(typed({object}, "{o: {b: 1, c: x}}")), R"({"o":{"b":1,"c":"x"}})");
  EXPECT_EQ(typed({object}, "{o: {c: x}}").code, "missing-field");
  EXPECT_EQ(typed({object}, "{o: {b: 1, d: x}}").code, "unknown-field");
}

TEST(Arguments, StandAloneInTheirGroup) {
  std::vector<Field> fields = {field("a", FieldType::text), field("b", FieldType::text)};
  EXPECT_EQ(typed(fields, "{a: x, b: y}", {}, {{"a", "b"}}).code, "one-of");
  EXPECT_EQ(typed(fields, "{}", {}, {{"a", "b"}}).code, "missing-field");
  EXPECT_EQ(typed(fields, "{b: y}", {}, {{"a", "b"}}).code, "");
}

TEST(Arguments, OfAnyTypeFollowTheYamlCoreSchemaUnlessQuoted) {
  EXPECT_EQ(json(typed({field("a", FieldType::any)},
                       "{a: {i: 12, f: 1.5e3, b: true, n: null, s: yes, q: \"12\", h: 0x1F, d: 2024-01-01}}")),
            R"({"a":{"b":true,"d":"2024-01-01","f":1500,"h":31,"i":12,"n":null,"q":"12","s":"yes"}})");
}

TEST(Arguments, OfUrlsAreAskedForAsUrls) {
  EXPECT_EQ(json(typed({field("a", FieldType::url)}, "{a: \"http://h/${{ x }}\"}", {{"x", Value("p")}})),
            R"({"a":"http://h/url:p"})");
}

TEST(Arguments, NeverComputeStructure) {
  Field choice = field("a", FieldType::choice);
  choice.choices = {"x"};
  EXPECT_EQ(typed({choice}, "{a: \"${{ x }}\"}", {{"x", Value("x")}}).code, "literal-only");
  EXPECT_EQ(typed({field("a", FieldType::connection)}, "{a: \"${{ x }}\"}", {{"x", Value("x")}}).code, "literal-only");
}

TEST(Arguments, HoldAConnectionInPlaceOfItsName) {
  Field c = field("a", FieldType::connection);
  EXPECT_EQ(json(typed({c}, "{a: db}")), R"({"a":{"kind":"sqlite","name":"db","path":"/a.db"}})");
  c.kinds = {"http"};
  EXPECT_EQ(typed({c}, "{a: db}").code, "wrong-connection");
}

ConnectionDeclaration declaration(const std::string& yaml) {
  SourceFiles files;
  Diagnostics problems;
  uint32_t file = files.add({"t.yaml", with_steps("- look: {}", "connections:\n  c: " + yaml + "\n"), ""});
  return read_playbook(files, file, problems)->connections.at(0);
}

std::string connection(const std::string& yaml, Map known = {}) {
  auto result = type_connection(declaration(yaml), values(std::move(known)));
  return result ? print_json(Value(*result)) : result.error().front().code;
}

TEST(Connections, AreFlatMapsOfTheirSettings) {
  EXPECT_EQ(connection("{sqlite: \"${{ x }}\"}", {{"x", Value("/b.db")}}),
            R"({"kind":"sqlite","name":"c","path":"/b.db"})");
  EXPECT_EQ(connection("{http: \"http://h/\", headers: {A: b}, ca: /x}"),
            R"({"ca":"/x","headers":{"A":"b"},"kind":"http","name":"c","url":"http://h/"})");
  EXPECT_EQ(connection("{ssh: {host: h, port: 22}}"), R"({"host":"h","kind":"ssh","name":"c","port":22})");
}

TEST(Connections, RefuseSettingsThatTheirKindDoesNotHave) {
  EXPECT_EQ(connection("{sqlite: /a.db, headers: {A: b}}"), "unknown-field");
  EXPECT_EQ(connection("{ssh: {user: u}}"), "missing-field");
  EXPECT_EQ(connection("{sqlite: \"${{ x }}\"}", {{"x", Value()}}), "missing-field");
}

}  // namespace
}  // namespace muster
