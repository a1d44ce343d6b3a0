// Functions of scripts in expressions: what the evaluator hands over, and what it keeps from them.
#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

struct WithScripts final : SmallWorld {
  using SmallWorld::SmallWorld;
  tl::expected<Value, std::string> call(const std::string& function, std::span<const Value> arguments) const override {
    if (function == "runs.raises") return tl::unexpected(std::string("runs.lua:3: no"));
    List all(arguments.begin(), arguments.end());
    return Value(Map{{"of", function}, {"got", std::move(all)}});
  }
};

std::string called(const std::string& text, Map names = {}) {
  WithScripts world(std::move(names));
  tl::expected<Evaluation, Diagnostic> got = run(text, world);
  return got ? std::string(type_name(got->value)) + " " + to_text(got->value) : "error: " + got.error().message;
}

TEST(ScriptsInExpressions, GetTheValuesOfTheirArguments) {
  EXPECT_EQ(called("runs.longest(1 + 1, \"x\").got[1]"), "integer 2");
  EXPECT_EQ(called("runs.longest().of"), "string runs.longest");
  EXPECT_EQ(called("len(runs.longest(1, nil, 3).got)"), "integer 3");
}

TEST(ScriptsInExpressions, SayWhereTheyRaised) { EXPECT_EQ(called("runs.raises(1)"), "error: runs.lua:3: no"); }

TEST(ScriptsInExpressions, AreNotAskedWithWhatNobodyKnows) {
  EXPECT_EQ(called("runs.raises(a)", Map{{"a", Unknown{"known after x"}}}), "unknown (known after x)");
  EXPECT_EQ(called("runs.raises({1, {b = a}})", Map{{"a", Unknown{"known after x"}}}), "unknown (known after x)");
}

TEST(ScriptsInExpressions, AreNeverHandedASecret) {
  std::string said = called("runs.longest(a)", Map{{"a", Secret("key", "hunter2")}});
  EXPECT_EQ(said.rfind("error: ", 0), 0u) << said;
  EXPECT_EQ(said.find("hunter2"), std::string::npos);
}

TEST(ScriptsInExpressions, AreRefusedWhereThereAreNone) {
  SmallWorld world;
  EXPECT_EQ(yields("runs.longest(1)"), "error: no function is called `runs.longest`");
}

}  // namespace
}  // namespace muster
