#include "interpreter/plan/shown.h"

#include <algorithm>

#include "interpreter/base/json.h"

namespace muster {
namespace {

std::string plain(const Value& value) {
  if (const Unknown* unknown = value.find<Unknown>()) return "(" + unknown->why + ")";
  if (const Duration* duration = value.find<Duration>()) return to_text(*duration);
  if (value.is<List>() || value.is<Map>()) return print_json(value);
  return to_text(value);
}

}  // namespace

std::string shown_line(const std::string& indent, const std::string& key, const std::string& value) {
  if (value.find('\n') == std::string::npos) return indent + key + ": " + value + "\n";
  std::string out = indent + key + ":\n";
  for (size_t at = 0; at < value.size();) {
    size_t end = std::min(value.find('\n', at), value.size());
    out += indent + "    " + value.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

std::string shown(const Value& value) {
  if (!find_unknown(value)) return plain(value);
  if (const List* list = value.find<List>()) {
    std::string out;
    for (const Value& item : *list) out += (out.empty() ? "" : ", ") + shown(item);
    return "[" + out + "]";
  }
  if (const Map* map = value.find<Map>()) {
    std::string out;
    for (const auto& [key, item] : *map) out += (out.empty() ? "" : ", ") + key + ": " + shown(item);
    return "{" + out + "}";
  }
  return plain(value);
}

std::string gate_text(const PlannedGate& gate, const std::string& indent) {
  std::string out = indent + "gate" + (gate.message.is_null() ? "" : ": " + plain(gate.message)) + "\n";
  for (const std::string& rule : gate.rules) out += indent + "  " + rule + "\n";
  std::string guards;
  for (const std::string& path : gate.guards) guards += (guards.empty() ? "" : ", ") + path;
  return out + indent + "  guards: " + (guards.empty() ? "nothing that changes anything" : guards) + "\n";
}

Value gate_value(const PlannedGate& gate) {
  return Map{{"message", gate.message},
             {"rules", List(gate.rules.begin(), gate.rules.end())},
             {"guards", List(gate.guards.begin(), gate.guards.end())}};
}

Map keys_value(const std::vector<PlannedKey>& keys) {
  Map out;
  for (const PlannedKey& key : keys) out[key.key] = key.value;
  return out;
}

}  // namespace muster
