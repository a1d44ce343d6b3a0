// The loop: one thread that owns the state of one run. Inside this room only.
//
// Each turn: take in what was completed; decide, from graph and history alone, what follows (advance); store all of it
// in one commit; only then start effects. Decisions are events; everything else here may be lost with the process.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "interpreter/checker/arguments.h"
#include "interpreter/engine/engine.h"
#include "interpreter/engine/environment.h"
#include "interpreter/engine/gate_evidence.h"
#include "interpreter/engine/secrets.h"
#include "interpreter/graph/expansion.h"

namespace muster {

// What a job brought back from its thread.
struct ActionEnd {
  NodeId node;
  int attempt = 0;
  OpId op;  // the node's, or its undo's
  bool automatic_undo = false;
  bool after_crash = false;  // it only looked what became of an earlier start
  // After a crash: what is known of the attempt that it cut short.
  enum class Left { outcome, no_effect, nothing };
  Left left = Left::outcome;
  std::string left_reason;  // why nothing is known
  std::string settled_by;   // what told that it happened
  Timestamp started_at;
  Result<StepOutput> output;
  std::vector<OutputRecord> streams;
  bool sensitive = false;
};

// A read that stands beside a step's own action: a poll of its verify, a question of its `done_when`.
struct ReadBeside {
  OpId op;
  int number = 1;  // which of them
  const Action* action = nullptr;
  Map args;
  Duration limit;
};

// What `done_when` says: the effect is there, is not, or nobody can tell.
struct DoneAnswer {
  enum class Is { there, missing, unknown } is = Is::unknown;
  std::string reason;  // of the latter two, for people
};

// When it is asked. Its answer stands for that moment only.
enum class AskedDone { before, behind_gate, before_retry, after, settling };
struct DoneQuestion {
  AskedDone when = AskedDone::before;
  int number = 0;  // of the attempt, or of the gate's opening
  std::optional<DoneAnswer> answer;
  bool told = false;  // the answer stands in the journal
};

struct GuardedPreview {
  OpId op;
  Result<Preview> preview;
};

// The polls of a `watch`, beside the action or the wait that they belong to.
struct WatchRun {
  bool in_flight = false;
  std::stop_source stop;
  Duration next, deadline;  // boot time: of the next poll, of the one in flight
  int polls = 0;
  std::optional<Map> breach;  // the error that it makes
};

// What a list of claims came to: a row per claim, as events and `error.claims` hold them.
struct JudgedClaims {
  List rows;
  bool all_held = true;
  std::string first_failure;  // with the values of its parts
  std::string diagnostic;     // of the first that raised
};

// What is known of a node beside its record: nothing here is needed after a kill.
struct NodeRun {
  OpRecord* record = nullptr;
  bool in_flight = false;  // a job of this node is on a thread
  bool acting = false;     // and that job is its action
  std::shared_ptr<WatchRun> watch;
  bool timed_out = false;
  bool undo_in_flight = false;
  bool releasing = false;  // what it has left to its group is being taken away
  std::optional<std::stop_source> stop;
  std::optional<Duration> deadline;  // of the attempt, boot time
  // verify
  bool polling = false;
  int polls = 0;
  int verify_attempt = 0;
  Timestamp verify_began;
  std::optional<Duration> poll_until, next_poll;  // boot time
  // done_when, and doubts
  std::optional<DoneQuestion> done;
  std::optional<std::string> unsettled;  // why the outcome of an open intent is not known
  bool was_in_doubt = false;             // found so in this process: what can settle it was asked
  int reruns = 0;                        // because of doubts, in this process
  // gate
  std::optional<std::vector<std::string>> unmet;  // of a called playbook's requirements, once they were looked at
  bool previewing = false;                        // or it reads what a decision is bound to
  std::optional<GateProof> proof;
  bool telling = false;  // its channels
  int looked_at = 0;     // the opening that was compared with what it would show now
  // secrets
  bool opening_secrets = false;
  int secrets_asked = 0;  // for which attempt, and how far: see opens_secrets
  // group
  size_t first_open = 0;  // all before it in `body` have ended
};

// Where a `foreach` stands. Nothing here is needed after a kill: it is read off the records of the items.
struct LoopRun {
  std::vector<NodeId> open;  // items that have begun and not ended
  size_t next = 1;           // the first item that has not begun
  int64_t succeeded = 0, failed = 0, skipped = 0;
  int64_t failures = 0;    // of `failed`, those that no `on_failure: continue` passes
  bool cut_short = false;  // an item was kept from ending, or could not be rolled back: no further one begins
};

struct WantedRequirements;  // requirements.cc

[[nodiscard]] OnFailure on_failure_of(const StepGraph& graph, const Node& node);

class Engine::Loop {
 public:
  Loop(Parts parts, Observer& observer);
  ~Loop();

  Result<std::string> create(const StartRequest& request);
  Result<void> adopt(const std::string& run, const StartRequest& who);
  Result<Ending> go(WhenIdle idle);
  Result<void> inspect(const std::string& run);
  Result<void> still_as_shown(const OpId& gate);
  Result<void> vote(const OpId& gate, Vote vote);
  Result<void> complete(const OpId& step, Completion said);
  Result<void> resolve(const OpId& step, std::string choice, std::string person, std::string reason);
  void cancel(CancelRequest request);
  void stop() { stopping_ = true; }

  std::vector<Event> unrecorded() const;
  const RunHistory& history() const { return history_; }
  const std::string& run() const { return run_; }

 private:
  friend class LoopMarks;

  enum class Status {
    ended,    // it has its final state, or will never start
    active,   // something of it is under way, or is due at a time
    blocked,  // it waits for a person
  };
  // What holds for a part of the tree while it is advanced.
  struct Context {
    bool stop = false;    // start nothing new
    bool ending = false;  // inside always or rollback: the run's own end does not stop it
  };

  // --- loop.cc: turns, commits, time
  Timestamp now();
  Duration boot() { return parts_.world->clock.boot(); }
  void wake_at(Duration boot_time);
  void wake_at(Timestamp moment);
  void add(EventKind kind, const OpId& op, int attempt, Map body, std::string_view ledger = {});
  Result<void> flush();            // commits the batch, then starts what waited for it
  void hold_back();                // the disk is full: of the batch only what has happened stays
  void watch_deadlines();          // of what is under way, where nothing is advanced any more
  Result<void> take_in_foreign();  // events that other processes wrote
  void take_in(ActionEnd end);
  void take_in_completions();
  OpRecord& record(const Node& node);
  NodeRun& run_of(const Node& node) {
    if (node.id.index >= nodes_.size()) nodes_.resize(expansion_.size());
    return nodes_[node.id.index];
  }
  bool has_ended(const Node& node) { return is_final(record(node).state); }
  std::optional<Ending> idle_ending(Status root, const WhenIdle& idle);
  Result<void> tell_state(RunState state);  // the row's, where nothing else is to be written
  Result<void> keep_lease();                // renews it, or says that it is lost
  void look_around();
  const Owner& owner();  // as of now
  tl::unexpected<Error> taken_over();
  Result<Ending> park(int exit_code, std::string reason);

  // --- requirements.cc: what must hold before the first step
  bool requirements_are_settled();                       // true: they hold, or the run has ended for them
  bool has_late_requirements(const Node& called) const;  // an option calls it: they are asked when its turn comes
  std::optional<Status> requirements_of_call(const Node& called);  // nothing: they hold
  std::shared_ptr<WantedRequirements> wanted_by(const Node& top);
  void requirements_were_looked_at(std::vector<std::string> unmet, const std::string& passed_alone);
  void glass_was_broken();  // by somebody alone: a review is left open
  std::string unrehearsed(const Requires& required);

  // --- locks.cc: names that are taken before the first step, and given back at the end
  enum class Locking { held, waiting };
  Result<Locking> take_locks();
  tl::expected<std::vector<std::string>, Map> lock_names();
  Result<Locking> wait_for_locks(const Error& busy);
  Result<Locking> go_without_locks(RunState state, int exit_code, Map error);
  Result<void> give_run_back();  // to whoever resumes it later
  void give_locks_back();

  // --- calls.cc: playbooks within
  const Node* called_above(const Node& node) const;  // the called playbook that it belongs to; nullptr: the run's own
  tl::expected<Map, Map> inputs_of_call(const Node& called, Timestamp at);
  bool enter(const Node& group);     // false: it has failed instead
  Map limits_of(const Node& group);  // its objectives, where they have `${{ }}`
  std::string secret_prefix(const Node& node) const;
  // Nothing: no failure has led there. nullptr: one could have, and did not.
  std::optional<const Map*> failure_above(const Node& node);
  Map result_within(const Node& node);  // of a call or a choice: what its result is made of

  // --- choosing.cc: one of several ways
  Status advance_choice(const Node& node, Context context);
  const Node* chosen_option(const Node& node);  // the last one
  bool choose_next(const Node& node, const OpRecord* failed);
  bool choose(const Node& node, const Node& option);
  bool cannot_choose(const Node& node, Map error);
  bool may_fall_back(const Node& node, const Node& option, Context context);
  void pass_over_options(const Node& node);

  // --- advance.cc: groups, order, conditions
  Status advance(const Node& node, Context context);
  Status advance_group(const Node& node, Context context);
  // One after the other. Undoing and `always` go on behind a failure; what makes up for one does not.
  enum class Until { the_end, first_failure };
  Status advance_list(const std::vector<NodeId>& list, Context context, Until until = Until::the_end);
  bool has_begun_any(const std::vector<NodeId>& list);
  bool all_succeeded(const std::vector<NodeId>& list);
  Status advance_body(const Node& node, Context context);
  std::optional<Status> prelude(const Node& node, Context context);  // when, gate; nothing: go on
  bool needs_hold(const Node& node, bool& never);
  const OpRecord* ended_around(const Node& node);
  void check_group_timeout(const Node& node);
  bool group_failed(const Node& node);
  bool is_complete(const Node& group);      // every child that has a turn has its state
  int64_t most_at_once(const Node& group);  // 0: as many as may be
  const OpRecord* failed_child(const Node& node);
  void end_group(const Node& node, StepState state);
  void end_run();
  std::optional<Map> outputs_of_node(const Node& node, const Map* result, Map& error);
  // The ending that the run would have now, with its reason.
  std::pair<RunState, std::string> ending_now();
  bool undoes_run() const;  // it only undoes what an earlier run did
  std::string left_undone();
  bool run_timed_out() { return record(parts_.graph->root()).timed_out; }
  bool stopped_by_person() const { return history_.cancel.has_value(); }

  // --- foreach.cc: a step once per item
  tl::expected<List, Map> list_of(const Node& loop);
  tl::expected<int64_t, Map> failures_allowed(const Node& loop, size_t count);
  tl::expected<int64_t, Map> items_at_once(const Node& loop);
  std::optional<Map> record_list(const Node& loop);  // what went wrong; nothing: it is known, and in the journal
  Status advance_items(const Node& loop, Context context);
  LoopRun& loop_run(const Node& loop);
  const Value* item_of(const Node& node);  // the innermost that it stands in; nullptr: none
  void count_item(const Node& item, LoopRun& at);
  bool waits_for_undo(const Node& loop, const Node& item);
  bool may_begin_next(const Node& loop, const LoopRun& at);
  bool loop_is_over(const Node& loop);  // as many items have begun as ever will
  bool loop_failed(const Node& loop);
  std::vector<NodeId> begun_of(const Node& group);  // what may have been done beneath it
  // For a gate: the lists that can be known when it opens.
  void record_lists_beneath(const Node& node, const Node& gate);
  const Node* loop_without_list(const Node& node);               // that the node stands for all items of; nullptr: none
  std::string guarded_read(const Node& gate, const Node& loop);  // the step behind the gate that its list depends on
  Map result_of_loop(const Node& loop);
  Map error_of_loop(const Node& loop);

  // --- unwinding.cc: rollback in reverse order of completion
  Status advance_rollback(const Node& group);
  std::vector<std::string> collect_rollback(const Node& group, std::vector<std::string>& without);
  void collect_rollback_of(const Node& node, std::vector<const Node*>& undo, std::vector<std::string>& without);
  Status settle_begun(const Node& group);
  Status undo(const Node& node);
  Status undo_automatically(const Node& node);

  // --- releasing.cc: what lives as long as its group
  Status release_all_of(const Node& group);  // ended: nothing is left
  Status release(const Node& node);
  void released(const Node& node, int attempt, Result<std::vector<std::string>> ended);

  // --- attempt.cc: actions, retries
  Status advance_step(const Node& node, Context context);
  Status await_job(const Node& node, Context context);
  void start_attempt(const Node& node, int attempt);
  void run_set(const Node& node);
  void run_fail(const Node& node);
  void run_audit(const Node& node);
  Status run_wait(const Node& node);
  void failed_for_good(const Node& node, int attempt, EventKind kind, Map body, Map error);
  void attempt_ended(const Node& node, int attempt, EventKind kind, Map body, std::optional<Map> error);
  void action_ended(ActionEnd end);
  bool may_repeat(const Node& node, const Map& error);
  static bool is_sensitive(const Node& node) { return node.step && node.step->sensitive.value_or(false); }
  Map result_so_far(const Node& node);  // before it has ended: what its own claims and outputs are about

  // --- recovering.cc: what a step that failed runs
  bool is_being_rescued(const Node& node);
  Status advance_rescue(const Node& node, Context context);
  std::optional<Status> before_retry(const Node& node, Context context);  // nothing: go on
  std::optional<Status> end_before_retry(const Node& node,
                                         Context context);  // the run is ending; nothing: it has ended
  std::optional<Retry> retry_of(const Node& node) const;
  OnFailure on_failure_of(const Node& node) const { return muster::on_failure_of(*parts_.graph, node); }
  Duration timeout_of_attempt(const Node& node);
  void launch(const Node& node, const Action& action, Map args, Effect effect, int attempt, bool after_crash,
              bool automatic_undo);
  Effect effect_of_call(const Node& node, const Action& action, const Map& args) const;

  // --- secrets.cc
  bool opens_secrets(const Node& node, Context context);  // true: they are being read, and the node waits
  std::vector<SecretRead> secrets_needed_by(const Node& node);
  std::optional<SecretSource> secret_source(const Node& reader, const std::string& name);
  void redact(Result<StepOutput>& output, std::vector<OutputRecord>& streams) const;

  // --- doubt.cc: an intent whose outcome is not known
  void continue_after_crash(const Node& node);
  bool can_ask_again(const Node& node);
  Status settle(const Node& node);
  void run_again(const Node& node, std::string reason);
  void settled(const Node& node, int attempt, std::string by, std::string note);
  void in_doubt(const Node& node, std::string reason);

  // --- done_when.cc: is the effect already there?
  std::optional<DoneAnswer> is_done(const Node& node, AskedDone when, int number);  // nothing: it is being asked
  std::optional<Status> already_done(const Node& node, AskedDone when);             // nothing: go on
  std::optional<Status> done_before_retry(const Node& node);                        // nothing: go on
  std::optional<Status> done_after_group(const Node& node);                         // nothing: it is proven
  Status advance_proof(const Node& node, Context context);  // what follows the action: verify, then done_when
  bool verify_is_open(const Node& node);
  void start_asking(const Node& node, DoneQuestion question);
  void done_when_answered(const Node& node, const Result<StepOutput>& output);
  DoneAnswer claims_hold(const Node& node, const Map* result);

  // --- reading.cc
  // Once what was decided is stored; `then` is told on the loop's thread, with secrets taken out of the answer.
  void read_beside(const Node& node, ReadBeside read, std::function<void(Result<StepOutput>)> then);

  // --- verify.cc
  Status advance_verify(const Node& node, Context context);
  void poll(const Node& node);
  void poll_ended(const Node& node, Result<StepOutput> output);
  void verify_ended(const Node& node, Map body, std::optional<Map> error);
  std::optional<Status> verified_after_group(const Node& node, Context context);  // nothing: it holds, or none is there

  // Of a read that got no answer no claim holds.
  JudgedClaims judge(const std::vector<Claim>& claims, const Result<StepOutput>& output, RunEnvironment& names,
                     bool shows_values) const;

  // --- watching.cc
  void watch(const Node& node);  // polls when it is time
  void watched(const Node& node, WatchRun& at, const Result<StepOutput>& output);
  std::optional<Map> end_watch(const Node& node);  // the error, where a claim was broken

  // --- gate_opening.cc
  std::optional<Status> advance_gate(const Node& node, Context context);
  void open_gate(const Node& node, int opening);
  void previewed(const Node& node, int opening, Timestamp at, std::vector<GuardedPreview> previews, Map evidence);
  // What stands behind a gate: actions, and what undoes them, rescues them, ends their groups or comes between their
  // attempts, all of which a decision lets happen, too.
  struct Behind {
    const Node* node;
    Place place = Place::body;
    const Node* of = nullptr;  // of all but the body: whose rescue, rollback ... it is
  };
  void collect_behind(const Node& node, Place place, const Node* of, std::vector<Behind>& out);
  struct Guarded {
    const Node* node;
    Place place = Place::body;
    const Node* of = nullptr;
    Map args;                 // rendered
    std::string known_after;  // or: waits for this step
    std::string known_then;   // or: reads this, which is only known when it runs
    std::string problem;      // or: cannot be rendered
    bool skipped = false;
    std::string only_if;       // its `when`, where that is not known yet
    std::string carried_from;  // or: was done in that run
    [[nodiscard]] bool is_rendered() const { return known_after.empty() && known_then.empty() && !skipped; }
  };
  // For a digest secrets stand for themselves: what was approved is the same to somebody who cannot read them.
  enum class SecretsAs { values, names };
  std::vector<Guarded> guarded_by(const Node& gate, Timestamp at, SecretsAs secrets);

  // --- gate_evidence.cc
  std::vector<EvidenceRead> evidence_of(const Node& gate);
  void start_proof(const Node& gate);

  // --- gate_deciding.cc: what a decision is bound to, and the one place where gates close
  Map rules_of_gate_now(const Node& gate);
  Map bound_parts(const Node& gate, const Map& shown, const Map& rules, const Map& evidence,
                  const std::vector<Guarded>& guarded);
  static std::string digest_of_parts(const Map& parts);
  // By name; empty: nothing. With the evidence as it is now, or as it was shown.
  std::vector<std::string> changed_since_shown(const Node& gate, const Map* fresh_evidence);
  GateDecision decision_on(const Node& gate, const GateProof* proof);
  void close_gate(const OpId& gate, const GateDecision& decision);
  void leave_review(const OpId& gate, const std::string& person, const std::string& reason, const Value& guarded);
  void tell_of_gate(const Node& node);  // gate_telling.cc
  void advance_review();                // of a broken glass: nobody waits for it

  const Node* gate_above(const Node& node) const;  // the nearest approved gate that guards it

  // --- manual.cc: what a person does
  Status run_manual(const Node& node);
  void ask_person(const Node& node, int attempt);

  // --- rendering.cc: templates and arguments with the values of this run
  RunEnvironment environment(const Node& node, Timestamp at);  // as an expression of the node sees it
  tl::expected<Map, Map> render_args(const Node& node, const ActionCall& call, const Action& action,
                                     RunEnvironment& names);
  tl::expected<bool, Map> ask(const Expression& expression, RunEnvironment& names);
  tl::expected<Value, Map> value_of(const Template& text, RunEnvironment& names);
  std::optional<Duration> duration_of(const Node& node, const std::optional<DurationText>& text);
  std::optional<int64_t> integer_of(const Node& node, const IntegerText& text);
  Map expression_error(const Diagnostic& diagnostic) const;
  // Where a step failed in its author's text: drawn with the place, or empty.
  [[nodiscard]] std::string drawn_in_argument(const Node& node, const Error& error) const;
  ArgumentValues argument_values(const Node& node, RunEnvironment& names);
  const Action& action_of(const ActionCall& call) const;

  Parts parts_;
  Observer& observer_;
  RunHistory history_;
  std::string run_;
  Lease lease_;
  Owner owner_;
  Map inputs_;
  OpenedSecrets secrets_;
  std::set<std::string> being_opened_;
  Expansion expansion_;
  std::deque<NodeRun> nodes_;  // they never move: items are added while others are looked at
  std::unordered_map<uint32_t, LoopRun> loops_;
  std::vector<Event> batch_;
  std::vector<OutputRecord> batch_outputs_;
  std::string batch_ledger_;
  std::vector<std::function<void()>> after_commit_;  // what may start then
  std::vector<std::function<void()>> recorded_;      // whom to tell then that it was recorded
  std::deque<std::function<void()>> completed_;      // from jobs, in order of arrival
  std::optional<Duration> next_wake_;                // boot time
  Duration next_foreign_look_;
  Duration next_renewal_;
  Duration lease_good_until_;  // boot time; nobody else can have the run before
  Duration next_lock_look_;
  std::optional<Duration> clock_offset_;     // of the wall clock from the boot clock, when last looked at
  bool alarmed_ = false;                     // what the journal is alarmed about was told
  RunState told_state_ = RunState::running;  // what the run's row says
  bool waits_for_person_ = false;
  bool requirements_settled_ = false;
  bool requirements_asked_ = false;
  std::string break_glass_;  // why the window may be passed; empty: it may not
  bool is_rehearsal_ = false;
  Zones zones_;
  UnstoredResults unstored_;  // of `sensitive` steps: in this process only
  std::string muster_version_;
  bool locks_settled_ = false;
  int in_flight_ = 0;
  bool changed_ = false;   // an event was added in this pass
  bool stopping_ = false;  // TERM, HUP
  bool full_ = false;      // the store's disk: what is under way ends and is recorded, nothing new starts
  bool ended_ = false;
  bool broken_ = false;    // the journal refused or the lease is lost: nothing more may start
  bool rejected_ = false;  // a gate said no, or expired
  std::string rejected_reason_;
};

// A child that keeps its group from succeeding.
[[nodiscard]] bool counts_as_failed(const OpRecord& record);

// A failure as `error` shows it.
[[nodiscard]] Map error_map(const Error& error, const std::string& step, int attempt);

}  // namespace muster
