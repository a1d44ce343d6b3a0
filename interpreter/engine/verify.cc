// Verify: a read action run afresh at each poll, and claims about its result.
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

constexpr Duration poll_every = Duration::seconds(1);
constexpr size_t shown_characters = 200;

std::string shown(const Value& value) {
  std::string text = value.is<std::string>() ? print_json(value) : to_text(value);
  if (text.size() > shown_characters) text = text.substr(0, shown_characters) + "…";
  return text;
}

}  // namespace

Engine::Loop::Status Engine::Loop::advance_verify(const Node& node, Context context) {
  NodeRun& run = run_of(node);
  OpRecord& op = record(node);
  const Verify& verify = *node.step->verify;
  if (context.stop && node.kind == NodeKind::verify) {
    add(EventKind::skipped, node.op, 0,
        Map{{"state", history_.cancel ? "cancelled" : "not_reached"}, {"reason", "the run is ending"}});
    return Status::ended;
  }
  if (!run.polling) {
    run.polling = true;
    run.polls = 0;
    run.verify_attempt = node.kind == NodeKind::verify ? op.attempt + 1 : op.attempt;
    run.verify_began = now();
    Duration within = duration_of(node, verify.within).value_or(Duration{0});
    run.poll_until = Duration{boot().us + within.us};
    run.next_poll = boot();
  }
  if (boot() < *run.next_poll) {
    wake_at(*run.next_poll);
    return Status::active;
  }
  poll(node);
  return has_ended(node) ? Status::ended : Status::active;
}

void Engine::Loop::poll(const Node& node) {
  NodeRun& run = run_of(node);
  const Verify& verify = *node.step->verify;
  ++run.polls;
  const Map own = result_so_far(node);
  if (verify.probes.empty()) {
    poll_ended(node, StepOutput{own, {}});
    return;
  }
  const ActionCall& call = verify.probes.front();
  const Action& action = action_of(call);
  RunEnvironment names = environment(node, now());
  names.set_result(&own);
  names.set_own_result(&own);
  tl::expected<Map, Map> args = render_args(node, call, action, names);
  if (!args) {
    Map error = args.error();
    error["effect"] = node.kind == NodeKind::verify ? "none" : "done";
    run.polling = false;
    verify_ended(node, Map{{"started_at", run.verify_began}}, std::move(error));
    return;
  }
  // One poll may not outlast what is left for all of them; a lone one has the step's own time.
  Duration limit = timeout_of_attempt(node);
  if (limit.us == 0) limit = Duration{std::max<int64_t>(run.poll_until->us - boot().us, Duration::seconds(30).us)};
  read_beside(node, {node.op.verify(), run.polls, &action, std::move(*args), limit},
              [this, id = node.id](Result<StepOutput> output) { poll_ended(expansion_.at(id), std::move(output)); });
}

JudgedClaims Engine::Loop::judge(const std::vector<Claim>& claims, const Result<StepOutput>& output,
                                 RunEnvironment& names, bool shows_values) const {
  const Map empty;
  const bool answered = output.has_value();
  names.set_result(answered ? &output->fields : &empty);
  JudgedClaims judged;
  judged.all_held = answered;
  for (const Claim& claim : claims) {
    Map row{{"claim", claim.that.text}};
    if (claim.name) row["name"] = *claim.name;
    if (claim.severity) row["severity"] = claim.severity->text;
    bool held = false;
    if (!answered) {
      row["reason"] = output.error().message;
    } else {
      tl::expected<Evaluation, Diagnostic> answer = evaluate(claim.that, names);
      if (!answer) {
        row["reason"] = answer.error().message;
        if (judged.diagnostic.empty() && parts_.files && shows_values)
          judged.diagnostic = render(answer.error(), *parts_.files);
      } else {
        const bool* yes = answer->value.find<bool>();
        held = yes && *yes;
        if (!yes) row["reason"] = "it must yield true or false, and yields " + std::string(type_name(answer->value));
        Map parts;
        if (shows_values)
          for (const Part& part : answer->parts) parts[part.text] = shown(part.value);
        if (!parts.empty()) row["parts"] = std::move(parts);
      }
    }
    row["held"] = held;
    if (!held && judged.first_failure.empty()) {
      judged.first_failure = claim.name ? *claim.name : claim.that.text;
      if (const Value* parts = member(row, "parts"); parts && parts->is<Map>()) {
        std::string with;
        for (const auto& [text, value] : parts->get<Map>())
          with += (with.empty() ? " with `" : ", `") + text + "` = " + to_text(value);
        judged.first_failure += with;
      } else if (member(row, "reason")) {
        judged.first_failure += ": " + text_of(row, "reason");
      }
    }
    judged.all_held = judged.all_held && held;
    judged.rows.push_back(std::move(row));
  }
  names.set_result(nullptr);
  return judged;
}

void Engine::Loop::poll_ended(const Node& node, Result<StepOutput> output) {
  NodeRun& run = run_of(node);
  const Verify& verify = *node.step->verify;
  RunEnvironment names = environment(node, now());
  const Map own = result_so_far(node);
  names.set_own_result(&own);
  const bool answered = output.has_value();
  JudgedClaims judged = judge(verify.that, output, names, !is_sensitive(node));
  const bool all_held = judged.all_held;
  if (!all_held && !history_.cancel && boot() < *run.poll_until) {
    Duration every = duration_of(node, verify.every).value_or(poll_every);
    run.next_poll = std::min(Duration{boot().us + every.us}, *run.poll_until);
    return;
  }
  run.polling = false;
  Map body{{"claims", judged.rows}, {"polls", run.polls}, {"started_at", run.verify_began}};
  if (node.kind == NodeKind::verify && answered) body["result"] = output->fields;
  if (all_held) {
    verify_ended(node, std::move(body), std::nullopt);
    return;
  }
  Map error{{"code", "verify_failed"},
            {"message", answered ? "claim does not hold: " + judged.first_failure
                                 : "nothing to verify: " + output.error().message},
            {"effect", node.kind == NodeKind::verify ? "none" : "done"},
            {"claims", std::move(judged.rows)}};
  if (!answered) {
    error["code"] = std::string(name_of(output.error().code));
    if (!output.error().hint.empty()) error["hint"] = output.error().hint;
  }
  if (!judged.diagnostic.empty()) error["diagnostic"] = judged.diagnostic;
  verify_ended(node, std::move(body), std::move(error));
}

void Engine::Loop::verify_ended(const Node& node, Map body, std::optional<Map> error) {
  if (!node.is_group()) {
    attempt_ended(node, run_of(node).verify_attempt, EventKind::verified, std::move(body), std::move(error));
    return;
  }
  // A group goes on to its `done_when` and its outputs, or has failed and is advanced again as one that did.
  body["state"] = "running";
  if (error) {
    (*error)["step"] = node.op.path;
    if (const Value* item = item_of(node)) (*error)["item"] = *item;
    body["error"] = std::move(*error);
  }
  add(EventKind::verified, node.op, 0, std::move(body));
}

std::optional<Engine::Loop::Status> Engine::Loop::verified_after_group(const Node& node, Context context) {
  bool asks = node.step && node.step->verify && node.kind != NodeKind::foreach;  // its items are
  if (!asks || record(node).verified) return std::nullopt;
  (void)advance_verify(node, context);
  return Status::active;
}

}  // namespace muster
