// What a backup step asks for, taken from its arguments.
//
// Errors: `invalid` for fields that do not go together.
// Source: docs/actions/backup.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/base/result.h"
#include "interpreter/world/sql.h"
#include "steps/archive/compression.h"
#include "steps/archive/sealing.h"
#include "steps/rows/rows_file.h"

namespace muster {

enum class SourceKind { sqlite, directory, postgres, rows };

struct BackupRequest {
  SourceKind kind = SourceKind::sqlite;
  Connection connection;  // of sqlite and postgres
  std::string directory;  // of directory
  TableRows rows;         // of rows
  std::string to, name;
  bool is_archive = false;
  Compression compression = Compression::none;
  std::optional<ArchiveKey> key;
  std::optional<int64_t> keep;
  std::optional<Duration> max_age;
};

[[nodiscard]] std::vector<Field> backup_fields();
[[nodiscard]] Result<BackupRequest> backup_request(const Map& args);
}  // namespace muster
