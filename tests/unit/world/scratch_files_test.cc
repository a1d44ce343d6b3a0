// Files of a trial: whatever is asked for, nothing is written outside of its folder.
#include "interpreter/world/scratch_files.h"

#include <gtest/gtest.h>

#include "interpreter/world/real_files.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

TEST(ScratchFiles, WriteBeneathTheirFolderAndNowhereElse) {
  TempDirectory top;
  RealFiles real;
  const std::string ours = top.path() + "/ours", theirs = top.path() + "/theirs";
  ASSERT_TRUE(real.make_directory(ours) && real.make_directory(theirs));
  { ASSERT_TRUE((*real.create(theirs + "/kept"))->write_at(0, "as it was").has_value()); }
  std::unique_ptr<Files> files = scratch_files(real, ours);
  { ASSERT_TRUE((*files->create(ours + "/made"))->write_at(0, "new").has_value()); }
  EXPECT_EQ(*files->read(ours + "/made", 10), "new");
  EXPECT_EQ(*files->read(theirs + "/kept", 10), "as it was") << "it reads anywhere";
  for (const std::string& path :
       {theirs + "/kept", theirs + "/new", ours + "/../theirs/kept", ours + "-beside", ours}) {
    EXPECT_EQ(files->create(path).error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->remove(path).error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->remove_tree(path).error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->make_directory(path).error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->rename(ours + "/made", path).error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->rename_new(path, ours + "/taken").error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->exchange(path, ours + "/made").error().code, ErrorCode::refused) << path;
    EXPECT_EQ(files->set_owner_and_mode(path, 0, 0, 0777).error().code, ErrorCode::refused) << path;
    EXPECT_FALSE(files->is_writable(path)) << path;
  }
  EXPECT_EQ(*real.read(theirs + "/kept", 100), "as it was");
  EXPECT_EQ(real.list(top.path())->size(), 2u);
}

}  // namespace
}  // namespace muster
