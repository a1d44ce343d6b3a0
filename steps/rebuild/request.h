// What a rebuild step asks for, taken from its arguments.
//
// Errors: `invalid` for fields that do not go together, and for what this version does not do.
// Source: docs/actions/rebuild.md.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "interpreter/action/action.h"

namespace muster {

struct RebuildSide {
  Connection connection;
  std::string table;
  std::string where = {};               // of the source; empty: all
  std::vector<std::string> range = {};  // of the target: the columns where a row begins and ends, or none
};

struct RebuildIslands {
  std::string order;
  int64_t step_days = 1;
  std::string start, end, count;  // columns; `count` may be empty
};
struct RebuildSql {
  std::string text;
};
struct RebuildLua {
  std::string function;
  std::string order;  // the source's column that a partition's rows are ordered by: that of the range; may be empty
};
struct RebuildCopy {
  bool prune = false;
};

struct RebuildInvariant {
  std::string name;
  std::string query;
  int64_t rows = 0;
};

struct RebuildRequest {
  RebuildSide from, into;
  std::string key;
  std::string keys_query;            // empty: the list, or the source's distinct keys
  std::optional<List> keys_list;     // of `keys`
  std::string range_column;          // empty: no range
  std::string range_from, range_to;  // empty: open
  std::variant<RebuildIslands, RebuildSql, RebuildLua, RebuildCopy> derive;
  int64_t batch = 100;
  int64_t workers = 1;
  std::optional<Duration> keep;  // of the old rows
  std::vector<RebuildInvariant> invariants;
  int64_t most_failures = 0;
  std::optional<double> most_failures_percent;

  [[nodiscard]] bool same_database() const {
    return from.connection.name == into.connection.name &&
           from.connection.settings.size() == into.connection.settings.size();
  }
  [[nodiscard]] bool has_range() const { return !range_from.empty() || !range_to.empty(); }
};

[[nodiscard]] std::vector<Field> rebuild_fields();
[[nodiscard]] Result<RebuildRequest> rebuild_request(const StepInput& input);

}  // namespace muster
