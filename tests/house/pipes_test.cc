// Scripts of the tests stop at the first failure of any part of a pipe. A reader that leaves early (`grep -q`, `head`)
// ends the writer before it by a signal, now and then: a test that fails by chance. They read from `<(...)` instead.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace muster {
namespace {

namespace fs = std::filesystem;

TEST(House, NoPipeOfAScriptEndsInAReaderThatLeavesEarly) {
  const std::regex leaves_early(R"(\|\s*(grep\s+(-\w+\s+)*-\w*q|grep\s+(-\w+\s+)*-m))");
  size_t scripts = 0;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::path(MUSTER_SOURCE_DIR) / "tests")) {
    if (entry.path().extension() != ".sh") continue;
    ++scripts;
    std::ifstream in(entry.path());
    size_t number = 0;
    for (std::string line; std::getline(in, line);) {
      ++number;
      EXPECT_FALSE(std::regex_search(line, leaves_early)) << entry.path().filename().string() << ":" << number << ": "
                                                          << line << "\n  write grep -q PATTERN <(COMMAND)";
    }
  }
  EXPECT_GT(scripts, 10u);
}

}  // namespace
}  // namespace muster
