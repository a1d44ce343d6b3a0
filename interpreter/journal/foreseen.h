// What a dry run foresaw of a run, as it is kept: enough to lay beside it what then happened.
//
// Units:  a digest is the one of a run's graph and files.
// Errors: none: a body that cannot be read is no dry run.
// Source: docs/dry-run.md, "Predicted and actual"; docs/journal.md, "Rehearsals and dry runs".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

struct ForeseenStep {
  std::string path, what;  // `change/deleted`, `sql`
  std::string list;        // empty, or `rescue`, `rollback`, `always`
  std::string told;        // `read`, `predicted`, `unknown`; empty: it was not looked at
  std::string why;         // of `unknown`
  std::string ending;      // `skipped`, `already_done`; empty: it would run
  std::string failure;     // it would fail
  std::string before_change;
  std::vector<std::string> lines;  // what would be done
  Map facts;                       // counts, sizes, and single values that were read
};

struct ForeseenRun {
  std::string playbook, version, digest;
  Map inputs;
  std::string person, host, muster;
  Timestamp at;
  std::vector<ForeseenStep> steps;
};

[[nodiscard]] std::string encode_foreseen(const ForeseenRun& foreseen);
[[nodiscard]] std::optional<ForeseenRun> decode_foreseen(const Kept& kept);

// The last dry run of these files with these inputs that was made before the run began; nothing: there was none.
[[nodiscard]] Result<std::optional<ForeseenRun>> foreseen_of(Journal& journal, const RunRow& run);

}  // namespace muster
