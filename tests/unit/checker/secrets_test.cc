// Where secrets may stand: told by the fields of the real actions and connections, and judged by the checker.
#include "interpreter/checker/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interpreter/language/fields.h"
#include "steps/steps.h"
#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

using testing::UnorderedElementsAre;

void open_places(const std::vector<Field>& fields, const std::string& owner, bool is_open,
                 std::vector<std::string>& out) {
  for (const Field& field : fields) {
    std::string name = owner + "." + field.name;
    bool opens = is_open || field.opens_secrets || (!field.items.empty() && field.items.front().opens_secrets);
    if (!field.fields.empty()) {
      open_places(field.fields, name, opens, out);
    } else if (opens) {
      out.push_back(name);
    }
  }
}

TEST(SecretPlaces, OfActionsAndConnectionsAreThoseOfTheContract) {
  std::vector<std::string> places;
  for (const Action& action : builtin_actions()) open_places(action.fields, action.name, false, places);
  EXPECT_THAT(places, UnorderedElementsAre("shell.env", "shell.stdin", "sql.bind", "http.headers", "http.json",
                                           "http.form", "http.body", "http.auth.basic.user", "http.auth.basic.password",
                                           "http.auth.bearer", "backup.archive.key", "backup.archive.passphrase",
                                           "restore.from.key", "restore.from.passphrase"));
  places.clear();
  for (const ConnectionKind& kind : connection_kinds()) {
    std::vector<Field> fields = kind.settings;
    fields.push_back(kind.own);
    open_places(fields, std::string(kind.name), false, places);
  }
  EXPECT_THAT(places, UnorderedElementsAre("postgres.url", "http.headers", "http.auth.basic.user",
                                           "http.auth.basic.password", "http.auth.bearer", "http.auth.sigv4",
                                           "http.key", "s3.s3.access_key", "s3.s3.secret_key"));
}

std::string said_of(const std::string& argument) {
  SourceFiles files;
  Diagnostics problems;
  std::string text = "muster: 1\nplaybook: p\nsecrets: {token: {env: T}}\nphases:\n  - id: one\n    steps:\n      - " +
                     argument + "\n";
  uint32_t file = files.add({"t.yaml", text, ""});
  if (auto read = read_playbook(files, file, problems)) (void)check(std::move(*read), builtin_actions(), problems);
  std::string codes;
  for (const Diagnostic& problem : problems) codes += (codes.empty() ? "" : " ") + problem.code;
  return codes;
}

TEST(SecretPlaces, TakeASecretWholeInsideTextAndInsideTables) {
  for (
      const char* step : {
          R"(shell: {argv: [a], env: {T: "${{ secrets.token }}"}})",
          R"(shell: {argv: [a], stdin: "user = ${{ secrets.token }};"})",
          R"(shell: {argv: [a], stdin: "${{ 'Bearer ' .. (secrets.token .. '!') }}"})",
          R"(http: {post: "http://localhost/", json: {a: [{b: "${{ secrets.token }}"}]}})",
          R"(http: {post: "http://localhost/", json: "${{ {a = {secrets.token}} }}"})",
          R"(http: {post: "http://localhost/", form: {t: "${{ secrets.token }}"}, headers: {X: "${{ secrets.token }}"}})",
          R"(http: {get: "http://localhost/", auth: {basic: {user: u, password: "${{ secrets.token }}"}}})",
      })
    EXPECT_EQ(said_of(step), "") << step;
}

TEST(SecretPlaces, RefuseItElsewhere) {
  for (const char* step : {
           R"(shell: {argv: ["${{ secrets.token }}"]})",
           R"(shell: {argv: [a], cwd: "/${{ secrets.token }}"})",
           R"(http: {get: "http://localhost/${{ secrets.token }}"})",
           R"(http: {get: "http://localhost/", query: {t: "${{ secrets.token }}"}})",
           R"(set: {t: "${{ secrets.token }}"})",
           R"(fail: {message: "${{ secrets.token }}"})",
           R"({audit: {event: e, fields: {t: "${{ secrets.token }}"}}})",
           R"({shell: {argv: [a]}, title: "${{ secrets.token }}"})",
           R"({shell: {argv: [a]}, id: a, outputs: {t: "${{ secrets.token }}"}})",
       })
    EXPECT_EQ(said_of(step), "secret-here") << step;
  for (const char* step : {
           R"(shell: {argv: [a], stdin: "${{ len(secrets.token) }}"})",
           R"(shell: {argv: [a], stdin: "${{ secrets.token == 'x' }}"})",
           R"(shell: {argv: [a], stdin: "${{ cond(true, secrets.token, 'x') }}"})",
           R"(http: {post: "http://localhost/", json: "${{ {[secrets.token] = 1} }}"})",
       })
    EXPECT_EQ(said_of(step), "secret-use") << step;
}

TEST(SecretPlaces, LetEverybodyAskWhetherItIsSet) {
  for (const char* step : {
           R"({when: is_set(secrets.token), shell: {argv: [a]}})",
           R"(shell: {argv: ["${{ cond(is_set(secrets.token), 'yes', 'no') }}"]})",
           R"(set: {t: "${{ is_set(secrets.token) }}"})",
       })
    EXPECT_EQ(said_of(step), "") << step;
}

}  // namespace
}  // namespace muster
