// The timeline of a run: from its events and its graph, as data, and its renderings.
//
// Text that came from the world is escaped in text and Markdown; JSON holds it as it is.
// Source: docs/cli.md, "JSON".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"

namespace muster {

struct TimelineStep {
  std::string op, id, title, kind, state;
  int attempts = 0;
  std::optional<Timestamp> started_at, ended_at;
  Map error, result;  // empty: none
  List claims;        // of its verify
  std::vector<std::string> notes;
  std::string doubt;
  bool is_group = false;
  std::optional<bool> undone;
};

struct TimelineGate {
  std::string op, state, message, reason, digest;
  Timestamp opened_at;
  std::optional<Timestamp> closed_at, expires_at;
  std::vector<Vote> votes;
  List guarded, places;
  bool self_approval_lifted = false;
  bool require_reason = false;
};

struct Timeline {
  RunRow row;
  std::string title, status, reason, started_by, host, muster;
  std::optional<int64_t> exit_code;
  Map inputs, outputs;
  Timestamp created_at;
  std::optional<Timestamp> ended_at;
  Duration waited_at_gates;
  std::vector<TimelineStep> steps;  // in the order of the playbook, groups before their steps
  std::vector<TimelineGate> gates;
  std::vector<std::string> not_undone;  // steps with an effect that declare no rollback, where the run was undone
  std::optional<Duration> rto;
  bool team_of_one = false;
};

[[nodiscard]] Timeline make_timeline(const RunRow& row, const RunHistory& history, const StepGraph& graph);
[[nodiscard]] std::string render_text(const Timeline& timeline);
[[nodiscard]] std::string render_markdown(const Timeline& timeline);
[[nodiscard]] Value to_value(const Timeline& timeline);
[[nodiscard]] std::string render_json(const Timeline& timeline, bool pretty);

}  // namespace muster
