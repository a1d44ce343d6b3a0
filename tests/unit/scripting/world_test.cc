// The world of a scenario runs behind the same fence as an extension: the same limits, nothing of this world, one
// order.
#include "scripting/scenario_world.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

class NoHands final : public ScenarioHands {
 public:
  Result<Value> call(std::string_view, const Map&) override { return fail(ErrorCode::refused, "nothing here"); }
  Timestamp now() override { return *parse_timestamp("2026-01-15T10:00:00Z"); }
};

// What the world answers to `ask` whose function has this body.
std::string answers(const std::string& body) {
  SourceFiles files;
  Diagnostics problems;
  std::vector<ScriptFile> scripts = {
      {files.add({"world.lua", "return {commands = {ask = function(call, ctx) " + body + " end}}", ""}), "world",
       true}};
  std::unique_ptr<ScenarioWorld> world = load_scenario_world(files, scripts, problems);
  if (!world) return render_all(problems, files);
  NoHands hands;
  Result<Value> answer = world->answer(false, "ask", Map{{"b", 1}, {"a", 2}}, hands);
  return answer ? to_text(*answer) : answer.error().message;
}

TEST(ScenarioWorlds, WalkTheirTablesInOneOrder) {
  // So many keys, put in from behind, that no table of Lua has them in this order by itself.
  EXPECT_EQ(answers("local t, out = {}, {} for c = 122, 97, -1 do t[string.char(c)] = true end\n"
                    "for k in pairs(t) do out[#out + 1] = k end return table.concat(out)"),
            "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(answers("local out = {} for k, v in pairs(call) do out[#out + 1] = k .. v end return table.concat(out)"),
            "a2b1");
  EXPECT_EQ(answers("return (next(call))"), "a");
}

TEST(ScenarioWorlds, HaveNoDoorToThisWorld) {
  EXPECT_EQ(
      answers("local out = '' for _, name in ipairs{'io', 'os', 'debug', 'package', 'dofile', 'collectgarbage'} do\n"
              "if _G[name] ~= nil then out = out .. name end end return out .. '.'"),
      ".");
  EXPECT_NE(answers("return math.random()").find("attempt to call a nil value (field 'random')"), std::string::npos);
}

TEST(ScenarioWorlds, EndWhatDoesNotEnd) {
  EXPECT_NE(answers("while true do pcall(function() while true do end end) end").find("used up its"),
            std::string::npos);
  EXPECT_NE(answers("local t = {} while true do t[#t + 1] = {} end").find("used up its memory"), std::string::npos);
  EXPECT_NE(answers("return ('a'):rep(220):find(('.-'):rep(4) .. 'b')").find("used up its"), std::string::npos);
}

}  // namespace
}  // namespace muster
