// Where the system has no process, or no descriptor, left: nothing is begun, and the reason says what to raise. Row B30
// of docs/reliability.md.
#include <sys/wait.h>

#include "tests/unit/world/children_at_work.h"
#include "tests/world/no_new_processes.h"

namespace muster {
namespace {

class Limits : public ChildrenAtWork {
 protected:
  // The helper through a script with these lines.
  std::string helper_behind(const std::string& lines) {
    std::string script = path("helper");
    std::ofstream(script) << "#!/bin/sh\n" << lines << "exec " << helper_path << " \"$@\"\n";
    EXPECT_EQ(::chmod(script.c_str(), 0700), 0);
    return script;
  }
  // A command that leaves a trace, if only it is begun.
  Command tracing() const { return script_of("echo begun >> " + path("trace")); }
  bool was_begun() const { return std::filesystem::exists(path("trace")); }
};

TEST_F(Limits, OfProcessesLetNothingBeginAndSayWhatToRaise) {
  RealProcesses processes({MUSTER_BINARY_DIR "/children-without-fork", spool, environment});
  Result<ProcessEnd> end = processes.run(key, tracing(), {});
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code, ErrorCode::not_started);
  EXPECT_EQ(end.error().effect, Certainty::no_effect);
  EXPECT_NE(end.error().message.find("`/bin/sh` was not started: Resource temporarily unavailable"), std::string::npos)
      << end.error().message;
  EXPECT_NE(end.error().hint.find("ulimit -u"), std::string::npos) << end.error().hint;
  EXPECT_FALSE(was_begun());
  // The helper is as well as before: the next one is refused in the same way, and none is waited for.
  EXPECT_EQ(processes.run(key, tracing(), {}).error().code, ErrorCode::not_started);
  EXPECT_EQ(processes.observe(tracing(), {}).error().code, ErrorCode::not_started);
}

TEST_F(Limits, OfProcessesThatStopTheHelperItselfAreNoEffectEither) {
  int answer[2];
  ASSERT_EQ(::pipe(answer), 0);
  pid_t pid = ::fork();
  if (pid == 0) {
    std::string said = "no filter";
    if (refuse_new_processes()) {
      RealProcesses processes(settings());
      Result<ProcessEnd> end = processes.run(key, tracing(), {});
      said = end ? "it ran"
                 : std::string(name_of(end.error().effect)) + ": " + end.error().message + "; " + end.error().hint;
    }
    ssize_t put = ::write(answer[1], said.data(), said.size());
    ::_exit(put < 0);
  }
  ::close(answer[1]);
  std::string said(4096, '\0');
  ssize_t got = ::read(answer[0], said.data(), said.size());
  said.resize(got > 0 ? static_cast<size_t>(got) : 0);
  ::close(answer[0]);
  ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
  EXPECT_EQ(said.substr(0, 6), "none: ") << said;
  EXPECT_NE(said.find("cannot be started: Resource temporarily unavailable"), std::string::npos) << said;
  EXPECT_NE(said.find("ulimit -u"), std::string::npos) << said;
  EXPECT_FALSE(was_begun());
}

// From too few for the helper to work at all up to enough for a child: never a hang, never half of an effect.
TEST_F(Limits, OfDescriptorsLetNothingBeginOrAllOfIt) {
  int refused = 0;
  bool ran = false;
  for (int descriptors = 5; descriptors < 40 && !ran; ++descriptors) {
    SCOPED_TRACE(descriptors);
    RealProcesses processes({helper_behind("ulimit -n " + std::to_string(descriptors) + "\n"), spool, environment});
    Result<ProcessEnd> end = processes.run(key, tracing(), {});
    ran = end.has_value();
    EXPECT_EQ(was_begun(), ran);
    if (ran) {
      EXPECT_EQ(end->code, 0);
      processes.committed(key);
      break;
    }
    // Where not even the loader has enough the helper is gone before it spoke, and nobody can tell.
    if (end.error().code == ErrorCode::in_doubt) continue;
    EXPECT_EQ(end.error().effect, Certainty::no_effect) << end.error().message;
    if (end.error().message == "the helper for children is gone") continue;  // before it was asked
    ++refused;
    EXPECT_NE(end.error().message.find("Too many open files"), std::string::npos) << end.error().message;
    EXPECT_NE(end.error().hint.find("ulimit -n"), std::string::npos) << end.error().hint;
  }
  EXPECT_TRUE(ran);
  EXPECT_GE(refused, 3);
}

}  // namespace
}  // namespace muster
