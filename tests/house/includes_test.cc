// The fence of the house: which room may include which, read from the include lines themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Rooms = std::set<std::string>;

// docs/architecture.md, "Rooms": base is open to all; what a room may include is listed whole, not transitively.
const std::map<std::string, Rooms> may_include = {
    {"interpreter/base", {}},
    {"interpreter/expression", {}},
    {"interpreter/language", {"interpreter/expression"}},
    {"interpreter/reader", {"interpreter/language", "interpreter/expression"}},
    {"interpreter/world", {}},
    {"interpreter/action", {"interpreter/world"}},
    {"interpreter/checker", {"interpreter/language", "interpreter/expression", "interpreter/action"}},
    {"interpreter/graph", {"interpreter/language", "interpreter/expression"}},
    {"interpreter/plan",
     {"interpreter/checker", "interpreter/graph", "interpreter/action", "interpreter/language",
      "interpreter/expression"}},
    {"interpreter/page",
     {"interpreter/plan", "interpreter/checker", "interpreter/graph", "interpreter/action", "interpreter/language",
      "interpreter/expression"}},
    {"interpreter/reference", {"interpreter/language", "interpreter/action"}},
    {"interpreter/journal", {}},
    {"interpreter/engine",
     {"interpreter/graph", "interpreter/action", "interpreter/journal", "interpreter/checker", "interpreter/language",
      "interpreter/expression", "interpreter/world"}},
    {"interpreter/dryrun",
     {"interpreter/engine", "interpreter/plan", "interpreter/graph", "interpreter/action", "interpreter/journal",
      "interpreter/checker", "interpreter/language", "interpreter/expression", "interpreter/world"}},
    {"interpreter/report",
     {"interpreter/journal", "interpreter/graph", "interpreter/language", "interpreter/expression"}},
    {"steps", {"interpreter/action", "interpreter/world"}},
    {"scripting", {"interpreter/action", "interpreter/world"}},
    {"interpreter/rehearsal",
     {"interpreter/engine", "interpreter/journal", "interpreter/checker", "interpreter/reader", "interpreter/graph",
      "interpreter/language", "interpreter/expression", "interpreter/action", "interpreter/world", "scripting"}},
    {"interpreter/cli",
     {"interpreter/rehearsal", "interpreter/engine", "interpreter/dryrun", "interpreter/report", "interpreter/plan",
      "interpreter/page", "interpreter/reference", "interpreter/journal", "interpreter/checker", "interpreter/reader",
      "interpreter/graph", "interpreter/language", "interpreter/expression", "interpreter/action", "interpreter/world",
      "steps", "scripting"}},
};

// Arrow 4: a library's header stands in the files of its owner only.
const std::map<std::string, Rooms> owners = {
    {"yaml-cpp/", {"interpreter/reader"}},
    {"sqlite3.h", {"interpreter/world", "interpreter/journal", "playbooks/database-restore/demo"}},
    {"curl/", {"interpreter/world"}},
    {"nlohmann/", {"interpreter/base"}},
    {"sodium", {"interpreter/base", "interpreter/journal"}},
    {"lz4", {"steps"}},
    {"zlib.h", {"steps"}},
    {"zstd.h", {"steps"}},
    {"openssl/", {"interpreter/base", "steps"}},
    {"lua", {"scripting"}},
    {"archive.h", {"steps"}},
    {"postgresql/libpq-fe.h", {"interpreter/world", "interpreter/journal"}},
    {"CLI/", {"interpreter/cli"}},
    {"spdlog/", {"interpreter/cli"}},
};

// Headers that are slow to compile: each in at most three files, and in no test.
const std::vector<std::string> heavy = {"nlohmann/", "CLI/", "spdlog/", "valijson/", "yaml-cpp/"};

struct Include {
  std::string file;  // from the root
  std::string room;
  std::string target;
};

std::string room_of(const std::string& path) {
  std::string best;
  for (const auto& entry : may_include)
    if (path.rfind(entry.first + "/", 0) == 0 && entry.first.size() > best.size()) best = entry.first;
  return best;
}

bool is_source(const fs::path& path) { return path.extension() == ".cc" || path.extension() == ".h"; }

std::vector<Include> includes_under(const std::vector<std::string>& folders) {
  std::vector<Include> all;
  fs::path root = MUSTER_SOURCE_DIR;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      std::string name = fs::relative(entry.path(), root).string();
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);) {
        if (line.rfind("#include ", 0) != 0) continue;
        size_t begin = line.find_first_of("<\"");
        size_t end = line.find_last_of(">\"");
        if (begin == std::string::npos || end <= begin) continue;
        all.push_back({name, room_of(name), line.substr(begin + 1, end - begin - 1)});
      }
    }
  }
  return all;
}

bool crosses(const Include& include) {
  std::string target = room_of(include.target);
  if (target.empty() || include.room.empty() || target == include.room || target == "interpreter/base") return false;
  return may_include.at(include.room).count(target) == 0;
}

TEST(House, NoIncludeCrossesItAgainstItsArrows) {
  std::vector<Include> all = includes_under({"interpreter", "steps", "scripting"});
  ASSERT_GT(all.size(), 300u) << "the include lines were not found";
  for (const Include& include : all)
    EXPECT_FALSE(crosses(include)) << include.file << " may not include " << include.target << ": " << include.room
                                   << " knows nothing of that room (docs/architecture.md)";
}

TEST(House, TheFenceSeesAnIncludeThatCrosses) {
  EXPECT_TRUE(crosses({"steps/sql.cc", "steps", "interpreter/engine/engine.h"}));
  EXPECT_TRUE(crosses({"interpreter/checker/names.cc", "interpreter/checker", "interpreter/world/files.h"}));
  EXPECT_TRUE(crosses({"interpreter/base/value.cc", "interpreter/base", "interpreter/language/playbook.h"}));
  EXPECT_FALSE(crosses({"steps/sql.cc", "steps", "interpreter/action/action.h"}));
}

TEST(House, EveryRoomIsKnownToTheFence) {
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::path(MUSTER_SOURCE_DIR) / "interpreter")) {
    if (!entry.is_directory() || fs::is_empty(entry.path())) continue;
    EXPECT_EQ(may_include.count("interpreter/" + entry.path().filename().string()), 1u) << entry.path().filename();
  }
}

TEST(House, ALibrarysHeaderStandsWithItsOwnerOnly) {
  for (const Include& include : includes_under({"interpreter", "steps", "scripting", "playbooks"})) {
    for (const auto& [library, rooms] : owners) {
      if (include.target.rfind(library, 0) != 0) continue;
      bool owned = std::any_of(rooms.begin(), rooms.end(),
                               [&](const std::string& room) { return include.file.rfind(room + "/", 0) == 0; });
      EXPECT_TRUE(owned) << include.file << " includes " << include.target;
      bool header = include.file.size() > 2 && include.file.substr(include.file.size() - 2) == ".h";
      EXPECT_FALSE(header && library != "sqlite3.h")
          << include.file << " shows " << include.target << " to all who include it";
    }
  }
}

TEST(House, HeavyHeadersStandInAtMostThreeFilesAndInNoTest) {
  std::map<std::string, std::set<std::string>> users;
  for (const Include& include : includes_under({"interpreter", "steps", "scripting", "playbooks", "tests"})) {
    for (const std::string& library : heavy) {
      if (include.target.rfind(library, 0) != 0) continue;
      users[library].insert(include.file);
      const bool in_a_test = include.file.rfind("tests/", 0) == 0 && include.file.rfind("tests/bench/", 0) != 0;
      EXPECT_FALSE(in_a_test) << include.file << " includes " << include.target;
    }
  }
  for (const auto& [library, files] : users) EXPECT_LE(files.size(), 3u) << library << " is included by too many files";
}

std::vector<std::pair<std::string, std::string>> lines_of(const std::vector<std::string>& folders,
                                                          const std::vector<std::string>& endings) {
  std::vector<std::pair<std::string, std::string>> all;
  fs::path root = MUSTER_SOURCE_DIR;
  for (const std::string& folder : folders) {
    if (!fs::exists(root / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (!entry.is_regular_file()) continue;
      std::string extension = entry.path().extension().string();
      if (std::find(endings.begin(), endings.end(), extension) == endings.end()) continue;
      std::ifstream in(entry.path());
      int number = 0;
      for (std::string line; std::getline(in, line);)
        all.emplace_back(fs::relative(entry.path(), root).string() + ":" + std::to_string(++number), line);
    }
  }
  return all;
}

// The word stands by itself: `puts(` is not found in `outputs(`, nor a marker in a template of mkdtemp.
bool has_word(const std::string& line, const std::string& word) {
  auto letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (size_t at = line.find(word); at != std::string::npos; at = line.find(word, at + 1)) {
    size_t end = at + word.size();
    bool open_before = at == 0 || !letter(line[at - 1]) || !letter(word.front());
    bool open_after = end >= line.size() || !letter(line[end]) || !letter(word.back());
    if (open_before && open_after) return true;
  }
  return false;
}

TEST(House, NothingIsUnfinishedByItsOwnWords) {
  const std::vector<std::string> words = {
      std::string("TO") + "DO",  std::string("FIX") + "ME",   std::string("X") + "XX",
      std::string("HA") + "CK:", std::string("for") + " now", std::string("not ") + "implemented"};
  for (const auto& [place, line] : lines_of({"interpreter", "steps", "scripting"}, {".cc", ".h", ".lua"}))
    for (const std::string& word : words) EXPECT_FALSE(has_word(line, word)) << place << ": " << line;
}

TEST(House, OnlyTheCommandLinePrints) {
  const std::vector<std::string> printing = {"std::cout", "std::cerr", "fprintf(stderr", "printf(", "puts("};
  for (const auto& [place, line] : lines_of({"interpreter", "steps", "scripting"}, {".cc", ".h"})) {
    if (place.rfind("interpreter/cli/", 0) == 0 || place.rfind("interpreter/main.cc", 0) == 0) continue;
    for (const std::string& call : printing) EXPECT_FALSE(has_word(line, call)) << place << ": " << line;
  }
}

TEST(House, EveryHeaderOpensWithItsPurpose) {
  fs::path root = MUSTER_SOURCE_DIR;
  for (const char* folder : {"interpreter", "steps", "scripting"}) {
    if (!fs::exists(root / folder)) continue;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.path().extension() != ".h") continue;
      std::ifstream in(entry.path());
      std::string line;
      std::getline(in, line);
      EXPECT_EQ(line.rfind("// ", 0), 0u) << fs::relative(entry.path(), root) << " does not say what it is for";
    }
  }
}

TEST(House, EveryPageThatIsNamedIsThere) {
  fs::path root = MUSTER_SOURCE_DIR;
  const std::regex page("docs/[a-z/-]+\\.md");
  size_t named = 0;
  for (const auto& [place, line] : lines_of({"interpreter", "steps", "scripting", "tests", "docs", "playbooks"},
                                            {".cc", ".h", ".md", ".sh", ".yaml"})) {
    if (line.find("docs/") == std::string::npos) continue;  // the expression is slow
    for (std::sregex_iterator it(line.begin(), line.end(), page), end; it != end; ++it, ++named)
      EXPECT_TRUE(fs::exists(root / it->str())) << place << " names " << it->str();
  }
  EXPECT_GT(named, 20u);
}

TEST(House, EveryTestThatThePageOfPromisesNamesIsThere) {
  std::set<std::string> there;
  const std::regex test("TEST(?:_F|_P)?\\(([A-Za-z]+), ([A-Za-z0-9]+)\\)");
  for (const auto& [place, line] : lines_of({"tests"}, {".cc"})) {
    std::smatch match;
    if (line.rfind("TEST", 0) == 0 && std::regex_search(line, match, test))
      there.insert(match[1].str() + "." + match[2].str());
  }
  std::ifstream lists(fs::path(MUSTER_SOURCE_DIR) / "tests/CMakeLists.txt");
  std::stringstream listed;
  listed << lists.rdbuf();
  const std::regex name("`([A-Za-z]+\\.[A-Za-z0-9_]+)`");
  size_t named = 0;
  for (const auto& [place, line] : lines_of({"docs"}, {".md"})) {
    if (place.rfind("docs/reliability.md", 0) != 0) continue;
    for (std::sregex_iterator it(line.begin(), line.end(), name), end; it != end; ++it, ++named) {
      std::string test_name = (*it)[1];
      bool script = test_name.rfind("live.", 0) == 0 || test_name.rfind("crash.", 0) == 0;
      bool found = script ? listed.str().find(test_name.substr(0, test_name.find('_'))) != std::string::npos
                          : there.contains(test_name);
      EXPECT_TRUE(found) << place << " names " << test_name;
    }
  }
  EXPECT_GT(named, 50u);
}

}  // namespace
