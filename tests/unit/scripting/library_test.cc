// docs/lua-library.md: every example gives what the page says, and every function has one.
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "tests/unit/scripting/small_scripts.h"

namespace muster {
namespace {

std::string contents(const std::string& path) {
  std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/" + path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

TEST(LuaLibrary, GivesWhatItsPageSays) {
  std::istringstream page(contents("docs/lua-library.md"));
  const std::regex row("\\| `(.*)` \\| `(.*)` \\|");
  size_t examples = 0;
  for (std::string line; std::getline(page, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, row)) continue;
    ++examples;
    const std::string left = match[1], right = match[2];
    EXPECT_EQ(gives("local a, b = (" + left + "), " + right +
                    " if list.equal(a, b) then return 'equal' end "
                    "return type(a) == 'table' and json.encode(a) or tostring(a)"),
              "string equal")
        << line;
  }
  EXPECT_GT(examples, 55u);
}

TEST(LuaLibrary, HasAnExampleOfEveryFunction) {
  const std::string page = contents("docs/lua-library.md");
  size_t functions = 0;
  auto expect_example = [&](const std::string& name) {
    ++functions;
    EXPECT_NE(page.find(name + "("), std::string::npos) << name << " has no example";
  };
  const std::string prelude = contents("scripting/prelude.cc");
  const std::regex in_lua("\nfunction ([a-z]+\\.[a-z0-9_]+)\\(");
  for (std::sregex_iterator it(prelude.begin(), prelude.end(), in_lua), end; it != end; ++it) expect_example((*it)[1]);
  const std::string table = contents("scripting/standard_library.cc");
  const std::regex in_c("\\{\"([a-z0-9_]+)\", [a-z0-9_]+\\}");
  for (std::sregex_iterator it(table.begin(), table.end(), in_c), end; it != end; ++it)
    expect_example("." + (*it)[1].str());
  EXPECT_GT(functions, 55u);
}

}  // namespace
}  // namespace muster
