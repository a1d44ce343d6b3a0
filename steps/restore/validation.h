// What a restored database must be before it may replace anything.
//
// Errors: `corrupt` when SQLite finds it damaged, `schema_mismatch` when tables, version or counts are not the expected
//         ones, `interrupted` when stopped.
// Source: docs/actions/restore.md, `expect`.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/files.h"
#include "interpreter/world/sql.h"

namespace muster {

struct Expectation {
  std::vector<std::string> tables;
  std::map<std::string, int64_t> min_rows;
  std::optional<int64_t> schema_version;  // PRAGMA user_version
  std::optional<Duration> max_age;        // judged by the moment that was chosen
  CheckKind integrity = CheckKind::integrity;
  bool counts_of_metadata = false;  // as many rows as the backup's manifest says
};

struct Validated {
  Map records;  // rows by table; SQLite's own and Litestream's tables are left out
  int64_t schema_version = 0;
  std::string sha256;  // of the file
};

// What is known of these very bytes from when they were written.
struct KnownBefore {
  std::string sha256 = {};                          // empty: it is made here
  std::optional<CheckResult> check = std::nullopt;  // of the kind that is expected; none: it is made here
  bool is_just_made = false;                        // by this process, so that it may be mapped
};

[[nodiscard]] Result<Validated> validate(SqlRead& sql, FilesRead& files, const std::string& path,
                                         const Expectation& expected, std::stop_token stop,
                                         const KnownBefore& known = {});

// The least rows, and the counts that a manifest gives (nullptr: there is none), against what was found.
[[nodiscard]] Result<void> check_counts(const Expectation& expected, const Map& records, const Map* of_manifest);

[[nodiscard]] Result<std::string> sha256_of_file(FilesRead& files, const std::string& path, std::stop_token stop);

}  // namespace muster
