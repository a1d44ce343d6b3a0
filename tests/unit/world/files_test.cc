#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/real_clock.h"
#include "interpreter/world/real_entropy.h"
#include "interpreter/world/real_files.h"
#include "interpreter/world/real_scratch.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

class FilesTest : public ::testing::Test {
 protected:
  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string make(const std::string& name, const std::string& content) const {
    std::ofstream(at(name), std::ios::binary) << content;
    return at(name);
  }
  static std::string content(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
  }
  TempDirectory directory_;
  RealFiles files_;
};
using Files = FilesTest;

// A process that has the file open until it is told to end.
class Opener {
 public:
  explicit Opener(const std::string& path) {
    int ready[2], end[2];
    if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(end, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(end[1]);
      int fd = ::open(path.c_str(), O_RDONLY);
      char byte = fd >= 0 ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) == 1) (void)!::read(end[0], &byte, 1);
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(end[0]);
    char byte = 'n';
    (void)!::read(ready[0], &byte, 1);
    is_open = byte == 'y';
    ::close(ready[0]);
    end_.reset(end[1]);
  }
  ~Opener() {
    end_.reset();
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid_;
  bool is_open = false;

 private:
  UniqueFd end_;
};

TEST_F(Files, TellsWhatStandsUnderANameWithoutFollowingALink) {
  make("file", "12345");
  fs::create_symlink(at("file"), at("link"));
  Result<std::optional<FileStatus>> file = files_.status(at("file"));
  ASSERT_TRUE(file && *file);
  EXPECT_EQ((*file)->kind, FileKind::file);
  EXPECT_EQ((*file)->size, 5u);
  struct stat raw {};
  ASSERT_EQ(::stat(at("file").c_str(), &raw), 0);
  EXPECT_EQ((*file)->inode, raw.st_ino);
  EXPECT_EQ((*file)->modified.us, raw.st_mtim.tv_sec * 1'000'000 + raw.st_mtim.tv_nsec / 1000);
  EXPECT_EQ((*files_.status(at("link")))->kind, FileKind::symlink);
  EXPECT_EQ((*files_.status(directory_.path()))->kind, FileKind::directory);
  ASSERT_TRUE(files_.status(at("none")));
  EXPECT_FALSE(*files_.status(at("none")));
  EXPECT_FALSE(*files_.status(at("file/below")));
}

TEST_F(Files, ListsADirectorySortedByName) {
  make("b", "");
  make("a", "1");
  fs::create_directory(at("c"));
  Result<std::vector<DirectoryEntry>> entries = files_.list(directory_.path());
  ASSERT_TRUE(entries);
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].name, "a");
  EXPECT_EQ((*entries)[0].status.size, 1u);
  EXPECT_EQ((*entries)[2].status.kind, FileKind::directory);
  EXPECT_EQ(files_.list(at("none")).error().code, ErrorCode::not_found);
}

TEST_F(Files, ReadsAsFarAsTheLimitAllowsAndNoHalfFile) {
  make("file", "0123456789");
  EXPECT_EQ(*files_.read(at("file"), 10), "0123456789");
  EXPECT_EQ(files_.read(at("file"), 9).error().code, ErrorCode::refused);
  Result<std::unique_ptr<ReadFile>> open = files_.open(at("file"));
  ASSERT_TRUE(open);
  EXPECT_EQ(*(*open)->read(4), "0123");
  EXPECT_EQ(*(*open)->read_at(8, 100), "89");
  EXPECT_EQ(*(*open)->read(100), "456789");
  EXPECT_EQ(*(*open)->read(100), "");
}

TEST_F(Files, ReadsNothingButRegularFiles) {
  make("file", "x");
  fs::create_symlink(at("file"), at("link"));
  ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(files_.open(at("link")).error().code, ErrorCode::refused);
  EXPECT_EQ(files_.open(at("pipe")).error().code, ErrorCode::refused) << "and does not wait for a writer";
  EXPECT_EQ(files_.open(directory_.path()).error().code, ErrorCode::refused);
  EXPECT_EQ(files_.open(at("none")).error().code, ErrorCode::not_found);
  EXPECT_EQ(files_.open("").error().code, ErrorCode::invalid);
  EXPECT_EQ(files_.open(at("file") + std::string("\0x", 2)).error().code, ErrorCode::invalid);
}

TEST_F(Files, CreatesAFileForItsOwnerOnlyAndNeverOverAnother) {
  Result<std::unique_ptr<WriteFile>> file = files_.create(at("new"));
  ASSERT_TRUE(file);
  ASSERT_TRUE((*file)->write_at(3, "def"));
  ASSERT_TRUE((*file)->write_at(0, "abc"));
  ASSERT_TRUE((*file)->truncate(5));
  ASSERT_TRUE((*file)->sync());
  EXPECT_EQ(content(at("new")), "abcde");
  EXPECT_EQ((*files_.status(at("new")))->mode & 077, 0u);
  Result<std::unique_ptr<WriteFile>> again = files_.create(at("new"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  fs::create_symlink(at("elsewhere"), at("dangling"));
  EXPECT_FALSE(files_.create(at("dangling")));
  EXPECT_FALSE(fs::exists(at("elsewhere")));
}

TEST_F(Files, AFullDiskIsAStorageErrorThatMayHaveLeftBytes) {
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  Result<std::unique_ptr<WriteFile>> file = files_.create(at("new"));
  ASSERT_TRUE(file);
  pid_t child = ::fork();
  if (child == 0) {
    rlimit small{4096, old.rlim_max};
    ::signal(SIGXFSZ, SIG_IGN);
    ::setrlimit(RLIMIT_FSIZE, &small);
    Result<void> written = (*file)->write_at(0, std::string(10'000, 'x'));
    bool is_right = !written && written.error().code == ErrorCode::storage &&
                    written.error().effect == Certainty::maybe && !written.error().cause.empty();
    ::_exit(is_right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(Files, RenamesWithAndWithoutReplacing) {
  make("a", "A");
  make("b", "B");
  EXPECT_EQ(files_.rename_new(at("a"), at("b")).error().code, ErrorCode::refused);
  EXPECT_EQ(content(at("a")), "A");
  ASSERT_TRUE(files_.exchange(at("a"), at("b")));
  EXPECT_EQ(content(at("a")), "B");
  EXPECT_EQ(content(at("b")), "A");
  ASSERT_TRUE(files_.rename_new(at("a"), at("c")));
  ASSERT_TRUE(files_.rename(at("c"), at("b")));
  EXPECT_EQ(content(at("b")), "B");
  Result<void> nothing = files_.exchange(at("b"), at("none"));
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, ErrorCode::not_found);
  EXPECT_EQ(nothing.error().effect, Certainty::no_effect);
}

TEST_F(Files, MakesDirectoriesForTheOwnerOnly) {
  ASSERT_TRUE(files_.make_directory(at("d")));
  ASSERT_TRUE(files_.make_directory(at("d"))) << "one that exists is fine";
  EXPECT_EQ((*files_.status(at("d")))->mode & 077, 0u);
  make("file", "");
  EXPECT_EQ(files_.make_directory(at("file")).error().code, ErrorCode::refused);
  EXPECT_TRUE(files_.sync_directory(at("d")));
  EXPECT_TRUE(files_.is_writable(at("d")));
  EXPECT_FALSE(files_.is_writable(at("none")));
  EXPECT_GT(*files_.free_bytes(at("d")), 0u);
}

TEST_F(Files, RemovesATreeWithoutFollowingItsLinks) {
  ASSERT_TRUE(files_.make_directory(at("kept")));
  make("kept/file", "x");
  ASSERT_TRUE(files_.make_directory(at("tree")));
  ASSERT_TRUE(files_.make_directory(at("tree/inner")));
  make("tree/inner/file", "x");
  fs::create_directory_symlink(at("kept"), at("tree/inner/link"));
  ASSERT_TRUE(files_.remove_tree(at("tree")));
  EXPECT_FALSE(fs::exists(at("tree")));
  EXPECT_TRUE(fs::exists(at("kept/file")));
  EXPECT_TRUE(files_.remove_tree(at("tree"))) << "nothing there is fine";
  fs::create_directory_symlink(at("kept"), at("link"));
  EXPECT_FALSE(files_.remove_tree(at("link")));
  EXPECT_TRUE(fs::exists(at("kept/file")));
}

TEST_F(Files, RemovesAFileAndIsContentWhenThereIsNone) {
  make("file", "x");
  ASSERT_TRUE(files_.remove(at("file")));
  EXPECT_TRUE(files_.remove(at("file")));
  EXPECT_EQ(files_.remove(directory_.path()).error().code, ErrorCode::refused);
}

TEST_F(Files, SetsModeAndOwnerOfAFileButNotThroughALink) {
  make("file", "x");
  ASSERT_TRUE(files_.set_owner_and_mode(at("file"), ::geteuid(), ::getegid(), 0640));
  EXPECT_EQ((*files_.status(at("file")))->mode, 0640u);
  fs::create_symlink(at("file"), at("link"));
  EXPECT_EQ(files_.set_owner_and_mode(at("link"), ::geteuid(), ::getegid(), 0600).error().code, ErrorCode::refused);
  EXPECT_EQ((*files_.status(at("file")))->mode, 0640u);
}

TEST_F(Files, ResolvesEveryLinkOfAPath) {
  ASSERT_TRUE(files_.make_directory(at("real")));
  fs::create_directory_symlink(at("real"), at("link"));
  EXPECT_EQ(*files_.canonical(at("link/../link")), fs::canonical(at("real")).string());
  EXPECT_EQ(files_.canonical(at("none")).error().code, ErrorCode::not_found);
}

TEST_F(Files, NamesTheProcessThatHasAFileOpen) {
  make("app.db", "x");
  Opener opener(at("app.db"));
  ASSERT_TRUE(opener.is_open);
  Result<std::vector<Holder>> holders = files_.holders({at("app.db")});
  ASSERT_TRUE(holders);
  ASSERT_EQ(holders->size(), 1u);
  EXPECT_EQ(holders->front().pid, opener.pid_);
  EXPECT_EQ(holders->front().command, "unit_world");
  EXPECT_TRUE(files_.holders({at("other.db")})->empty());
}

TEST_F(Files, SeesAFileThroughALinkAndUnderAnotherName) {
  make("app.db", "x");
  fs::create_symlink(at("app.db"), at("link.db"));
  fs::create_hard_link(at("app.db"), at("second.db"));
  Opener opener(at("second.db"));
  EXPECT_EQ(files_.holders({at("link.db")})->size(), 1u);
}

TEST_F(Files, SeesAHolderOfTheLogBesideADatabase) {
  make("app.db", "x");
  make("app.db-wal", "x");
  Opener opener(at("app.db-wal"));
  EXPECT_EQ(files_.holders({at("app.db")})->size(), 1u);
}

TEST_F(Files, SeesAHolderOfAFileThatWasRemoved) {
  make("app.db", "x");
  Opener opener(at("app.db"));
  fs::remove(at("app.db"));
  Result<std::vector<Holder>> holders = files_.holders({at("app.db")});
  ASSERT_EQ(holders->size(), 1u);
  EXPECT_NE(holders->front().path.find("(deleted)"), std::string::npos);
}

TEST_F(Files, DoesNotCountOurselvesAmongTheHolders) {
  make("app.db", "x");
  UniqueFd ours(::open(at("app.db").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(files_.holders({at("app.db")})->empty());
}

TEST(Scratch, GivesPrivateDirectoriesThatGoWithIt) {
  TempDirectory beneath;
  std::string first, second;
  {
    RealScratch scratch(beneath.path());
    first = *scratch.directory();
    second = *scratch.directory();
    EXPECT_NE(first, second);
    EXPECT_EQ(fs::status(first).permissions(), fs::perms::owner_all);
    std::ofstream(first + "/file") << "x";
  }
  EXPECT_FALSE(fs::exists(first));
  EXPECT_FALSE(fs::exists(second));
  EXPECT_EQ(RealScratch(beneath.path() + "/none").directory().error().code, ErrorCode::not_found);
}

TEST(Entropy, GivesAsManyBytesAsAskedAndNeverTheSame) {
  RealEntropy entropy;
  EXPECT_EQ(entropy.bytes(0), "");
  EXPECT_EQ(entropy.bytes(1000).size(), 1000u);
  EXPECT_NE(entropy.bytes(16), entropy.bytes(16));
}

TEST(Clock, GoesOnAndKnowsTheYear) {
  RealClock clock;
  Duration boot = clock.boot();
  EXPECT_GT(clock.now(), *parse_timestamp("2020-01-01T00:00:00Z"));
  EXPECT_GE(clock.boot(), boot);
  EXPECT_GT(boot.us, 0);
}

}  // namespace
}  // namespace muster
