// Gates close in one place: whoever adds another way past them has to change this test, and to say why.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace muster {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> lines_with(const std::string& text) {
  std::vector<std::string> found;
  for (const char* folder : {"interpreter", "steps"}) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(fs::path(MUSTER_SOURCE_DIR) / folder)) {
      std::string extension = entry.path().extension().string();
      if (extension != ".cc" && extension != ".h") continue;
      std::ifstream in(entry.path());
      for (std::string line; std::getline(in, line);)
        if (line.find(text) != std::string::npos) found.push_back(entry.path().filename().string() + ": " + line);
    }
  }
  return found;
}

TEST(Gates, AreClosedByOneFunction) {
  std::vector<std::string> writes;
  for (const std::string& line : lines_with("EventKind::gate_closed"))
    if (line.find("case EventKind::gate_closed") == std::string::npos &&
        line.find("== EventKind::gate_closed") == std::string::npos &&
        line.find("!= EventKind::gate_closed") == std::string::npos)
      writes.push_back(line);
  EXPECT_EQ(writes, std::vector<std::string>{"gate_deciding.cc:   add(EventKind::gate_closed, gate, opening,"});
}

TEST(Gates, AreClosedOnlyBehindADecision) {
  std::vector<std::string> calls = lines_with("close_gate(");
  ASSERT_FALSE(calls.empty());
  for (const std::string& line : calls)
    EXPECT_TRUE(line.starts_with("gate_deciding.cc: ") || line.starts_with("loop.h: ")) << line;
}

}  // namespace
}  // namespace muster
