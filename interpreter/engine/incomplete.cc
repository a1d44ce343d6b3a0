#include "interpreter/engine/incomplete.h"

#include <algorithm>

namespace muster {

std::vector<std::string> failed_undos(const RunHistory& history, const OpId* within) {
  std::vector<std::string> out;
  const std::string beneath = within ? within->path + "/" : "";
  for (const OpRecord* op : history.in_order()) {
    const bool inside = !within || op->op == *within || op->op.path.starts_with(beneath);
    if (inside && op->rolled_back && !*op->rolled_back) out.push_back(op->op.path);
  }
  return out;
}

std::vector<std::string> not_undone(const RunHistory& history) {
  std::vector<std::string> out = failed_undos(history);
  // Only a person breaks a rollback off; until then the rest of it is still to come.
  if (history.ends_by != "stop" && !history.cancel) return out;
  for (const OpRecord* op : history.in_order()) {
    if (!op->to_roll_back || op->rollback_ended) continue;
    for (const std::string& path : *op->to_roll_back) {
      const OpRecord* undone = history.find(OpId{path});
      const bool is_open = !undone || !undone->rolled_back;
      if (is_open && std::find(out.begin(), out.end(), path) == out.end()) out.push_back(path);
    }
  }
  return out;
}

}  // namespace muster
