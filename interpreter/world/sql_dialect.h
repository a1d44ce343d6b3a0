// The kinds of SQL that are spoken here.
#pragma once

namespace muster {

enum class SqlDialect {
  sqlite,    // `[a]` and `a` in back-quotes are identifiers; comments do not nest
  postgres,  // dollar quotes, E'..', nested comments; `[` is an index
};

}  // namespace muster
