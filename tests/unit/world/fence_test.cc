// Declared reads behind the fence: real children, which try to write.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "interpreter/world/landlocked_reads.h"
#include "interpreter/world/real_scratch.h"
#include "tests/unit/world/children_at_work.h"

namespace muster {
namespace {

using testing::HasSubstr;

class Fence : public ChildrenAtWork {
 protected:
  Fence() : scratch(directory.path()), reads(settings(), scratch) {}
  // Where the kernel has no Landlock a declared read must not run at all: then each of these tests holds that.
  bool is_fenced() {
    if (kernel_has_fence()) return true;
    expect_nothing_runs(reads);
    return false;
  }
  void expect_nothing_runs(LandlockedReads& without) {
    EXPECT_THAT(without.refusal(script_of("true")).value_or(""), HasSubstr("no Landlock"));
    Result<ProcessEnd> end = without.observe(script_of("echo x > " + path("b")), {});
    EXPECT_FALSE(std::filesystem::exists(path("b")));
    ASSERT_FALSE(end.has_value());
    EXPECT_EQ(end.error().code, ErrorCode::refused);
  }
  std::string said(const std::string& script) {
    Result<ProcessEnd> end = reads.observe(script_of(script), {});
    if (!end) return end.error().message;
    return std::to_string(end->code) + " " + all_of(end->out) + all_of(end->err);
  }

  RealScratch scratch;
  LandlockedReads reads;
};

TEST_F(Fence, ReadsAndWritesItsOwnFolderAndTheNullDevice) {
  if (!is_fenced()) return;
  std::ofstream(path("data")) << "seen";
  EXPECT_EQ(said("cat " + path("data")), "0 seen");
  EXPECT_EQ(
      said("echo x > \"$TMPDIR/x\" && mkdir \"$TMPDIR/y\" && mv \"$TMPDIR/x\" \"$TMPDIR/y/x\" && cat \"$TMPDIR/y/x\""),
      "0 x\n");
  EXPECT_EQ(said("echo x > /dev/null && printf fine"), "0 fine");
  EXPECT_EQ(said("touch \"$TMPDIR/z\" && printf fine"), "0 fine");
}

TEST_F(Fence, NothingOutsideOfItsFolderIsWrittenMadeRemovedOrCut) {
  if (!is_fenced()) return;
  std::ofstream(path("data")) << "seen";
  const std::string data = path("data");
  for (const std::string& attempt :
       {"echo x > " + data, "echo x >> " + data, "echo x > " + path("new"), "rm " + data,
        "mv " + data + " " + path("b"), "ln -s x " + path("b"), "ln " + data + " " + path("b"), "mkdir " + path("b"),
        "mkfifo " + path("b"), "cp " + data + " " + path("b"), "ln " + data + " $TMPDIR/b && echo x > $TMPDIR/b",
        "truncate -s 0 " + data, "mv " + data + " $TMPDIR/b", "echo x > $TMPDIR/c && mv $TMPDIR/c " + data}) {
    Result<ProcessEnd> end = reads.observe(script_of(attempt), {});
    ASSERT_TRUE(end.has_value());
    EXPECT_NE(end->code, 0) << attempt;
    EXPECT_EQ(content_of(data), "seen") << attempt;
    EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(path("b")))) << attempt;
    EXPECT_FALSE(std::filesystem::exists(path("new"))) << attempt;
  }
}

TEST_F(Fence, ModesOwnersAndTimesStayAsTheyAre) {
  if (!is_fenced()) return;
  std::ofstream(path("data")) << "seen";
  struct stat before {
  }, after{};
  ASSERT_EQ(::stat(path("data").c_str(), &before), 0);
  for (const char* attempt : {"chmod 777 ", "chown 1:1 ", "touch -d 2001-01-01 ", "chgrp 1 "})
    EXPECT_THAT(said(attempt + path("data") + " || printf refused"), HasSubstr("refused")) << attempt;
  ASSERT_EQ(::stat(path("data").c_str(), &after), 0);
  EXPECT_EQ(before.st_mode, after.st_mode);
  EXPECT_EQ(before.st_uid, after.st_uid);
  EXPECT_EQ(before.st_mtime, after.st_mtime);
}

TEST_F(Fence, NobodyElseIsSignalledAndItsOwnChildrenMayBe) {
  if (!is_fenced()) return;
  EXPECT_THAT(said("kill -TERM " + std::to_string(::getpid()) + " || printf refused"), HasSubstr("refused"));
  EXPECT_THAT(said("sh -c 'kill -TERM " + std::to_string(::getpid()) + "' || printf refused"), HasSubstr("refused"))
      << "what it starts stands behind the same fence";
}

TEST_F(Fence, AProgramThatIsNotThereIsSaidToBeNotStarted) {
  if (!is_fenced()) return;
  Result<ProcessEnd> end = reads.observe(command_of({"no-such-program-at-all"}), {});
  ASSERT_FALSE(end.has_value());
  EXPECT_EQ(end.error().code, ErrorCode::not_started);
}

TEST_F(Fence, NothingIsExecutedWithoutOneOrOnAnotherHost) {
  LandlockedReads without(settings(), scratch, false);
  expect_nothing_runs(without);
  Command far = script_of("true");
  far.ssh_agent = true;
  EXPECT_THAT(reads.refusal(far).value_or(""), HasSubstr("another host"));
}

}  // namespace
}  // namespace muster
