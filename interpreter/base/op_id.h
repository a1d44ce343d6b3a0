// The identity of everything that happens in a run, and the only key of its state.
//
// Forms: `replace` a phase's gate or group · `replace/restored` a step · `assess/2` a step without an id (its place in
// the group, from 1) · `bulk/users[17]` an item · `x!verify` its verify · `x~rollback/undo` a step of its rollback ·
// `always/1` · `x#swap` a mark inside it · `playbook` the playbook's own gate.
#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace muster {

struct OpId {
  std::string path;
  friend auto operator<=>(const OpId&, const OpId&) = default;
  [[nodiscard]] OpId child(std::string_view name) const {
    return {path.empty() ? std::string(name) : path + "/" + std::string(name)};
  }
  [[nodiscard]] OpId verify() const { return {path + "!verify"}; }
  [[nodiscard]] OpId rollback() const { return {path + "~rollback"}; }
  [[nodiscard]] OpId mark(std::string_view name) const { return {path + "#" + std::string(name)}; }
};

}  // namespace muster
