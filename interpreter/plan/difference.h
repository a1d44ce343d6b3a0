// What changed between two versions of a playbook, as a reviewer asks: which gates, verifies and rollbacks are gone or
// weaker, which effects are wider, which steps are new, gone, moved or different.
//
// Steps are the same when they have the same id, those without one when they stand at the same path. Layout, comments
// and order of keys are no change.
// Errors: none: both were checked.
// Source: docs/cli.md, "Differences".
#pragma once

#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/source_file.h"
#include "interpreter/graph/step_graph.h"

namespace muster {

struct ComparedVersion {
  std::string name;  // a file, or `restore-database@1.4.0`
  const StepGraph& graph;
  const SourceFiles& files;
};

enum class ChangeKind {
  gate_removed,
  gate_weakened,
  gate_added,
  gate_changed,
  unguarded,  // a step that changes something stood behind a gate and does no more
  effect_widened,
  effect_narrowed,
  verify_removed,
  verify_weakened,
  verify_added,
  verify_changed,
  rollback_lost,
  rollback_added,
  rollback_changed,
  step_added,
  step_removed,
  step_moved,
  changed,
};
[[nodiscard]] std::string_view name_of(ChangeKind kind);
// What makes a run less safe than it was.
[[nodiscard]] bool is_weaker(ChangeKind kind);

struct Change {
  ChangeKind kind;
  std::string path;  // in the new version where it is there; `playbook` for the whole
  std::string what;  // for people: `claim gone: result.status == 200`
  std::string before, after;
};

// What is weaker comes first, then in the order of the file.
[[nodiscard]] std::vector<Change> differences(const ComparedVersion& before, const ComparedVersion& after,
                                              const std::vector<Action>& actions);

[[nodiscard]] std::string text_of(const std::vector<Change>& changes, const ComparedVersion& before,
                                  const ComparedVersion& after);
[[nodiscard]] Value value_of(const std::vector<Change>& changes, const ComparedVersion& before,
                             const ComparedVersion& after);

}  // namespace muster
