// Reads, and what is asked beside a step: its verify, its `done_when`, the evidence of its gate.
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/dryrun/looking_actions.h"
#include "interpreter/dryrun/walk.h"
#include "interpreter/engine/silent.h"

namespace muster {
namespace {

// A read that hangs must not hold the plan for ever.
constexpr Duration longest_question = Duration::seconds(30);
constexpr size_t shown_characters = 200;

std::string shown(const Value& value) {
  std::string text = value.is<std::string>() ? print_json(value) : to_text(value);
  if (text.size() > shown_characters) text = text.substr(0, shown_characters) + "…";
  return text;
}

}  // namespace

Walk::Answer Walk::read(const Action& action, const Map& args, const OpId& op, Duration limit) {
  Answer answer;
  if (!action.look) {
    answer.failure = "`" + action.name + "` cannot be used as a read";
    return answer;
  }
  ReadMarks marks;
  DryWorld& world = parts_.world;
  Look look{world.clock, world.files, world.sql, world.http, commands_};
  LookingActions others(parts_.actions, look);
  SilentProgress progress;
  SilentStreams streams;
  const std::string run = "plan";
  StepInput input{args,  run,    op,       1,       "",    limit,          parts_.stop,
                  marks, others, progress, streams, false, secrets_.all(), parts_.scripts};
  others.stand_in(input);
  Result<StepOutput> output = action.look(input, look);
  if (std::optional<std::string> refusal = commands_.take_refusal()) {
    answer.unknown = *refusal;
    return answer;
  }
  const Redaction& redaction = secrets_.redaction();
  if (!output) {
    if (output.error().code == ErrorCode::interrupted) answer.unknown = "it was stopped";
    answer.error = redaction.error(output.error());
    answer.failure = answer.error->message;
    return answer;
  }
  answer.fields = redaction.map(std::move(output->fields));
  for (std::string& note : output->notes) answer.notes.push_back(redaction.text(std::move(note)));
  return answer;
}

std::optional<Walk::Answer> Walk::ask_probe(const Node& node, const std::vector<ActionCall>& probes, const OpId& op,
                                            const Map* result) {
  if (probes.empty()) return std::nullopt;
  const ActionCall& call = probes.front();
  const Action* action = find_action(parts_.actions, call.action.text);
  if (!action) return std::nullopt;
  Foresight known = names(node);
  if (result) known.set_result(result);
  Answer answer;
  tl::expected<Map, Diagnostics> args = type_arguments(call.args, *action, argument_values(node, known));
  if (!args) {
    answer.failure = args.error().front().message;
    return answer;
  }
  for (const auto& [name, value] : *args) {
    const Unknown* open = find_unknown(value);
    if (!open) continue;
    answer.unknown = "`" + name + "` is " + open->why;
    return answer;
  }
  Duration limit = time_limit(node);
  return read(*action, *args, op, limit.us > 0 ? limit : longest_question);
}

Walk::Judged Walk::judge(const std::vector<Claim>& claims, const Node& node, const Map* result) {
  Judged judged;
  Foresight known = names(node);
  if (result) known.set_result(result);
  for (const Claim& claim : claims) {
    const std::string what = claim.name ? *claim.name : claim.that.text;
    tl::expected<Evaluation, Diagnostic> answer = evaluate(claim.that, known);
    std::string said;
    if (!answer) {
      said = "cannot be told: " + answer.error().message;
    } else if (const Unknown* open = answer->value.find<Unknown>()) {
      if (judged.unknown.empty()) judged.unknown = open->why;
      judged.lines.push_back(what + ": " + open->why);
      continue;
    } else if (const bool* yes = answer->value.find<bool>(); yes && *yes) {
      judged.lines.push_back(what + ": holds");
      continue;
    } else {
      said = yes ? "does not hold" : "must yield true or false, and yields " + std::string(type_name(answer->value));
      std::string with;
      for (const Part& part : answer->parts)
        if (with.size() < shown_characters)
          with += (with.empty() ? ", with `" : ", `") + part.text + "` = " + shown(part.value);
      said += with;
    }
    judged.all_hold = false;
    judged.lines.push_back(what + ": " + said);
    if (judged.first_failure.empty()) judged.first_failure = "`" + what + "` " + said;
  }
  return judged;
}

void Walk::verify(const Node& node, size_t entry, const Map* own, const std::string& open) {
  const Verify& asked = *node.step->verify;
  DryCheck check;
  check.what = "verify";
  const bool alone = node.kind == NodeKind::verify;
  std::optional<Answer> answer = ask_probe(node, asked.probes, node.op.verify(), own);
  if (answer) check.result = answer->fields;
  std::string undecided = open;
  if (answer && !answer->unknown.empty() && undecided.empty()) undecided = answer->unknown;
  Judged judged;
  const Map* result = answer ? (answer->fields ? &*answer->fields : nullptr) : own;
  if (undecided.empty() && (!answer || answer->fields)) {
    judged = judge(asked.that, node, result);
    check.lines = judged.lines;
    if (judged.all_hold && !judged.unknown.empty()) undecided = judged.unknown;
  }
  LedgerStep& step = at(entry);
  if (alone) step.told = undecided.empty() ? Told::read : Told::unknown;
  Foreseen known;
  known.state = StepState::succeeded;
  if (answer && answer->fields) known.result = *answer->fields;
  if (!undecided.empty()) {
    check.verdict = "undecided";
    check.why = undecided;
    if (answer && !answer->failure.empty()) check.lines.push_back("now: " + answer->failure);
    if (alone) step.why = undecided;
    if (alone) known.unknown = undecided;
  } else if (answer && !answer->fields) {
    check.verdict = "does not hold";
    check.why = answer->failure;
  } else if (!judged.all_hold) {
    check.verdict = "does not hold";
    check.why = judged.first_failure;
  } else {
    check.verdict = "holds";
  }
  const bool fails = check.verdict == "does not hold";
  const std::string why = check.why;
  if (fails && asked.within) {
    // The run would ask again for a while; a dry run does not wait.
    check.verdict = "undecided";
    check.why = "it does not hold now, and the run asks again for a while: " + why;
    known.unknown = "known after " + short_name(node);
  }
  step.checks.push_back(std::move(check));
  if (fails && !asked.within)
    return failed(node, entry, answer && !answer->fields ? "nothing to verify: " + why : "claim does not hold: " + why);
  if (fails) {
    if (alone) {
      step.told = Told::unknown;
      step.why = step.checks.back().why;
    }
    return know(node, std::move(known));
  }
  if (!alone) return;
  if (known.unknown.empty()) {
    Map fields = known.result.value_or(Map{});
    add_outputs(node, entry, fields);
    known.result = std::move(fields);
  }
  know(node, std::move(known));
}

bool Walk::is_done(const Node& node, size_t entry) {
  if (!node.step || !node.step->done_when || node.kind == NodeKind::foreach) return false;
  const DoneWhen& asked = *node.step->done_when;
  DryCheck check;
  check.what = "done_when";
  const std::string change = change_before(node);
  const OpId op{node.op.path + (asked.that.empty() ? "!ended" : "!done_when")};
  std::optional<Answer> answer = ask_probe(node, asked.probes, op, nullptr);
  if (answer) check.result = answer->fields;
  bool there = false;
  if (answer && !answer->unknown.empty()) {
    check.verdict = "undecided";
    check.why = answer->unknown;
  } else if (answer && !answer->fields) {
    const bool says_no = asked.that.empty() && answer->error && answer->error->code == ErrorCode::failed &&
                         (answer->error->exit_code || answer->error->status);
    check.verdict = says_no ? "does not hold" : "undecided";
    check.why = answer->failure;
  } else {
    Judged judged = judge(asked.that, node, answer ? &*answer->fields : nullptr);
    check.lines = judged.lines;
    there = judged.all_hold && judged.unknown.empty();
    check.verdict = !judged.all_hold ? "does not hold" : there ? "holds" : "undecided";
    check.why = !judged.all_hold ? judged.first_failure : judged.unknown;
  }
  if (!change.empty()) {
    // It is asked before the step only, and what was found is as it is before that change.
    if (check.verdict != "undecided") check.lines.push_back("before the change of `" + change + "`: " + check.verdict);
    check.verdict = "undecided";
    check.why = "known after " + change;
    there = false;
  }
  LedgerStep& step = at(entry);
  step.checks.push_back(std::move(check));
  if (!there) return false;
  step.told = Told::predicted;
  step.ending = "already_done";
  Foreseen known;
  known.state = StepState::already_done;
  know(node, std::move(known));
  return true;
}

std::vector<DryCheck> Walk::evidence(const Node& gate) {
  std::vector<DryCheck> checks;
  const std::string change = change_before(gate);
  for (const Evidence& wanted : approval_of(parts_.graph, gate)->evidence) {
    DryCheck check;
    check.what = "evidence " + wanted.name.text;
    std::optional<Answer> answer =
        ask_probe(gate, wanted.probes, OpId{gate.op.path + "!evidence/" + wanted.name.text}, nullptr);
    if (!answer) continue;
    check.result = answer->fields;
    check.verdict = answer->fields ? "was read" : "could not be read";
    check.why = !answer->unknown.empty() ? answer->unknown : answer->failure;
    if (!change.empty())
      check.why = "before the change of `" + change + "`" + (check.why.empty() ? "" : ": " + check.why);
    checks.push_back(std::move(check));
  }
  return checks;
}

}  // namespace muster
