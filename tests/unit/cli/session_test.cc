#include "interpreter/cli/session.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/unit/cli/gates.h"
#include "tests/unit/cli/small_graph.h"
#include "tests/world/memory_journal.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

void add_run(Journal& journal, const std::string& id, int64_t second) {
  NewRun run;
  run.id = id;
  run.playbook = "small";
  run.created_at = ten_o_clock() + Duration::seconds(second);
  Owner owner;
  owner.id = "test";
  Event created = event_of(EventKind::run_created, "", Map{{"starter", "ann"}});
  ASSERT_TRUE(journal.create(run, {created}, owner).has_value());
}

TEST(RunNamed, IsAnIdAUniquePrefixOrTheLast) {
  MemoryJournal journal;
  add_run(journal, "aa11", 1);
  add_run(journal, "aa22", 2);
  add_run(journal, "aa2233", 0);
  EXPECT_EQ(run_named(journal, "last").value_or(""), "aa22");
  EXPECT_EQ(run_named(journal, "aa1").value_or(""), "aa11");
  EXPECT_EQ(run_named(journal, "aa22").value_or(""), "aa22") << "an id, though another begins with it";
  Result<std::string> several = run_named(journal, "aa");
  ASSERT_FALSE(several.has_value());
  EXPECT_EQ(several.error().code, ErrorCode::invalid);
  EXPECT_EQ(several.error().message, "several runs begin with `aa`");
  EXPECT_EQ(run_named(journal, "bb").error().code, ErrorCode::not_found);
  EXPECT_EQ(run_named(journal, "").error().code, ErrorCode::invalid);
}

TEST(RunNamed, SaysThatNothingWasRunYet) {
  MemoryJournal journal;
  EXPECT_EQ(run_named(journal, "last").error().hint, "`muster run PLAYBOOK` makes one");
}

TEST(OpNamed, IsAPhaseForGatesAndAStepOtherwiseWhereANameFitsBoth) {
  std::shared_ptr<const StepGraph> graph = small_graph();
  const RunHistory nothing;
  auto named = [&](const std::string& word, bool gate) {
    std::optional<OpId> op = op_named(*graph, nothing, word, gate);
    return op ? op->path : "";
  };
  EXPECT_EQ(named("replace", true), "replace");
  EXPECT_EQ(named("replace", false), "assess/replace");
  EXPECT_EQ(named("stop", true), "replace/stop");
  EXPECT_EQ(named("assess", false), "assess");
  EXPECT_EQ(named("assess/replace", true), "assess/replace");
  EXPECT_EQ(named("replace/state", false), "");
  EXPECT_EQ(named("nothing", false), "");
}

OpenRun waiting() {
  OpenRun run;
  run.record.row.id = "aa11";
  run.history = waiting_run();
  run.loaded.graph = small_graph();
  return run;
}

TEST(GateNamed, MayBeLeftOutWhereOneIsOpen) {
  OpenRun run = waiting();
  EXPECT_EQ(gate_named(run, "").value()->op.path, "replace");
  EXPECT_EQ(gate_named(run, "replace").value()->op.path, "replace");
  ASSERT_TRUE(run.history.apply(event_of(EventKind::gate_opened, "assess", shown_at_gate(), 1)).has_value());
  Result<const OpRecord*> either = gate_named(run, "");
  ASSERT_FALSE(either.has_value());
  EXPECT_EQ(either.error().code, ErrorCode::invalid);
  EXPECT_EQ(either.error().message, "several gates are open: `replace`, `assess`");
}

TEST(GateNamed, RefusesOneThatIsDecidedOrWasNeverOpen) {
  OpenRun run = waiting();
  EXPECT_EQ(gate_named(run, "assess").error().message, "the gate of `assess` is not open");
  EXPECT_EQ(gate_named(run, "playbook").error().message, "the gate of `playbook` is not open");
  EXPECT_EQ(gate_named(run, "asess").error().code, ErrorCode::not_found);
  ASSERT_TRUE(
      run.history.apply(event_of(EventKind::gate_closed, "replace", Map{{"verdict", "approved"}}, 1)).has_value());
  EXPECT_EQ(gate_named(run, "replace").error().message, "the gate of `replace` is approved");
  EXPECT_EQ(gate_named(run, "").error().code, ErrorCode::refused);
}

class Places : public ::testing::Test {
 protected:
  Invocation invocation_with(std::map<std::string, std::string> environment) {
    Invocation invocation;
    invocation.environment = std::move(environment);
    return invocation;
  }
  std::string write_config(const std::string& text, mode_t mode = 0600) {
    std::string path = folder_.path() + "/config.yaml";
    std::ofstream(path) << text;
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  TempDirectory folder_;
};

TEST_F(Places, OfTheStoreGoFromTheOptionToTheEnvironmentToTheConfigurationToXdg) {
  Configuration configuration;
  Invocation invocation = invocation_with({{"HOME", "/home/ann"}});
  EXPECT_EQ(store_of(invocation, configuration), "/home/ann/.local/state/muster/muster.db");
  invocation.environment["XDG_STATE_HOME"] = "not/absolute";
  EXPECT_EQ(store_of(invocation, configuration), "/home/ann/.local/state/muster/muster.db");
  invocation.environment["XDG_STATE_HOME"] = "/state";
  EXPECT_EQ(store_of(invocation, configuration), "/state/muster/muster.db");
  configuration.store = "/etc/store.db";
  EXPECT_EQ(store_of(invocation, configuration), "/etc/store.db");
  invocation.environment["MUSTER_STORE"] = "sqlite:/env.db";
  EXPECT_EQ(store_of(invocation, configuration), "sqlite:/env.db");
  invocation.options.flags["--store"] = {"/option.db"};
  EXPECT_EQ(store_of(invocation, configuration), "/option.db");
}

TEST_F(Places, OfTheConfigurationMayBeEmptyUnlessOneIsNamed) {
  Invocation invocation = invocation_with({{"XDG_CONFIG_HOME", folder_.path()}});
  EXPECT_TRUE(configuration_of(invocation).has_value());
  invocation.options.flags["--config"] = {folder_.path() + "/missing.yaml"};
  Result<Configuration> missing = configuration_of(invocation);
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::invalid);
}

TEST_F(Places, OfTheConfigurationAreReadWhereOnlyTheOwnerWrites) {
  std::string path = write_config("groups:\n  sre: [ann]\n");
  Invocation invocation;
  invocation.options.flags["--config"] = {path};
  Result<Configuration> read = configuration_of(invocation);
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_TRUE(read->is_member("sre", "ann"));
  for (mode_t mode : {0620, 0602}) {
    ASSERT_EQ(::chmod(path.c_str(), mode), 0);
    Result<Configuration> refused = configuration_of(invocation);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().hint, "chmod go-w " + path);
  }
}

TEST_F(Places, OfTheConfigurationRefuseAnUnknownKey) {
  Invocation invocation;
  invocation.options.flags["--config"] = {write_config("gruops: {}\n")};
  ::testing::internal::CaptureStderr();
  Result<Configuration> refused = configuration_of(invocation);
  std::string drawn = ::testing::internal::GetCapturedStderr();
  EXPECT_FALSE(refused.has_value());
  EXPECT_NE(drawn.find("did you mean `groups`?"), std::string::npos) << drawn;
}

}  // namespace
}  // namespace muster
