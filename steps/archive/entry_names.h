// Which names an archive may hold, and whether two of them would be one file somewhere.
//
// Errors: `refused`, naming the entry.
// Source: docs/reliability.md B63 and S27.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "steps/archive/tar_format.h"

namespace muster {

// The name without `./` before and `/` behind it; empty for the archive's root itself.
[[nodiscard]] Result<std::string> clean_entry_name(std::string_view name);

// How a name looks where case and the composition of letters make no difference.
[[nodiscard]] std::string folded_name(std::string_view name);

// The entries so far: what comes next must fit to them.
class EntryNames {
 public:
  // The clean name of an entry. Parents must have come before as directories, or not at all (they are then added).
  [[nodiscard]] Result<std::string> add(const TarEntry& entry);
  // Directories that the last add() brought along, outermost first.
  [[nodiscard]] const std::vector<std::string>& implied() const { return implied_; }

 private:
  [[nodiscard]] Result<void> claim(const std::string& name, TarKind kind);
  std::map<std::string, TarKind> kinds_;
  std::map<std::string, std::string> folded_;  // to the name that came first
  std::vector<std::string> implied_;
};

}  // namespace muster
