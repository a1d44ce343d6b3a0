// Functions of scripts, by name: in fields and in expressions.
#include <gtest/gtest.h>

#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

class TwoFunctions final : public Scripts {
 public:
  const std::vector<std::string>& names() const override { return names_; }
  Result<std::unique_ptr<ScriptFunction>> open(std::string_view, const ScriptContext&) const override {
    return fail(ErrorCode::not_found, "the checker calls nothing");
  }
  Result<Value> call(std::string_view, std::span<const Value>, const ScriptContext&) const override {
    return fail(ErrorCode::not_found, "the checker calls nothing");
  }

 private:
  std::vector<std::string> names_ = {"runs.consecutive_days", "runs.longest"};
};

Checked with_scripts(const std::string& steps) {
  static const TwoFunctions scripts;
  return Checked(with_steps(steps), &scripts);
}

TEST(ScriptFunctions, CanStandInAFieldThatAsksForOne) {
  EXPECT_EQ(with_scripts("- look: {how: runs.longest}").said(), "");
}

TEST(ScriptFunctions, AreNamedRightOrTheNearestIsShown) {
  EXPECT_EQ(with_scripts("- look: {how: runs.longst}").said(),
            "t.yaml:6:21: error: no function is called `runs.longst` [unknown-function]\n"
            "6 |       - look: {how: runs.longst}\n"
            "  |                     ^^^^^^^^^^^\n"
            "  = help: did you mean `runs.longest`?\n\n1 error\n");
  EXPECT_TRUE(Checked(with_steps("- look: {how: runs.longest}")).says("unknown-function"));
}

TEST(ScriptFunctions, AreWrittenOutInFieldsNeverComputed) {
  EXPECT_TRUE(with_scripts("- look: {how: \"${{ run.id }}\"}").says("literal-only"));
  EXPECT_TRUE(with_scripts("- look: {how: [runs.longest]}").says("wrong-shape"));
}

TEST(ScriptFunctions, CanBeCalledInExpressions) {
  EXPECT_EQ(with_scripts("- look: {text: \"${{ runs.longest(run.id) }}\"}").said(), "");
  EXPECT_TRUE(with_scripts("- look: {text: \"${{ runs.longst(run.id) }}\"}").says("unknown-function"));
  EXPECT_TRUE(with_scripts("- look: {text: \"${{ other.thing(1) }}\"}").says("unknown-function"));
  EXPECT_TRUE(with_scripts("- look: {text: \"${{ runs.longest }}\"}").says("unknown-name"));
  EXPECT_TRUE(with_scripts("- look: {text: \"${{ runs.longest(inputs.x) }}\"}").says("unknown-input"));
}

TEST(TextWithAPattern, MatchesItOrIsRefused) {
  EXPECT_EQ(with_scripts("- look: {code: srv-12}").said(), "");
  EXPECT_EQ(with_scripts("- look: {code: web-12}").said(),
            "t.yaml:6:22: error: `code` must match `^srv-[0-9]+$`, and `web-12` does not [wrong-type]\n"
            "6 |       - look: {code: web-12}\n"
            "  |                      ^^^^^^\n\n1 error\n");
}

}  // namespace
}  // namespace muster
