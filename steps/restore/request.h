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
#include "steps/restore/validation.h"

namespace muster {

struct RestoreRequest {
  std::string target;  // the database file, as written
  std::string replica;
  std::optional<Timestamp> at;
  Expectation expect;
  bool keep_old = true;
};

[[nodiscard]] std::vector<Field> restore_fields();
[[nodiscard]] bool is_listing(const Map& args);
// The replica's directory of `list` or `from`.
[[nodiscard]] Result<std::string> replica_of(const Map& args, std::string_view field);
[[nodiscard]] Result<RestoreRequest> restore_request(const Map& args);

}  // namespace muster
