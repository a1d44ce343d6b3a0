#include "interpreter/base/result.h"

#include <array>

namespace muster {
namespace {

constexpr std::array<std::string_view, 21> names = {
    "failed",  "timeout",     "unreachable",   "verify_failed", "not_started", "wrong_key",  "schema_mismatch",
    "corrupt", "too_old",     "target_in_use", "no_backup",     "violations",  "expression", "not_found",
    "refused", "interrupted", "bad_reply",     "storage",       "busy",        "in_doubt",   "invalid"};

}  // namespace

std::string_view name_of(ErrorCode code) { return names[static_cast<size_t>(code)]; }

std::optional<ErrorCode> error_code_of(std::string_view name) {
  for (size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<ErrorCode>(i);
  return std::nullopt;
}

std::string_view name_of(Certainty certainty) {
  switch (certainty) {
    case Certainty::no_effect:
      return "none";
    case Certainty::maybe:
      return "maybe";
    case Certainty::done:
      return "done";
  }
  return "maybe";
}

}  // namespace muster
