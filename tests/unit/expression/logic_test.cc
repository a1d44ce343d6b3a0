// Three-valued logic, and what a secret may be used for.
#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

const Map dry{{"u", Unknown{"known after x"}},
              {"holds", List{1, Unknown{"known after y"}}},
              {"map", Map{{"later", Unknown{"known after z"}}, {"n", 1}}},
              {"list", List{1, 2, 3}}};

std::string logic(const std::string& text) {
  std::string got = yields(text, dry);
  return got.rfind("unknown", 0) == 0 ? "unknown" : got;
}

TEST(ThreeValuedLogic, FollowsTheTruthTables) {
  struct Row {
    const char *left, *right, *and_, *or_;
  };
  for (const Row& row :
       {Row{"true", "true", "true", "true"}, Row{"true", "false", "false", "true"}, Row{"true", "u", "unknown", "true"},
        Row{"false", "true", "false", "true"}, Row{"false", "false", "false", "false"},
        Row{"false", "u", "false", "unknown"}, Row{"u", "true", "unknown", "true"},
        Row{"u", "false", "false", "unknown"}, Row{"u", "u", "unknown", "unknown"}}) {
    EXPECT_EQ(logic(std::string(row.left) + " and " + row.right), row.and_) << row.left << " and " << row.right;
    EXPECT_EQ(logic(std::string(row.left) + " or " + row.right), row.or_) << row.left << " or " << row.right;
  }
  EXPECT_EQ(logic("not u"), "unknown");
}

TEST(ThreeValuedLogic, LeavesAValueOpenThatIsNotOnlyTrueOrFalse) {
  EXPECT_EQ(logic("u or 5"), "unknown") << "it may be what u will be";
  EXPECT_EQ(logic("u and nil"), "unknown");
  EXPECT_EQ(logic("u or \"text\""), "unknown");
}

TEST(ThreeValuedLogic, MakesEverythingElseThatReadsAnUnknownUnknown) {
  for (const char* text : {"u + 1",
                           "1 + u",
                           "-u",
                           "#u",
                           "u .. \"x\"",
                           "u == u",
                           "u ~= 1",
                           "u < 1",
                           "u.field",
                           "u[1]",
                           "list[u]",
                           "len(u)",
                           "contains(list, u)",
                           "u & 1",
                           "holds == {1, 2}",
                           "{u} ~= {}",
                           "len(holds)",
                           "map.later",
                           "map.later.deeper",
                           "{[u] = 1}",
                           "cond(u, 1, 2)",
                           "to_json(map)",
                           "is_set(u)"})
    EXPECT_EQ(logic(text), "unknown") << text;
}

TEST(ThreeValuedLogic, KeepsWhatDoesNotReadTheUnknown) {
  EXPECT_EQ(logic("map.n"), "integer 1");
  EXPECT_EQ(logic("holds[1]"), "integer 1");
  EXPECT_EQ(logic("#holds"), "integer 2");
  EXPECT_EQ(logic("cond(true, 1, u)"), "integer 1");
  EXPECT_EQ(logic("false and u.x.y"), "false");
}

TEST(ThreeValuedLogic, DoesNotRaiseBehindAnUnknownWhatMayNeverBeAsked) {
  EXPECT_EQ(logic("u and nothing_here"), "unknown");
  EXPECT_EQ(logic("u or list.x.y"), "unknown");
  EXPECT_EQ(logic("true and nothing_here"), "error: nothing is called `nothing_here`");
}

TEST(ThreeValuedLogic, DecidesQuantifiersAsSoonAsAKnownItemDoes) {
  EXPECT_EQ(logic("any(list, function(x) return x == 3 or u end)"), "true");
  EXPECT_EQ(logic("any(list, function(x) return x > 5 or u end)"), "unknown");
  EXPECT_EQ(logic("all(list, function(x) return x < 3 and u end)"), "false");
  EXPECT_EQ(logic("all(list, function(x) return x < 5 and u end)"), "unknown");
  EXPECT_EQ(logic("filter(list, function(x) return u end)"), "unknown");
  EXPECT_EQ(logic("sort(list, function(x) return u end)"), "unknown");
}

TEST(ThreeValuedLogic, SaysWhyItIsUnknown) { EXPECT_EQ(yields("1 + u * 2", dry), "unknown (known after x)"); }

const Map locked{{"key", Secret("key", "hunter2")},
                 {"other", Secret("other", "correct")},
                 {"none", Value()},
                 {"box", Map{{"k", Secret("key", "hunter2")}}},
                 {"list", List{1, 2}}};

TEST(Secrets, StayTheWholeSecretWhenJoinedWithText) {
  SmallWorld world(locked);
  tl::expected<Evaluation, Diagnostic> got = run("\"Bearer \" .. key .. 1 .. other", world);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(to_text(got->value), "***");
  EXPECT_EQ(got->value.get<Secret>().reveal(SecretSink::redactor), "Bearer hunter21correct");
}

TEST(Secrets, AnswerOneQuestionOnly) {
  EXPECT_EQ(yields("is_set(key)", locked), "true");
  EXPECT_EQ(yields("is_set(none)", locked), "false");
  for (const char* text : {"key == \"hunter2\"",
                           "key ~= key",
                           "key < \"x\"",
                           "#key",
                           "len(key)",
                           "-key",
                           "not key",
                           "key + 1",
                           "key.x",
                           "key[1]",
                           "box[key]",
                           "lower(key)",
                           "contains(key, \"h\")",
                           "key and 1",
                           "key or 1",
                           "cond(key, 1, 2)",
                           "cond(true, key, 1)",
                           "{key} == {key}",
                           "box == {k = 1}",
                           "to_json(box)",
                           "sha256(key)",
                           "format(\"%s\", key)",
                           "join({key}, \"\")",
                           "any(list, function(x) return key end)",
                           "map(list, function(x) return {key} end)",
                           "sort(list, function(x) return key end)",
                           "match(\"x\", key)",
                           "{[key] = 1}"}) {
    std::string got = yields(text, locked);
    EXPECT_TRUE(
        got == "error: a secret may be joined with text, and nothing else; `is_set(…)` is the one question" ||
        got.rfind("error: a secret may be joined with text, and nothing else; `is_set(…)` is the one question (`", 0) ==
            0 ||
        got == "error: a key of a table must be text here, and is a secret")
        << text << ": " << got;
    EXPECT_EQ(got.find("hunter2") != std::string::npos, std::string(text).find("hunter2") != std::string::npos) << text;
  }
}

TEST(Secrets, AreNotShownAmongTheValuesOfTheParts) {
  EXPECT_EQ(drawn("key .. nil", locked),
            "claim:1:1: error: `..` of nil (`key .. nil`) [expression-failed]\n1 | key .. nil\n  | ^^^^^^^^^^\n  = "
            "where: key = ***\n");
}

}  // namespace
}  // namespace muster
