// How plans and ledgers write values and gates, for people and for programs.
#pragma once

#include <string>
#include <vector>

#include "interpreter/plan/plan.h"

namespace muster {

// Lists and maps with unknowns inside: their own words, not JSON's.
[[nodiscard]] std::string shown(const Value& value);
// `key: value`; a value of several lines stands below its key.
[[nodiscard]] std::string shown_line(const std::string& indent, const std::string& key, const std::string& value);

[[nodiscard]] std::string gate_text(const PlannedGate& gate, const std::string& indent);
[[nodiscard]] Value gate_value(const PlannedGate& gate);
[[nodiscard]] Map keys_value(const std::vector<PlannedKey>& keys);

}  // namespace muster
