#include "interpreter/world/sql.h"

namespace muster {

std::optional<std::string> outside_of(const ChangeBounds& bounds, int64_t changes) {
  bool is_below = bounds.min && changes < *bounds.min, is_above = bounds.max && changes > *bounds.max;
  if (!is_below && !is_above) return std::nullopt;
  std::string expected;
  if (bounds.min && bounds.max && *bounds.min == *bounds.max) {
    expected = "exactly " + std::to_string(*bounds.min);
  } else if (bounds.min && bounds.max) {
    expected = "from " + std::to_string(*bounds.min) + " to " + std::to_string(*bounds.max);
  } else {
    expected = bounds.min ? "at least " + std::to_string(*bounds.min) : "at most " + std::to_string(*bounds.max);
  }
  return std::to_string(changes) + (changes == 1 ? " row was" : " rows were") + " changed, expected were " + expected;
}

}  // namespace muster
