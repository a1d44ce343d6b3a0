// `done_when`: a read and claims that tell whether a step's effect is there already.
//
// Asked before the step (and again behind its gate), before a further attempt, after it, and to settle a doubt. What it
// says before counts only when it is yes: a service that is not there yet cannot be asked whether it is done.
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/doubt.h"
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

using Is = DoneAnswer::Is;

// A read that hangs must not hold the step for ever.
constexpr Duration longest_question = Duration::seconds(30);

}  // namespace

std::optional<DoneAnswer> Engine::Loop::is_done(const Node& node, AskedDone when, int number) {
  NodeRun& run = run_of(node);
  if (!run.done || run.done->when != when || run.done->number != number)
    start_asking(node, DoneQuestion{when, number, std::nullopt, false});
  return run.done->answer;
}

void Engine::Loop::start_asking(const Node& node, DoneQuestion question) {
  NodeRun& run = run_of(node);
  run.done = std::move(question);
  const DoneWhen& done_when = *node.step->done_when;
  if (done_when.probes.empty()) {
    run.done->answer = claims_hold(node, nullptr);
    return;
  }
  const ActionCall& call = done_when.probes.front();
  const Action& action = action_of(call);
  RunEnvironment names = environment(node, now());
  tl::expected<Map, Diagnostics> args = type_arguments(call.args, action, argument_values(node, names));
  if (!args) {
    run.done->answer = DoneAnswer{Is::unknown, args.error().front().message};
    return;
  }
  Duration limit = timeout_of_attempt(node);
  if (limit.us == 0) limit = longest_question;
  // Where there are claims, every answer is theirs to judge, a status 404 as well; else the read's own end is the
  // answer.
  OpId asking{node.op.path + (done_when.that.empty() ? "!ended" : "!done_when")};
  read_beside(node, {std::move(asking), std::max(run.done->number, 1), &action, std::move(*args), limit},
              [this, id = node.id](Result<StepOutput> output) { done_when_answered(expansion_.at(id), output); });
}

void Engine::Loop::done_when_answered(const Node& node, const Result<StepOutput>& output) {
  NodeRun& run = run_of(node);
  if (!run.done) return;
  const DoneWhen& asked = *node.step->done_when;
  if (output) {
    run.done->answer = claims_hold(node, &output->fields);
    return;
  }
  // Without claims the read's own end is the answer, where it got one: an exit code, a status.
  const Error& error = output.error();
  bool says_no = asked.that.empty() && error.code == ErrorCode::failed && (error.exit_code || error.status);
  run.done->answer = DoneAnswer{says_no ? Is::missing : Is::unknown, error.message};
}

DoneAnswer Engine::Loop::claims_hold(const Node& node, const Map* result) {
  RunEnvironment names = environment(node, now());
  if (result) names.set_result(result);
  DoneAnswer answer{Is::there, ""};
  for (const Claim& claim : node.step->done_when->that) {
    const std::string what = claim.name ? *claim.name : "`" + claim.that.text + "`";
    tl::expected<Evaluation, Diagnostic> said = evaluate(claim.that, names);
    if (!said) return {Is::unknown, what + ": " + said.error().message};
    const bool* yes = said->value.find<bool>();
    if (!yes) {
      return {Is::unknown, what + " must yield true or false, and yields " + std::string(type_name(said->value))};
    }
    if (!*yes && answer.is == Is::there) answer = {Is::missing, what + " does not hold"};
  }
  return answer;
}

std::optional<Engine::Loop::Status> Engine::Loop::already_done(const Node& node, AskedDone when) {
  if (!node.step || !node.step->done_when || node.kind == NodeKind::foreach) return std::nullopt;  // its items are
  std::optional<DoneAnswer> answer = is_done(node, when, record(node).gate.opening);
  if (!answer) return Status::active;
  if (answer->is != Is::there) return std::nullopt;
  add(EventKind::skipped, node.op, 0, Map{{"state", "already_done"}, {"reason", "its `done_when` holds"}});
  return Status::ended;
}

std::optional<Engine::Loop::Status> Engine::Loop::done_before_retry(const Node& node) {
  OpRecord& op = record(node);
  // A person who says `retry` has looked; what certainly had no effect need not be looked for.
  bool asks = node.step->done_when && op.attempt > 0 && op.error && op.certainty != "none" && op.resolution.empty();
  if (!asks) return std::nullopt;
  std::optional<DoneAnswer> answer = is_done(node, AskedDone::before_retry, op.attempt);
  if (!answer) return Status::active;
  bool may_run_anyway = node.step->idempotent.value_or(false) || op.effect == "read";
  if (answer->is == Is::missing || (answer->is == Is::unknown && may_run_anyway)) {
    // Told before the next intent: why it was tried again stands in the journal.
    if (!run_of(node).done->told)
      add(EventKind::evaluated, node.op, op.attempt,
          Map{{"before_retry", answer->is == Is::missing ? "missing" : "unknown"}, {"reason", answer->reason}});
    run_of(node).done->told = true;
    return std::nullopt;
  }
  if (answer->is == Is::there) {
    settled(node, op.attempt + 1, by_done_when,
            "attempt " + std::to_string(op.attempt) + " failed, and `done_when` says that its effect is there");
  } else {
    Map error = *op.error;
    error["message"] = text_of(error, "message") +
                       "; it was not tried again, because `done_when` cannot tell whether " +
                       "it had an effect: " + answer->reason;
    failed_for_good(node, op.attempt, EventKind::evaluated, Map{{"done_when", "unknown"}}, std::move(error));
  }
  return has_ended(node) ? Status::ended : Status::active;
}

bool Engine::Loop::verify_is_open(const Node& node) {
  const OpRecord& op = record(node);
  if (!node.step->verify || op.verified) return false;
  return op.settled_by.empty() || !node.step->verify->probes.empty();  // a lost result can say nothing
}

Engine::Loop::Status Engine::Loop::advance_proof(const Node& node, Context context) {
  OpRecord& op = record(node);
  if (verify_is_open(node)) return advance_verify(node, context);
  std::optional<DoneAnswer> answer = is_done(node, AskedDone::after, op.attempt);
  if (!answer) return Status::active;
  if (answer->is == Is::there) {
    attempt_ended(node, op.attempt, EventKind::evaluated, Map{{"done_when", "there"}}, std::nullopt);
  } else {
    bool missing = answer->is == Is::missing;
    attempt_ended(node, op.attempt, EventKind::evaluated, Map{{"done_when", missing ? "missing" : "unknown"}},
                  Map{{"code", "verify_failed"},
                      {"message", (missing ? "its `done_when` does not hold afterwards: "
                                           : "its `done_when` cannot tell afterwards: ") +
                                      answer->reason},
                      {"effect", "done"}});
  }
  return has_ended(node) ? Status::ended : Status::active;
}

std::optional<Engine::Loop::Status> Engine::Loop::done_after_group(const Node& node) {
  bool asks = node.step && node.step->done_when && node.kind != NodeKind::foreach;
  if (!asks || record(node).refuted) return std::nullopt;
  std::optional<DoneAnswer> answer = is_done(node, AskedDone::after, 0);
  if (!answer) return Status::active;
  if (answer->is == Is::there) return std::nullopt;
  bool missing = answer->is == Is::missing;
  add(EventKind::evaluated, node.op, 0,
      Map{{"done_when", missing ? "missing" : "unknown"},
          {"error", Map{{"code", "verify_failed"},
                        {"message", "the `done_when` of `" + node.op.path +
                                        (missing ? "` does not hold afterwards: " : "` cannot tell afterwards: ") +
                                        answer->reason},
                        {"effect", "done"},
                        {"step", node.op.path}}}});
  return Status::active;  // its group has failed now, and is advanced again
}

}  // namespace muster
