// Which older backups of one name go once a new one is there.
//
// A backup is known by the manifest beside it, and counts where its file has the size that the manifest says. The one
// just made always stays, so the last good one is never removed; nothing without a manifest of ours is touched.
// Errors: none; what cannot be removed is told in `notes`.
// Source: docs/actions/backup.md, "Retention".
#pragma once

#include <optional>
#include <string>

#include "interpreter/base/value.h"
#include "interpreter/world/files.h"

namespace muster {

struct RetentionRule {
  std::optional<int64_t> keep;      // so many of the newest stay
  std::optional<Duration> max_age;  // and none that is older
};

// What the rule removes now, oldest first: paths. `newest` is the backup just made, at `now`.
[[nodiscard]] Result<std::vector<std::string>> expired_backups(FilesRead& files, const std::string& directory,
                                                               const std::string& name, const std::string& newest,
                                                               Timestamp now, const RetentionRule& rule);
// {removed, notes}
[[nodiscard]] Map apply_retention(Files& files, const std::string& directory, const std::string& name,
                                  const std::string& newest, Timestamp now, const RetentionRule& rule);

}  // namespace muster
