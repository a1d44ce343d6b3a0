// Secrets: where they come from, when they are read, and that nothing of them is kept.
#include "interpreter/engine/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "interpreter/world/real_files.h"
#include "tests/unit/engine/simulation.h"
#include "tests/world/fake_processes.h"

namespace muster::simulation {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using From = SecretSource::From;

class SecretSources : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::string path = folder.path() + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  Result<OpenedSecret> open(From from, std::vector<std::string> words, std::string encoding = "") {
    return open_secret({"token", from, std::move(words), std::move(encoding)}, world, {});
  }
  std::string text(From from, std::vector<std::string> words, std::string encoding = "") {
    Result<OpenedSecret> opened = open(from, std::move(words), std::move(encoding));
    return opened ? opened->text : "error: " + opened.error().message;
  }
  TempDirectory folder;
  VirtualClock clock;
  RealFiles files;
  NoSql sql;
  NoHttp http;
  FakeProcesses processes;
  NoScratch scratch;
  CountingEntropy entropy;
  FakeVariables variables;
  World world{clock, files, sql, sql, http, processes, scratch, entropy, variables};
};

TEST_F(SecretSources, AreVariablesAndNameTheOneThatIsMissing) {
  variables.all = {{"TOKEN", "hunter22secret"}, {"NOTHING", ""}};
  EXPECT_EQ(text(From::variable, {"TOKEN"}), "hunter22secret");
  Result<OpenedSecret> missing = open(From::variable, {"TOKNE"});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().message, "the environment variable `TOKNE` is not set");
  EXPECT_EQ(open(From::variable, {"NOTHING"}).error().code, ErrorCode::not_found);
}

TEST_F(SecretSources, AreFilesThatNobodyElseMayRead) {
  EXPECT_EQ(text(From::file, {write("token", "hunter22secret\n")}), "hunter22secret");
  for (mode_t mode : {0644, 0640, 0604, 0602, 0620}) {
    std::string path = write("open token", "hunter22secret\n", mode);
    Result<OpenedSecret> refused = open(From::file, {path});
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().code, ErrorCode::refused);
    EXPECT_EQ(refused.error().hint, "`chmod 600 '" + path + "'`");
  }
  std::filesystem::create_symlink(write("real", "hunter22secret"), folder.path() + "/link");
  EXPECT_EQ(text(From::file, {folder.path() + "/link"}), "hunter22secret") << "as secrets are often mounted";
  EXPECT_EQ(open(From::file, {folder.path() + "/none"}).error().code, ErrorCode::not_found);
  EXPECT_EQ(open(From::file, {folder.path()}).error().code, ErrorCode::refused);
  EXPECT_EQ(open(From::file, {write("large", std::string(70'000, 'x'))}).error().code, ErrorCode::refused);
}

TEST_F(SecretSources, ArePrintedByCommandsThatRunAsReads) {
  processes.on("pass show token", 0, "hunter22secret\n");
  EXPECT_EQ(text(From::command, {"pass", "show", "token"}), "hunter22secret");
  ASSERT_EQ(processes.calls().size(), 1u);
  EXPECT_EQ(processes.calls()[0].verb, FakeProcesses::Verb::observe);
  processes.on("pass show none", 1, "", "gpg: no card\nError: none is not in the password store.\n");
  EXPECT_EQ(text(From::command, {"pass", "show", "none"}),
            "error: `pass` ended with exit code 1: Error: none is not in the password store.");
  processes.on("pass show empty", 0, "");
  EXPECT_EQ(open(From::command, {"pass", "show", "empty"}).error().code, ErrorCode::not_found);
  processes.on("pass show slow", [](const Command&) { return FakeProcesses::ended(EndKind::timed_out, 15); });
  EXPECT_EQ(open(From::command, {"pass", "show", "slow"}).error().code, ErrorCode::timeout);
}

TEST_F(SecretSources, LoseTheirLastLineEndUnlessTheyAreRaw) {
  EXPECT_EQ(text(From::file, {write("a", "hunter22\r\n")}), "hunter22");
  EXPECT_EQ(text(From::file, {write("b", "hunter22\n\n")}), "hunter22\n");
  EXPECT_EQ(text(From::file, {write("c", "hunter22\n")}, "raw"), "hunter22\n");
}

TEST_F(SecretSources, AreDecodedAndNeitherFormIsForgotten) {
  variables.all = {{"HEX", "68756E74 65723232\n"},
                   {"BASE64", "aHVudGVyMjI/PD4="},
                   {"URL", "aHVudGVyMjI_PD4"},
                   {"BAD", "not base64!"}};
  EXPECT_EQ(text(From::variable, {"HEX"}, "hex"), "hunter22");
  EXPECT_EQ(open(From::variable, {"HEX"}, "hex")->written, "68756E7465723232");
  EXPECT_EQ(text(From::variable, {"BASE64"}, "base64"), "hunter22?<>");
  EXPECT_EQ(text(From::variable, {"URL"}, "base64"), "hunter22?<>");
  EXPECT_EQ(text(From::variable, {"BASE64"}, "hex"), "error: what was read is not hex");
  EXPECT_EQ(text(From::variable, {"BAD"}, "base64"), "error: what was read is not base64");
}

TEST_F(SecretSources, AreRefusedWhereTheyAreTooShortToBeFound) {
  variables.all = {{"PIN", "1234567"}};
  Result<OpenedSecret> refused = open(From::variable, {"PIN"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("1234567")));
}

// --- in a run

const char* const two_steps = R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    steps:
      - id: first
        do: {name: first, key: "Bearer ${{ secrets.token }}"}
      - id: second
        do: {name: second}
)";

std::string stored(const Simulation& sim) {
  std::string all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(sim.folder.path())) {
    if (!entry.is_regular_file()) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    std::stringstream text;
    text << file.rdbuf();
    all += text.str();
  }
  return all;
}

std::string key_of(const StepInput& input) {
  const Value* key = member(input.args, "key");
  const Secret* secret = key ? key->find<Secret>() : nullptr;
  return secret ? std::string(secret->reveal(SecretSink::redactor)) : "no secret";
}

TEST(Secrets, AreReadWhenAStepNeedsThemAndHandedToIt) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(two_steps)) << sim.diagnostics;
  std::string seen;
  size_t opened = 0;
  sim.script["first"] = [&](const StepInput& input) -> Result<StepOutput> {
    seen = key_of(input);
    return StepOutput{};
  };
  sim.script["second"] = [&](const StepInput& input) -> Result<StepOutput> {
    opened = input.opened.size();
    return StepOutput{};
  };
  ASSERT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_EQ(seen, "Bearer hunter22secret");
  EXPECT_EQ(opened, 1u) << "later steps know what to keep out of what they hear";
}

TEST(Secrets, ThatSeveralStepsNeedAtOnceAreReadOnce) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    parallel: true
    steps:
      - do: {name: first, key: "${{ secrets.token }}"}
      - do: {name: second, key: "${{ secrets.token }}"}
)")) << sim.diagnostics;
  std::mutex mutex;
  std::vector<std::string> seen;
  for (const char* name : {"first", "second"})
    sim.script[name] = [&](const StepInput& input) -> Result<StepOutput> {
      std::lock_guard lock(mutex);
      seen.push_back(key_of(input));
      return StepOutput{};
    };
  ASSERT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_THAT(seen, ElementsAre("hunter22secret", "hunter22secret"));
  EXPECT_THAT(sim.variables.asked, ElementsAre("TOKEN"));
}

TEST(Secrets, OfSkippedStepsAreNotRead) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
  other: {env: OTHER}
phases:
  - id: one
    steps:
      - when: is_set(secrets.other)
        do: {name: first, key: "${{ secrets.token }}"}
      - do: {name: second}
)")) << sim.diagnostics;
  ASSERT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_THAT(sim.deeds, ElementsAre("second"));
  EXPECT_THAT(sim.variables.asked, ElementsAre("OTHER"));
}

// A backup that may lie in a folder or in a store, as the input says.
TEST(Secrets, OfAConnectionAreReadOnlyWhereTheConnectionIsUsed) {
  Simulation sim;
  Action fetch = sim.actions.front();
  fetch.name = "fetch";
  Field source = fetch.fields.front();
  source.name = "name";
  source.type = FieldType::path;
  Field store;
  store.name = "connection";
  store.type = FieldType::connection;
  store.used_with = "name";
  store.used_with_start = "s3://";
  // In both orders of writing and of the table.
  fetch.fields = {store, source};
  sim.actions.push_back(fetch);
  bool had_connection = false;
  auto note = [&had_connection](const StepInput& input) -> Result<StepOutput> {
    had_connection = input.args.contains("connection");
    return StepOutput{Map{{"name", "x"}}, {}};
  };
  sim.script["/var/backup"] = note;
  sim.script["s3://b/app"] = note;
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
inputs:
  from: {type: path, required: true}
secrets:
  token: {env: TOKEN}
connections:
  store: {s3: {bucket: b, region: r, access_key: a, secret_key: "${{ secrets.token }}"}}
phases:
  - id: one
    steps:
      - fetch: {connection: store, name: "${{ inputs.from }}"}
)")) << sim.diagnostics;
  sim.inputs["from"] = "/var/backup";
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->state, RunState::succeeded) << ending->reason;
  EXPECT_THAT(sim.deeds, ElementsAre("/var/backup"));
  EXPECT_THAT(sim.variables.asked, ElementsAre());
  EXPECT_FALSE(had_connection);

  sim.inputs["from"] = "s3://b/app";
  EXPECT_EQ(sim.run()->reason, "secret `token` cannot be read: the environment variable `TOKEN` is not set");
  EXPECT_THAT(sim.variables.asked, testing::Contains("TOKEN"));
  sim.variables.all = {{"TOKEN", "hunter22secret"}};
  EXPECT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_TRUE(had_connection);
}

TEST(Secrets, ThatAreMissingFailTheStepBeforeAnythingWasDone) {
  Simulation sim;
  ASSERT_TRUE(sim.load(two_steps)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_EQ(ending->reason, "secret `token` cannot be read: the environment variable `TOKEN` is not set");
  EXPECT_THAT(sim.deeds, ElementsAre());
  EXPECT_EQ(text_of(*sim.op("one/first")->error, "effect"), "none");
  EXPECT_THAT(text_of(*sim.op("one/first")->error, "diagnostic"), HasSubstr("test.muster.yaml:9:"));
}

TEST(Secrets, ThatWereMissingAreReadAgainByTheNextAttempt) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    steps:
      - do: {name: first, key: "${{ secrets.token }}"}
        retry: {attempts: 2, delay: 10s}
)")) << sim.diagnostics;
  sim.executor.on_tick = [&] { sim.variables.all["TOKEN"] = "hunter22secret"; };
  EXPECT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_THAT(sim.deeds, ElementsAre("first"));
}

TEST(Secrets, AreKeptOutOfWhateverAnActionBringsBack) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(two_steps)) << sim.diagnostics;
  sim.script["first"] = [](const StepInput& input) -> Result<StepOutput> {
    CapturedStream stream;
    stream.head = "said hunter22secret";
    stream.bytes = stream.head.size();
    input.streams.keep("stdout", stream);
    return StepOutput{Map{{"value", Map{{"hunter22secret", "aHVudGVyMjJzZWNyZXQ="}}}}, {"a note on hunter22secret"}};
  };
  sim.script["second"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::failed, "refused hunter22secret", "try hunter22secret", Certainty::maybe);
  };
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->reason, "refused ***");
  EXPECT_EQ(print_json(*sim.op("one/first")->result), R"({"value":{"***":"***"}})");
  EXPECT_THAT(sim.op("one/first")->notes, ElementsAre("a note on ***"));
  std::string all = stored(sim);
  EXPECT_THAT(all, HasSubstr("said ***"));
  EXPECT_THAT(all, Not(HasSubstr("hunter22secret")));
  EXPECT_THAT(all, Not(HasSubstr("aHVudGVyMjJzZWNyZXQ")));
}

TEST(Secrets, AreTakenOutBeforeOutputsAreMadeOfAResult) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(R"yaml(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    steps:
      - id: first
        do: {name: first, key: "${{ secrets.token }}"}
        outputs: {half: "${{ first(split(result.value, '22')) }}"}
        verify: {that: "contains(result.value, '***')"}
)yaml"))
      << sim.diagnostics;
  sim.script["first"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"value", "hunter22secret"}}, {}};
  };
  EXPECT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_EQ(text_of(*sim.op("one/first")->result, "half"), "***");
  EXPECT_THAT(stored(sim), Not(HasSubstr("hunter")));
}

TEST(Secrets, AreKnownAgainToARunThatGoesOnAfterAKill) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    steps:
      - do: {name: first, key: "${{ secrets.token }}"}
  - id: two
    approval: true
    steps:
      - id: second
        do: {name: second}
)")) << sim.diagnostics;
  sim.script["second"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"value", "it printed hunter22secret"}}, {}};
  };
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.engine.reset();
  sim.journal->reopen();
  sim.engine = std::make_unique<Engine>(sim.parts(), sim);
  ASSERT_TRUE(sim.engine->adopt(sim.run_id, sim.request()));
  const OpRecord* gate = sim.op("two");
  ASSERT_TRUE(sim.engine->vote(gate->op, {"ben", "approve", "", gate->gate.digest, "command", {}}));
  ASSERT_EQ(sim.engine->go({false, false})->state, RunState::succeeded);
  EXPECT_EQ(text_of(*sim.op("two/second")->result, "value"), "it printed ***");
  EXPECT_THAT(stored(sim), Not(HasSubstr("hunter22secret")));
}

TEST(Secrets, DoNotChangeWhatAGateBindsForSomebodyWhoCannotReadThem) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "hunter22secret";
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: secrets
secrets:
  token: {env: TOKEN}
phases:
  - id: one
    approval: true
    steps:
      - id: first
        do: {name: first, key: "${{ secrets.token }}"}
)")) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.variables.all.clear();
  sim.engine.reset();
  sim.journal->reopen();
  sim.engine = std::make_unique<Engine>(sim.parts(), sim);
  ASSERT_TRUE(sim.engine->adopt(sim.run_id, sim.request()));
  const OpRecord* gate = sim.op("one");
  ASSERT_TRUE(sim.engine->vote(gate->op, {"ben", "approve", "", gate->gate.digest, "command", {}}));
  Result<Ending> ending = sim.engine->go({false, false});
  EXPECT_EQ(sim.op("one")->gate.state, GateState::approved) << "the decision stands";
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_THAT(ending->reason, HasSubstr("`TOKEN` is not set"));
}

TEST(Secrets, ThatAreWordsOfTheJournalDoNotUnmakeIt) {
  Simulation sim;
  sim.variables.all["TOKEN"] = "succeeded";
  ASSERT_TRUE(sim.load(two_steps)) << sim.diagnostics;
  sim.script["second"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"value", "it succeeded"}}, {}};
  };
  ASSERT_EQ(sim.run()->state, RunState::succeeded);
  EXPECT_EQ(sim.state("one/second"), "succeeded");
  EXPECT_EQ(text_of(*sim.op("one/second")->result, "value"), "it ***");
}

}  // namespace
}  // namespace muster::simulation
