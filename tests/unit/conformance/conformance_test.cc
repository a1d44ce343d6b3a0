// What holds for every action, built in or defined in Lua: one suite, so that an action of one's own looks, checks,
// previews and complains like the others.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/regex.h"
#include "interpreter/checker/made_values.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/engine/silent.h"
#include "tests/unit/conformance/every_action.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

// Calls nobody.
class NobodyElse final : public Actions {
 public:
  Result<Value> call(std::string_view, std::string_view action, const Map&) override {
    return fail(ErrorCode::refused, "`" + std::string(action) + "` was called");
  }
};

struct EveryAction : testing::Test {
  EveryAction() : actions(every_action()), calls(calls_of_every_action(folder.path())) { make_files(folder.path()); }

  // What the checker says of one step, without the lines that it quotes.
  std::vector<std::string> said_of(const std::string& step) const {
    SourceFiles files;
    files.add({"p.muster.yaml",
               "muster: 1\nplaybook: p\nextensions: [everything.lua]\nphases:\n  - id: only\n    steps:\n      - " +
                   step + "\n",
               ""});
    auto lua = [](const std::string&) -> tl::expected<std::string, std::string> {
      return std::string(everything_in_lua);
    };
    Extended extended;
    Diagnostics problems;
    (void)read_and_check(files, lua, builtin_actions(), extended, problems).has_value();
    std::vector<std::string> said;
    for (const Diagnostic& problem : problems)
      said.push_back("[" + problem.code + "] " + problem.message + (problem.help.empty() ? "" : " = " + problem.help));
    return said;
  }
  static bool has(const std::vector<std::string>& said, const std::string& line) {
    return std::find(said.begin(), said.end(), line) != said.end();
  }

  TempDirectory folder;
  std::vector<Action> actions;
  std::map<std::string, std::vector<Map>> calls;
};

// The named ones; the items of lists and maps have no name of their own.
void each_field(const std::vector<Field>& fields, const std::string& start,
                const std::function<void(const Field&, const std::string&)>& f) {
  for (const Field& field : fields) {
    const std::string name = start.empty() ? field.name : start + "." + field.name;
    f(field, name);
    each_field(field.fields, name, f);
    for (const Field& item : field.items) each_field(item.fields, name, f);
  }
}

// The names of the fields that stand in a value.
void note_fields(const std::vector<Field>& fields, const Value& value, const std::string& start,
                 std::set<std::string>& used) {
  if (const List* list = value.find<List>())
    for (const Value& item : *list) note_fields(fields, item, start, used);
  const Map* map = value.find<Map>();
  if (!map) return;
  for (const Field& field : fields) {
    const Value* inner = member(*map, field.name);
    if (!inner) continue;
    const std::string name = start.empty() ? field.name : start + "." + field.name;
    used.insert(name);
    note_fields(field.fields, *inner, name, used);
    for (const Field& item : field.items) note_fields(item.fields, *inner, name, used);
  }
}

TEST_F(EveryAction, DescribesItselfAndEachOfItsFields) {
  tl::expected<Regex, std::string> word = Regex::compile("^[a-z][a-z0-9_]*$");
  ASSERT_TRUE(word.has_value());
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    EXPECT_TRUE(word->search(action.name).has_value());
    EXPECT_FALSE(action.summary.empty());
    EXPECT_EQ(action.summary.find('\n'), std::string::npos);
    EXPECT_NE(action.summary.back(), '.');
    EXPECT_FALSE(action.fields.empty());
    std::set<std::string> seen;
    each_field(action.fields, "", [&](const Field& field, const std::string& name) {
      SCOPED_TRACE(name);
      EXPECT_TRUE(word->search(field.name).has_value());
      EXPECT_TRUE(seen.insert(name).second) << "twice";
      EXPECT_FALSE(field.meaning.empty()) << "nobody knows what it means";
      EXPECT_EQ(field.type == FieldType::choice, !field.choices.empty());
      EXPECT_LE(field.items.size(), 1u);
      if (field.type == FieldType::object) EXPECT_FALSE(field.fields.empty());
      if (field.opens_secrets) EXPECT_NE(field.type, FieldType::path) << "a path stands in logs";
    });
    for (const std::vector<std::string>& group : action.one_of) {
      EXPECT_GT(group.size(), 1u);
      for (const std::string& name : group) {
        auto row = std::find_if(action.fields.begin(), action.fields.end(),
                                [&](const Field& field) { return field.name == name; });
        ASSERT_NE(row, action.fields.end()) << name;
        EXPECT_FALSE(row->required) << name << " is one of several";
      }
    }
    EXPECT_FALSE(action.results.empty());
    for (const ResultField& result : action.results) {
      EXPECT_TRUE(word->search(result.name).has_value()) << result.name;
      EXPECT_FALSE(result.meaning.empty()) << result.name;
    }
    EXPECT_EQ(action.origin.empty(), action.name != "greet" && action.name != "weather");
  }
}

TEST_F(EveryAction, HasCallsInWhichEachOfItsFieldsStands) {
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    ASSERT_FALSE(calls[action.name].empty()) << "give it calls in every_action.h";
    std::set<std::string> used;
    for (const Map& call : calls[action.name]) {
      tl::expected<Map, Diagnostics> typed = type_values(call, action);
      EXPECT_TRUE(typed.has_value()) << typed.error().front().message << " in " << to_text(Value(call));
      note_fields(action.fields, Value(call), "", used);
    }
    each_field(action.fields, "", [&](const Field&, const std::string& name) {
      EXPECT_TRUE(used.contains(name)) << name << " stands in no call";
    });
  }
}

TEST_F(EveryAction, LooksWhereItReadsAndActsWhereItWrites) {
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    ASSERT_TRUE(action.effect);
    bool reads = false, writes = false;
    for (const Map& call : calls[action.name]) {
      Effect effect = action.effect(call);
      (effect == Effect::read ? reads : writes) = true;
      // What is not known yet makes an effect no weaker than it may become.
      Map unknown;
      for (const auto& [name, value] : call) unknown[name] = Unknown{"later"};
      EXPECT_GE(action.effect(unknown), effect) << to_text(Value(call));
    }
    if (reads) EXPECT_TRUE(action.look) << "it reads, and cannot be asked";
    if (writes) {
      EXPECT_TRUE(action.act);
      EXPECT_TRUE(action.preview) << "a gate could not show what it will do";
    }
    if (!writes) EXPECT_FALSE(action.act) << "nothing of it writes";
    if (action.rollback) EXPECT_TRUE(action.act);
    if (action.probe) EXPECT_TRUE(action.act);
  }
}

TEST_F(EveryAction, RefusesAnUnknownFieldInTheSameWords) {
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    const std::string wanted = "[unknown-field] `" + action.name + "` has no field `zzzzzz`";
    std::vector<std::string> said = said_of(action.name + ": {zzzzzz: 1}");
    EXPECT_EQ(
        std::count_if(said.begin(), said.end(), [&](const std::string& line) { return line.rfind(wanted, 0) == 0; }), 1)
        << (said.empty() ? "nothing" : said[0]);
    Map call = calls[action.name].front();
    call["zzzzzz"] = 1;
    tl::expected<Map, Diagnostics> typed = type_values(call, action);
    ASSERT_FALSE(typed.has_value()) << "from a script it passes";
    EXPECT_EQ("[unknown-field] " + typed.error().front().message, wanted);
    // And a name that is nearly one of its own.
    const std::string field = action.fields.front().name;
    const std::string near =
        "[unknown-field] `" + action.name + "` has no field `" + field + "x` = did you mean `" + field + "`?";
    EXPECT_TRUE(has(said_of(action.name + ": {" + field + "x: 1}"), near)) << near;
  }
}

TEST_F(EveryAction, SaysWhatItMissesInTheSameWords) {
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    std::vector<std::string> said = said_of(action.name + ": {}");
    for (const Field& field : action.fields) {
      if (!field.required) continue;
      auto names_it = [&](const std::string& line) {
        return line.rfind("[missing-field] ", 0) == 0 && line.find("`" + field.name + "`") != std::string::npos;
      };
      EXPECT_EQ(std::count_if(said.begin(), said.end(), names_it), 1) << field.name;
    }
    for (const std::vector<std::string>& group : action.one_of) {
      auto names_all = [&](const std::string& line) {
        return std::all_of(group.begin(), group.end(),
                           [&](const std::string& name) { return line.find("`" + name + "`") != std::string::npos; });
      };
      EXPECT_EQ(std::count_if(said.begin(), said.end(), names_all), 1) << group.front();
    }
  }
}

// Names, sizes, times and bytes of all that is beneath a folder.
std::map<std::string, std::string> all_of(const std::string& folder) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().string();
    // What SQLite puts beside a database that is looked at.
    if (name.ends_with("-wal") || name.ends_with("-shm")) continue;
    std::string what = std::to_string(entry.last_write_time().time_since_epoch().count());
    if (entry.is_directory()) what = "folder";
    if (entry.is_regular_file()) {
      std::ifstream file(name, std::ios::binary);
      what += " " + sha256_hex(std::string(std::istreambuf_iterator<char>(file), {}));
    }
    all[name] = what;
  }
  return all;
}

TEST_F(EveryAction, TouchesNothingInAPreview) {
  TempDirectory elsewhere;  // the store's folder, and where scratch goes
  Invocation invocation;
  invocation.environment["TMPDIR"] = elsewhere.path();
  RealWorld world(invocation, elsewhere.path() + "/muster.db");
  const std::map<std::string, std::string> before = all_of(folder.path());
  ASSERT_GT(before.size(), 5u);
  for (const Action& action : actions) {
    SCOPED_TRACE(action.name);
    if (!action.preview) continue;
    bool first = true;
    for (const Map& call : calls[action.name]) {
      tl::expected<Map, Diagnostics> typed = type_values(call, action);
      ASSERT_TRUE(typed.has_value());
      NobodyElse others;
      ReadMarks marks;
      SilentProgress progress;
      SilentStreams streams;
      std::string run = "run";
      OpId op{"only/step"};
      StepInput input{*typed, run, op, 1, "key", Duration::seconds(5), {}, marks, others, progress, streams};
      Look look = world.world().look();
      Trial trial = world.world().trial();
      Result<Preview> preview = action.preview(input, look, trial);
      if (std::exchange(first, false)) {
        ASSERT_TRUE(preview.has_value()) << preview.error().message;
        EXPECT_FALSE(preview->lines.empty()) << "a gate would show nothing";
      }
      EXPECT_EQ(all_of(folder.path()), before) << to_text(Value(call));
    }
  }
  std::ofstream(folder.path() + "/data/note") << "another note\n";
  EXPECT_NE(all_of(folder.path()), before) << "these eyes see nothing";
}

}  // namespace
}  // namespace muster
