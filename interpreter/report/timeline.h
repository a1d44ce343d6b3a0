// The timeline of a run, as data: who started it, who decided what, what each step did, and how it ended.
//
// Made from the run's events and, for titles and order, from its graph. Text is as it was recorded; the renderings
// escape it.
// Errors: none: what an event does not say is left out. Bodies that cannot be read count as empty.
// Source: docs/cli.md, "JSON"; docs/journal.md, "Events".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/report/comparison.h"

namespace muster {

struct TimelineStep {
  std::string op, id, title, kind, state;
  std::string effect;  // of what was begun: write, destructive; empty: a read, or nothing was begun
  bool is_group = false;
  int attempts = 0;
  std::optional<Timestamp> started_at, ended_at;
  Map error, result;  // empty: none
  List claims;        // of its verify
  std::vector<std::string> notes;
  std::string doubt;
  std::optional<bool> undone;
  [[nodiscard]] std::optional<Duration> took() const;
};

// One opening of a gate; a gate that was shown again is there twice.
struct TimelineGate {
  std::string op, title, state, message, reason, digest;
  int opening = 1;
  Timestamp opened_at;
  std::optional<Timestamp> closed_at, expires_at;
  std::vector<Vote> votes;
  List guarded, places;
  Map evidence;
  List changed;  // since it was shown before
  bool self_approval_lifted = false;
  bool require_reason = false;
};

// What else belongs to the story: takeovers, doubts and how they were settled, rollbacks, cancels, audit entries.
struct TimelineMoment {
  Timestamp at;
  std::string op;  // empty: the run
  std::string text;
};

struct TimelineObjective {
  std::string name;  // rto, rpo
  Duration limit;
  std::optional<Duration> measured;
  std::optional<bool> met;      // nothing: the run goes on, or nothing was measured
  std::string op = "playbook";  // the group whose objective it is
  [[nodiscard]] bool is_of_run() const { return op == "playbook"; }
};

struct Timeline {
  std::string run, playbook, version, title, state, reason, started_by, host, muster, parent, owner;
  std::optional<int64_t> exit_code;  // once it has ended
  Map inputs, outputs;
  Timestamp created_at;
  std::optional<Timestamp> ended_at;
  Duration waited_at_gates;
  bool self_approval_allowed = false;  // by the configuration of a team of one
  std::vector<TimelineStep> steps;     // in the order of the playbook, groups before their steps
  std::vector<TimelineGate> gates;     // by opening
  std::vector<TimelineMoment> moments;
  std::vector<TimelineObjective> objectives;
  std::vector<std::string> not_undone;   // steps with an effect that declare no rollback, in a run that was rolled back
  std::optional<Comparison> comparison;  // with what a dry run foresaw
};

// Beside the last dry run of the same files and inputs, where there was one.
void compare_with(Timeline& timeline, const ForeseenRun& foreseen);
// `graph` is nullptr for a run whose playbook this version does not read: then ops stand for titles.
[[nodiscard]] Timeline make_timeline(const RunRecord& record, const RunHistory& history, const StepGraph* graph);
// A gate that is open now, or was decided, as it was shown.
[[nodiscard]] TimelineGate timeline_gate(const OpRecord& op);

}  // namespace muster
