// What a dry run does with the backup that it found: makes the database in scratch, and checks it as a restore would.
//
// Errors: those of the source and of validate(): why no backup that was found would do.
// Source: docs/dry-run.md; docs/actions/restore.md.
#pragma once

#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/restore/request.h"
#include "steps/restore/source.h"

namespace muster {

struct TriedBackup {
  size_t chosen = 0;               // of those that were found: the first that passes
  std::vector<std::string> lines;  // what was checked, and which newer ones were refused, why
  Map records;                     // rows by table; empty where it was not tried
};

// Whether the preview is a dry run's. At a gate nothing is tried: the restore that stands behind it does the same.
[[nodiscard]] bool is_dry_run(const StepInput& input);

[[nodiscard]] Result<TriedBackup> try_backups(BackupSource& source, const std::vector<FoundBackup>& found,
                                              const RestoreRequest& request, const StepInput& input, Look& look,
                                              Trial& trial);

}  // namespace muster
