// The index of a folder of playbooks: what people wrote about it, a row for each playbook, and the scenarios with their
// endings.
//
// Source: docs/docs-command.md, "Folders".
#pragma once

#include <string>
#include <vector>

#include "interpreter/page/page.h"

namespace muster {

struct FamilyScenario {
  std::string name;
  std::string file;    // from the folder
  std::string ending;  // `succeeded`, as the scenario expects it; empty: it does not say
};

struct FamilyMember {
  std::string file;  // from the folder
  Page page;
  std::vector<FamilyScenario> scenarios;
};

struct Family {
  std::string name;   // of the folder
  std::string about;  // Markdown that people wrote; its line `<!-- playbooks -->` is where the tables go
  std::vector<FamilyMember> members;  // by file
};

// Where the tables stand in what people wrote.
inline constexpr const char* family_place = "<!-- playbooks -->";

[[nodiscard]] std::string markdown_of(const Family& family);
[[nodiscard]] Value value_of(const Family& family);

}  // namespace muster
