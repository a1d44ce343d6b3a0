// What a restore step asks for, taken from its arguments.
//
// Errors: `invalid` for a source that this version does not read, and for fields that do not go together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/sql.h"
#include "steps/archive/sealing.h"
#include "steps/restore/validation.h"

namespace muster {

enum class TargetKind { sqlite, directory, postgres, rows };
enum class FromKind { litestream, file, newest, archive, dump, artifact };

struct From {
  FromKind kind = FromKind::litestream;
  std::string where;  // a path, a pattern of paths, a URL or an artifact's id
  std::optional<ArchiveKey> key;
  Connection connection;  // of an s3:// URL
};

struct RestoreRequest {
  TargetKind target_kind = TargetKind::sqlite;
  std::string target;     // the database file or directory, as written
  Connection connection;  // of a PostgreSQL database
  Map rows;               // {connection, table, where, bind}
  From from;
  std::optional<Timestamp> at;
  Expectation expect;
  bool keep_old = true;
};

[[nodiscard]] std::vector<Field> restore_fields();
[[nodiscard]] bool is_listing(const Map& args);
// Of `list` or `from`.
[[nodiscard]] Result<From> from_of(const Map& args, std::string_view field);
[[nodiscard]] Result<RestoreRequest> restore_request(const Map& args);

}  // namespace muster
