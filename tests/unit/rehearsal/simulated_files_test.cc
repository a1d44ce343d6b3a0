// Files of a rehearsal: all that is written lies in its scratch folder, wherever a playbook thinks it is.
#include "interpreter/rehearsal/simulated_files.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/world/fake_clock.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

class ScratchFiles : public ::testing::Test {
 protected:
  TempDirectory directory_;
  ScratchPlace place_{directory_.path()};
  FakeClock clock_;
  SimulatedFiles files_{place_, clock_};
};

TEST_F(ScratchFiles, AreWrittenInTheScratchFolderOnlyTimeZonesIncluded) {
  for (const std::string path :
       {"/usr/share/zoneinfo/Test/Of_A_Rehearsal", "/tmp/of-a-rehearsal", "/../of-a-rehearsal"}) {
    const Result<void> put = files_.put(path, "zone");
    ASSERT_TRUE(put) << put.error().message;
    EXPECT_FALSE(std::filesystem::exists(path)) << path;
    std::filesystem::remove(path);
    const Result<std::string> back = files_.read(path, 100);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, "zone");
  }
  ASSERT_TRUE(files_.remove_tree("/usr/share/zoneinfo/Test"));
  EXPECT_FALSE(files_.read("/usr/share/zoneinfo/Test/Of_A_Rehearsal", 100));
}

TEST_F(ScratchFiles, OfTimeZonesAreTheMachinesUnlessTheWorldHasItsOwn) {
  const Result<std::string> rules = files_.read("/usr/share/zoneinfo/Europe/Berlin", 1 << 20);
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_TRUE(rules->starts_with("TZif"));
  const Result<std::optional<FileStatus>> seen = files_.status("/usr/share/zoneinfo/Europe/Berlin");
  ASSERT_TRUE(seen && *seen);
  ASSERT_TRUE(files_.put("/usr/share/zoneinfo/Europe/Berlin", "of this world"));
  EXPECT_EQ(*files_.read("/usr/share/zoneinfo/Europe/Berlin", 100), "of this world");
  EXPECT_FALSE(files_.read("/usr/share/zoneinfo/../../../etc/passwd", 100)) << "nothing else is the machine's";
}

}  // namespace
}  // namespace muster
