#include "interpreter/cli/asking.h"

#include <algorithm>
#include <array>

#include "interpreter/cli/manual_panel.h"
#include "interpreter/engine/engine.h"
#include "interpreter/engine/gates.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

struct Choice {
  std::string_view letter, word;
};
constexpr std::array<Choice, 6> choices = {
    {{"s", "succeeded"}, {"f", "failed"}, {"r", "retry"}, {"k", "skip"}, {"b", "rollback"}, {"x", "stop"}}};

std::string trimmed(std::string line) {
  auto is_space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!line.empty() && is_space(line.back())) line.pop_back();
  size_t begin = 0;
  while (begin < line.size() && is_space(line[begin])) ++begin;
  return line.substr(begin);
}

bool is_word(const std::string& line, std::string_view word) {
  return line == word || (line.size() == 1 && line[0] == word[0]);
}

// As if a reason stood beside it: whether the person may, not how.
Result<void> could_vote(const GateRecord& gate, const std::string& person, const char* verdict) {
  Timestamp at = gate.resumers.empty() ? gate.opened_at : gate.resumers.back().second;
  return may_vote(gate, Vote{person, verdict, "a reason", gate.digest, "terminal", at}, gate.opened_at);
}

}  // namespace

void Asking::ask(Expecting what, std::string question) {
  expecting_ = what;
  view_.ask(std::move(question));
}

void Asking::look(const RunHistory& history) {
  if (is_closed_ || left_for_later_) return;
  const OpRecord* op = op_.path.empty() ? nullptr : history.find(op_);
  bool still_gate = op && (expecting_ == Expecting::verdict || expecting_ == Expecting::reason) &&
                    op->gate.state == GateState::open && op->gate.opening == opening_;
  bool still_doubt = op && (expecting_ == Expecting::choice || expecting_ == Expecting::settling_reason) &&
                     op->state == StepState::in_doubt;
  bool still_manual = op && (expecting_ == Expecting::field || expecting_ == Expecting::done) && op->asked &&
                      op->state == StepState::waiting && text_of(*op->asked, "nonce") == nonce_;
  if (still_gate || still_doubt || still_manual) return;
  std::vector<const OpRecord*> gates = open_gates(history), doubts = open_doubts(history);
  for (const OpRecord* gate : gates)
    if (answered_.count({gate->op.path, gate->gate.opening}) == 0) return ask_gate(*gate);
  for (const OpRecord* step : open_manuals(history)) {
    const std::string nonce = text_of(*step->asked, "nonce");
    if (completed_.count(nonce) == 0 && for_others_.count(nonce) == 0 && ask_manual(*step)) return;
  }
  if (!doubts.empty()) return ask_doubt(*doubts.front());
  auto waits_for_others = [&](const OpRecord* step) { return for_others_.count(text_of(*step->asked, "nonce")) > 0; };
  const std::vector<const OpRecord*> manuals = open_manuals(history);
  if (std::any_of(manuals.begin(), manuals.end(), waits_for_others)) {
    if (expecting_ != Expecting::others) ask(Expecting::others, "write `l` to leave it for later: ");
    return;
  }
  // A gate that our own vote decides closes in the engine's next turn: nothing is asked for that moment.
  bool others = std::any_of(gates.begin(), gates.end(), [&](const OpRecord* gate) {
    return !gate->gate.votes.empty() &&
           decide_gate(gate->gate, gate->gate.digest, history.last_at).state == GateState::open;
  });
  if (others && expecting_ == Expecting::others) return;
  if (others) return ask(Expecting::others, "recorded; others must approve, too. Write `l` to leave it for later: ");
  op_ = OpId{};
  if (expecting_ != Expecting::nothing) ask(Expecting::nothing, "");
}

void Asking::ask_gate(const OpRecord& gate) {
  op_ = gate.op;
  opening_ = gate.gate.opening;
  view_.show_gate(gate, false);
  Result<void> approve = could_vote(gate.gate, person_, "approve"), reject = could_vote(gate.gate, person_, "reject");
  may_approve_ = approve.has_value();
  if (!approve) say_error(approve.error());
  ask(Expecting::verdict, may_approve_ ? "approve, reject or later? [a/r/l] "
                          : reject     ? "reject or later? [r/l] "
                                       : "write `l` to leave it for later: ");
}

void Asking::ask_doubt(const OpRecord& step) {
  op_ = step.op;
  view_.say("`" + safe_line(step.op.path) + "` is in doubt: " + safe_line(step.doubt));
  ask(Expecting::choice, "it succeeded, failed, retry, skip, roll back, stop, or later? [s/f/r/k/b/x/l] ");
}

// Whether this person may answer it: otherwise it is shown, and others do.
bool Asking::ask_manual(const OpRecord& step) {
  op_ = step.op;
  nonce_ = text_of(*step.asked, "nonce");
  view_.show_manual(step, false);
  // As if every field were answered: whether the person may, not what is said.
  Result<void> may = answers_.may_complete(step.op, Completion{person_, {}, "terminal", {}, nonce_});
  if (!may && may.error().code == ErrorCode::refused) {
    say_error(may.error());
    for_others_.insert(nonce_);
    return false;
  }
  form_ = answers_.form(step.op);
  field_ = 0;
  given_.clear();
  ask_field();
  return true;
}

void Asking::say_error(const Error& error) {
  view_.say(safe_line(error.message) + (error.hint.empty() ? "" : "\n  = help: " + safe_line(error.hint)));
}

// The next field, or, behind the last, whether it is done.
void Asking::ask_field() {
  if (field_ < form_.size()) return ask(Expecting::field, form_question(form_[field_]));
  ask(Expecting::done, "done, or later? [d/l] ");
}

void Asking::leave() {
  left_for_later_ = true;
  ask(Expecting::nothing, "");
  answers_.later();
}

void Asking::heard(std::string line, const RunHistory& history) {
  Expecting expected = expecting_;
  if (expected == Expecting::nothing) return;
  view_.heard();
  line = trimmed(std::move(line));
  if (expected == Expecting::others) {
    if (is_word(line, "later")) return leave();
    return ask(Expecting::others, "write `l` to leave it for later: ");
  }
  const OpRecord* op = history.find(op_);
  if (!op) return;
  switch (expected) {
    case Expecting::verdict:
      heard_verdict(line, *op);
      break;
    case Expecting::reason:
      heard_reason(line, *op);
      break;
    case Expecting::choice:
      heard_choice(line);
      break;
    case Expecting::field:
      heard_field(line);
      break;
    case Expecting::done:
      heard_done(line);
      break;
    case Expecting::settling_reason: {
      if (line.empty()) return ask(Expecting::settling_reason, "why? it must be said: ");
      expecting_ = Expecting::nothing;
      Result<void> done = answers_.resolve(op_, choice_, line);
      if (!done) view_.say(safe_line(done.error().message));
      break;
    }
    default:
      break;
  }
}

void Asking::heard_verdict(const std::string& line, const OpRecord& gate) {
  if (is_word(line, "later")) return leave();
  bool approve = is_word(line, "approve"), reject = is_word(line, "reject");
  if ((!approve && !reject) || (approve && !may_approve_))
    return ask(Expecting::verdict, may_approve_ ? "write a, r or l: " : "write r or l: ");
  verdict_ = approve ? "approve" : "reject";
  ask(Expecting::reason, rules_of(gate.gate).require_reason ? "why? " : "why? (may be empty) ");
}

void Asking::heard_reason(const std::string& line, const OpRecord& gate) {
  if (line.empty() && rules_of(gate.gate).require_reason)
    return ask(Expecting::reason, "this gate asks for a reason: ");
  // The digest of what was shown here: when the gate was opened anew meanwhile, this decision does not count.
  expecting_ = Expecting::nothing;
  answered_.insert({op_.path, opening_});
  Result<void> done = answers_.vote(
      op_, Vote{person_, verdict_, line, gate.gate.opening == opening_ ? gate.gate.digest : "", "terminal", {}});
  if (done) return;
  answered_.erase({op_.path, opening_});
  view_.say(safe_line(done.error().message));
  ask(Expecting::verdict, may_approve_ ? "approve, reject or later? [a/r/l] " : "reject or later? [r/l] ");
}

void Asking::heard_choice(const std::string& line) {
  if (is_word(line, "later")) return leave();
  auto chosen =
      std::find_if(choices.begin(), choices.end(), [&](const Choice& c) { return line == c.letter || line == c.word; });
  if (chosen == choices.end()) return ask(Expecting::choice, "write s, f, r, k, b, x or l: ");
  choice_ = chosen->word;
  ask(Expecting::settling_reason, "why? ");
}

void Asking::heard_field(const std::string& line) {
  const Input& field = form_[field_];
  if (line.empty()) {
    if (field.required) view_.say("it must be answered");
    if (!field.required) ++field_;
    return ask_field();
  }
  std::vector<std::string> problems = problems_with_answer(field, line);
  for (const std::string& problem : problems) view_.say(safe_line(problem));
  if (problems.empty()) given_[form_[field_++].name.text] = line;
  ask_field();
}

void Asking::heard_done(const std::string& line) {
  if (is_word(line, "later")) return leave();
  if (!is_word(line, "done")) return ask(Expecting::done, "write d or l: ");
  expecting_ = Expecting::nothing;
  completed_.insert(nonce_);
  Result<void> said = answers_.complete(op_, Completion{person_, given_, "terminal", {}, nonce_});
  if (said) return;
  say_error(said.error());
  completed_.erase(nonce_);
  field_ = 0;
  given_.clear();
  ask_field();
}

void Asking::closed() {
  is_closed_ = true;
  ask(Expecting::nothing, "");
}

}  // namespace muster
