// One name, one type: two types of one name in one namespace compile, link and then destroy each other's objects, since
// a linker keeps only one of their inline functions.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>

namespace {

namespace fs = std::filesystem;

TEST(House, HasNoTwoTypesOfOneName) {
  const std::regex opens(R"(namespace ([a-z_:]+) \{)");
  const std::regex defines(R"((struct|class|union) ([A-Z]\w+)( final)?( :[^:].*)? ?\{.*)");
  std::map<std::string, std::string> where;
  for (const char* room : {"interpreter", "steps", "scripting"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(MUSTER_SOURCE_DIR) / room)) {
      if (entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      std::string space;
      for (std::string line; std::getline(in, line);) {
        std::smatch found;
        if (std::regex_match(line, found, opens)) space = found[1];
        if (!std::regex_match(line, found, defines)) continue;
        const std::string file = fs::relative(entry.path(), MUSTER_SOURCE_DIR).string();
        auto [at, is_new] = where.emplace(space + "::" + found[2].str(), file);
        EXPECT_TRUE(is_new) << at->first << " is defined in " << at->second << " and in " << file;
      }
    }
  }
  EXPECT_GT(where.size(), 200u);
}

}  // namespace
