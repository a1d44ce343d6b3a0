// What the events of a run add up to. `apply` is the one way from an event to state, live and in a replay alike: state
// is a cache, and a replay gives the same state at every prefix.
//
// Units:  see journal.h.
// Errors: `corrupt` for an event whose body cannot be read; unknown kinds are kept as `has_unknown`.
// Source: docs/journal.md, "Events".
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

enum class StepState {
  pending,
  running,
  waiting,
  succeeded,
  already_done,
  skipped,
  failed,
  recovered,
  in_doubt,
  rolled_back,
  cancelled,
  not_reached
};
[[nodiscard]] std::string_view name_of(StepState state);
// Nothing more will happen to it by itself.
[[nodiscard]] bool is_final(StepState state);

struct Vote {
  std::string person;   // OS user
  std::string verdict;  // approve, reject
  std::string reason;
  std::string digest;  // what it was cast for
  std::string how;     // terminal, command
  Timestamp at;
  std::string user = {};       // the OS user, where the person has several
  std::string signature = {};  // over verdict and digest, as `ssh-keygen -Y sign` writes it
};

// What `Vote::verdict` may be.
inline constexpr std::string_view verdict_approve = "approve";
inline constexpr std::string_view verdict_reject = "reject";
inline constexpr std::string_view verdict_break_glass = "break_glass";

enum class GateState { none, open, approved, rejected, expired, voided, broken_glass };
[[nodiscard]] std::string_view name_of(GateState state);
// What it guards may be done.
[[nodiscard]] inline bool is_passed(GateState state) {
  return state == GateState::approved || state == GateState::broken_glass;
}

struct GateRecord {
  GateState state = GateState::none;
  int opening = 0;
  Map shown;  // the body of gate_opened: message, guarded, digest, approvers, expires_at ...
  std::string digest;
  Timestamp opened_at;
  std::optional<Timestamp> closed_at;
  std::optional<Timestamp> expires_at;
  std::vector<Vote> votes;                                  // of this opening
  std::vector<std::pair<std::string, Timestamp>> resumers;  // who took the run up while it was open
  std::string reason;                                       // why it closed
  bool told = false;                                        // its channels have heard of this opening
};

// What somebody said at a manual step.
struct Completion {
  std::string person;  // OS user
  Map answers;         // by the form's fields, as they were typed
  std::string how;     // terminal, command
  Timestamp at;
  std::string nonce = {};  // of the question that it answers
};

struct MarkRecord {
  bool intent_open = false;
  std::optional<Value> value;  // the outcome's
};

inline constexpr std::string_view waits_for_person = "person";  // the reason of a `wait_started` of a manual step

// Everything known of one op: a step, a group, an undo.
struct OpRecord {
  OpId op;
  StepState state = StepState::pending;
  int attempt = 0;
  bool intent_open = false;  // an intent without its outcome: in doubt after a crash
  std::string effect;        // of the last intent: write, destructive
  std::string certainty;     // none, maybe, done: of what failed
  std::optional<bool> when;  // as it was evaluated
  std::optional<Map> result;
  std::optional<Map> error;
  bool outcome_ok = false;  // the action of this attempt succeeded; its verify may still be open
  bool passed = false;      // failed, and passed by `on_failure: continue`
  std::optional<Timestamp> started_at, ended_at;
  int64_t ended_seq = 0;            // the order of completion: rollback goes the other way
  std::optional<Timestamp> due_at;  // a retry or a wait
  std::optional<Map> verified;      // the last `verified` of this attempt
  GateRecord gate;
  std::optional<Map> asked;                 // a manual step that waits for a person: what it shows
  std::vector<Completion> completions;      // what was said to that, first to last; the engine judges
  std::map<std::string, MarkRecord> marks;  // by name, of this attempt
  std::string resolution;    // what a person said of a doubt: succeeded, failed, retry, skip, rollback, stop
  std::string doubt;         // why it is in doubt, or what it asks
  std::string settled_by;    // what told after a crash that it happened: done_when, marker; its result is lost
  std::string carried_from;  // the run that did it, where this one tries that one again
  bool refuted = false;      // its `verify` or its `done_when` did not hold afterwards
  std::vector<std::string> notes;
  int left_to_group = 0;  // the attempt that may have left something to the group; 0: none, or it was taken away
  bool had_left_to_group = false;
  // Of a `foreach`: its list and its limits, as they were evaluated.
  std::optional<List> items;
  int64_t max_parallel = 1, max_failures = 0;
  // Of a group:
  bool entered = false;
  bool timed_out = false;
  Duration waited_before;           // at gates of this run before it was entered: no timeout counts that
  Map objectives;                   // rto, rpo, where only the run knows their limits
  std::optional<Map> inputs;        // of a called playbook, as it was entered with
  std::vector<std::string> chosen;  // of a choice: its options, in the order of their turns
  // Of a group that unwinds:
  std::optional<std::vector<std::string>> to_roll_back;  // ops, latest first
  bool rollback_ended = false;
  std::optional<bool> rolled_back;  // of a step: its undo has ended, and how
};

struct CancelRequest {
  std::string person, reason;
  bool rollback = false;
  bool now = false;
};

class RunHistory {
 public:
  [[nodiscard]] Result<void> apply(const Event& event);
  [[nodiscard]] const OpRecord* find(const OpId& op) const;
  OpRecord& at(const OpId& op);  // made when it is not there; the address stays
  const std::vector<const OpRecord*>& in_order() const { return order_; }  // by first appearance

  Map created;  // the body of run_created: title, version, files, policy ...
  std::optional<CancelRequest> cancel;
  // Who took the run up by `resume`. Who decided something and so carried it on is none of them.
  std::vector<std::string> resumers;
  // How a person ended the run while settling a step: `stop` or `rollback`; empty: nobody did.
  std::string ends_by;
  std::optional<Map> ended;  // the body of run_ended: status, reason, exit_code
  Timestamp created_at, last_at;
  int64_t last_seq = 0;
  Duration waited_at_gates;  // closed gates only
  bool has_unknown = false;
  std::vector<std::string> locks;           // that the run holds, in the order of their taking
  std::vector<std::string> left_to_groups;  // ops that may have left something to their group, in order

 private:
  void taken_up(const Event& event, const Map& body);
  std::string last_word_;  // who said the event before this one, where it was a decision
  std::unordered_map<std::string, std::unique_ptr<OpRecord>> ops_;
  std::vector<const OpRecord*> order_;
};

// What became of the items of a `foreach`, in the order of its list: each `item, index, state, error` and the fields of
// its result. An item that was never begun is skipped where the loop went well, and not reached where it did not.
[[nodiscard]] List items_of(const RunHistory& history, const OpRecord& loop);

[[nodiscard]] Result<RunHistory> replay(const std::vector<Event>& events);
// The ending of a run, from its history; nothing while it goes on.
[[nodiscard]] std::optional<RunState> ending_of(const RunHistory& history);

}  // namespace muster
