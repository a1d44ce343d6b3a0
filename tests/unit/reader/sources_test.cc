// The files of a playbook: read once, beneath its folder, and found again in what a run has kept.
#include "interpreter/reader/sources.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/world/temp_directory.h"

namespace muster {
namespace {

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

struct SourcesTest : testing::Test {
  SourcesTest() {
    ::mkdir((folder.path() + "/books").c_str(), 0700);
    ::mkdir((folder.path() + "/books/lib").c_str(), 0700);
    write(folder.path() + "/books/p.muster.yaml", "muster: 1\n");
    write(folder.path() + "/books/runs.lua", "return {}\n");
    write(folder.path() + "/books/lib/more.lua", "return 1\n");
    write(folder.path() + "/outside.lua", "return 'outside'\n");
  }
  Sources open() {
    tl::expected<Sources, std::string> sources = Sources::of(folder.path() + "/books/p.muster.yaml");
    EXPECT_TRUE(sources.has_value());
    return sources ? std::move(*sources) : Sources::kept({});
  }
  TempDirectory folder;
};

TEST_F(SourcesTest, ReadAFileOnceHoweverItIsNamed) {
  Sources sources = open();
  auto first = sources.open("lib/more.lua");
  ASSERT_TRUE(first.has_value()) << first.error();
  write(folder.path() + "/books/lib/more.lua", "return 2\n");
  auto again = sources.open("./lib/../lib/more.lua");
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*first, *again);
  EXPECT_EQ(sources.files().at(*again).text, "return 1\n");
  EXPECT_EQ(sources.files().all().size(), 2u);
}

TEST_F(SourcesTest, FollowANameFromTheFileThatSaysIt) {
  Sources sources = open();
  auto inner = sources.open("lib/more.lua");
  ASSERT_TRUE(inner.has_value());
  auto up = sources.open("../runs.lua", *inner);
  ASSERT_TRUE(up.has_value()) << up.error();
  EXPECT_EQ(sources.files().at(*up).path, folder.path() + "/books/runs.lua");
}

TEST_F(SourcesTest, LeaveTheFolderOnNoWay) {
  Sources sources = open();
  ASSERT_EQ(::symlink((folder.path() + "/outside.lua").c_str(), (folder.path() + "/books/link.lua").c_str()), 0);
  EXPECT_EQ(sources.open("../outside.lua").error(), "`../outside.lua` leads out of the playbook's folder");
  EXPECT_EQ(sources.open("link.lua").error(), "`link.lua` leads out of the playbook's folder");
  EXPECT_EQ(sources.open("/etc/passwd").error(),
            "`/etc/passwd` is a whole path: files stand beneath the playbook's folder");
  EXPECT_FALSE(sources.open("").has_value());
  EXPECT_FALSE(sources.open(std::string("a\0b", 3)).has_value());
  EXPECT_FALSE(sources.open("lib").has_value());
  EXPECT_FALSE(sources.open("missing.lua").has_value());
  EXPECT_EQ(sources.files().all().size(), 1u);
}

TEST_F(SourcesTest, FindInARunWhatItKeptAndNothingElse) {
  Sources sources = open();
  ASSERT_TRUE(sources.open("runs.lua").has_value());
  Sources kept = Sources::kept(std::move(sources).take());
  ::unlink((folder.path() + "/books/runs.lua").c_str());
  auto found = kept.open("runs.lua");
  ASSERT_TRUE(found.has_value()) << found.error();
  EXPECT_EQ(kept.files().at(*found).text, "return {}\n");
  EXPECT_EQ(kept.open("lib/more.lua").error(),
            "`" + folder.path() + "/books/lib/more.lua` is not among the files that the run has kept");
}

}  // namespace
}  // namespace muster
