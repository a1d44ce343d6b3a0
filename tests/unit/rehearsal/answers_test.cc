// Who answers in a simulated world, and in which order things happen there.
#include "interpreter/rehearsal/answers.h"

#include <gtest/gtest.h>

#include "interpreter/rehearsal/baton.h"

namespace muster {
namespace {

TEST(WorldAnswers, TheLongestBeginningOfACommandAnswers) {
  const std::vector<std::string> keys = {"/opt/bin/render", "db1: systemctl", "render", "render restart", "systemctl"};
  auto key = [&](std::vector<std::string> argv, const char* host = "") { return command_key(keys, argv, host); };
  EXPECT_EQ(key({"/usr/bin/render", "list"}), "render");
  EXPECT_EQ(key({"render", "restart", "srv-1"}), "render restart");
  EXPECT_EQ(key({"/opt/bin/render", "list"}), "/opt/bin/render");
  EXPECT_EQ(key({"systemctl", "stop"}, "db1"), "db1: systemctl");
  EXPECT_EQ(key({"systemctl", "stop"}, "db2"), "systemctl");
  EXPECT_EQ(key({"renderer"}), "");
  EXPECT_EQ(key({}), "");
}

TEST(WorldAnswers, TheMostLiteralPatternOfARequestAnswers) {
  const std::vector<std::string> keys = {"/health", "GET https://a.example/v1/stores/{id}",
                                         "GET https://a.example/v1/stores/all", "https://a.example/*",
                                         "POST https://a.example/v1/stores/{id}/restart"};
  Map params;
  auto key = [&](const char* method, const char* url) { return endpoint_key(keys, method, url, params); };
  EXPECT_EQ(key("GET", "https://a.example/v1/stores/eu%201?x=1"), keys[1]);
  EXPECT_EQ(text_of(params, "id"), "eu 1");
  EXPECT_EQ(key("GET", "https://a.example/v1/stores/all"), keys[2]);
  EXPECT_EQ(key("POST", "https://a.example/v1/stores/7/restart"), keys[4]);
  EXPECT_EQ(key("DELETE", "https://a.example/v1/stores/7"), keys[3]);
  EXPECT_EQ(key("GET", "http://b.example:8080/health"), keys[0]);
  EXPECT_EQ(key("GET", "http://b.example/other"), "");
}

TEST(WorldAnswers, AWrongKeyOfAnAnswerNamesTheNearOne) {
  Result<void> known = only_keys(Map{{"stdot", "x"}}, {"stdout", "stderr"}, "a command's answer");
  ASSERT_FALSE(known.has_value());
  EXPECT_EQ(known.error().message, "`stdot` is no part of a command's answer");
  EXPECT_EQ(known.error().hint, "did you mean `stdout`?");
}

TEST(Baton, ThingsHappenByVirtualTimeAndThenAsTheyWereAskedFor) {
  Baton baton(*parse_timestamp("2026-01-15T10:00:00Z"));
  std::vector<std::string> happened;
  auto sleeper = [&](const char* name, int64_t seconds) {
    baton.start([&baton, &happened, name, seconds] {
      happened.push_back(std::string(name) + " begins");
      EXPECT_TRUE(baton.sleep(Duration::seconds(seconds), {}));
      happened.push_back(std::string(name) + " ends");
      baton.post([&happened, name] { happened.push_back(std::string(name) + " is told"); });
      happened.push_back(std::string(name) + " has told");
    });
  };
  sleeper("slow", 3600);
  sleeper("quick", 60);
  sleeper("also quick", 60);
  baton.at(Duration::seconds(60), [&] { happened.emplace_back("a person comes"); });
  bool stuck = false;
  baton.on_stuck = [&] { stuck = true; };
  while (!stuck) baton.wait(std::nullopt);
  EXPECT_EQ(happened, (std::vector<std::string>{"slow begins", "quick begins", "also quick begins", "a person comes",
                                                "quick ends", "also quick ends", "quick is told", "quick has told",
                                                "also quick is told", "also quick has told", "slow ends",
                                                "slow is told", "slow has told"}));
  EXPECT_EQ(to_text(baton.wall()), "2026-01-15T11:00:00Z");
}

TEST(Baton, AStopWakesASleeper) {
  Baton baton(*parse_timestamp("2026-01-15T10:00:00Z"));
  std::stop_source stop;
  bool slept_through = true;
  baton.start([&] { slept_through = baton.sleep(Duration::seconds(3600), stop.get_token()); });
  baton.at(Duration::seconds(10), [&] { stop.request_stop(); });
  bool stuck = false;
  baton.on_stuck = [&] { stuck = true; };
  while (!stuck) baton.wait(std::nullopt);
  EXPECT_FALSE(slept_through);
  EXPECT_EQ(baton.now(), Duration::seconds(10));
}

TEST(Baton, ADeadlineIsWhereTimeStops) {
  Baton baton(*parse_timestamp("2026-01-15T10:00:00Z"));
  VirtualClock clock(baton);
  const Duration begin = clock.boot();
  baton.wait(Duration{begin.us + 5'000'000});
  EXPECT_EQ(clock.boot().us - begin.us, 5'000'000);
  EXPECT_EQ(to_text(clock.now()), "2026-01-15T10:00:05Z");
}

}  // namespace
}  // namespace muster
