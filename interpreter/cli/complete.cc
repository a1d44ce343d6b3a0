// `muster complete RUN STEP [--answer K=V]...`
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/carry.h"
#include "interpreter/cli/manual_panel.h"
#include "interpreter/engine/engine.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

Result<const OpRecord*> manual_named(const OpenRun& run, const std::string& word) {
  std::optional<OpId> named = op_named(*run.loaded.graph, run.history, word, false);
  std::string names;
  for (const OpRecord* op : open_manuals(run.history)) {
    if (op->op.path == word || (named && op->op == *named)) return op;
    names += (names.empty() ? "`" : ", `") + op->op.path + "`";
  }
  if (!named)
    return fail(ErrorCode::not_found, "no step of run " + run.id() + " is called `" + word + "`",
                names.empty() ? "`muster show " + run.id() + "` lists them" : "these wait for a person: " + names);
  return fail(ErrorCode::refused, "step `" + word + "` does not wait for a person",
              names.empty() ? "no step of run " + run.id() + " does" : "these do: " + names);
}

Result<Map> given_answers(const Invocation& invocation) {
  Map answers;
  for (const std::string& word : invocation.options.all("--answer")) {
    size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(ErrorCode::invalid, "`--answer " + word + "` is not NAME=VALUE");
    answers[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return answers;
}

// At a terminal, what was not given is asked for, field by field; nothing: the input ended.
std::optional<Map> asked_answers(const Manual& manual, Map answers) {
  for (const Input& field : manual.form) {
    if (member(answers, field.name.text)) continue;
    while (true) {
      tell(form_question(field));
      std::string line;
      if (!std::getline(std::cin, line)) return std::nullopt;
      if (line.empty()) {
        if (!field.required) break;
        tell("it must be answered\n");
        continue;
      }
      const std::vector<std::string> problems = problems_with_answer(field, line);
      for (const std::string& problem : problems) tell(safe_line(problem) + "\n");
      if (!problems.empty()) continue;
      answers[field.name.text] = line;
      break;
    }
  }
  return answers;
}

}  // namespace

int complete_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  const OpenRun& run = opened->run;
  Result<const OpRecord*> found = manual_named(run, invocation.options.words[1]);
  if (!found) return complain(found.error());
  const OpRecord& step = **found;
  const Manual& manual = *Expansion(*run.loaded.graph, run.history.in_order()).find(step.op)->step->manual;
  Result<Map> answers = given_answers(invocation);
  if (!answers) return complain(answers.error());
  if (invocation.terminal.tty && !invocation.json() && answers->size() < manual.form.size()) {
    tell(manual_panel(run.id(), step, {invocation.terminal.colour, invocation.terminal.tty}));
    std::optional<Map> typed = asked_answers(manual, std::move(*answers));
    if (!typed) return complain(fail(ErrorCode::invalid, "the form was not answered: nothing is recorded"));
    answers = std::move(*typed);
  }
  RealClock clock;
  Timestamp now = std::max(clock.now(), run.history.last_at);  // a clock that was set back reopens nothing
  Completion said{invocation.person, std::move(*answers), "command", now, text_of(*step.asked, "nonce")};
  Result<Map> allowed = may_complete(step, manual, said, opened->session.configuration, now);
  if (!allowed) return complain(allowed.error());
  Event event;
  event.kind = EventKind::answered;
  event.op = step.op;
  event.attempt = step.attempt;
  event.at = now;
  event.body = encode_value(Value(completion_body(said)));
  Result<void> recorded = opened->session.journal->say(run.id(), event);
  if (!recorded) return complain(recorded.error());
  if (invocation.options.has("--no-wait")) {
    if (invocation.json()) {
      answer_object(invocation, Map{{"run", run.id()},
                                    {"step", event.op.path},
                                    {"person", said.person},
                                    {"answers", std::move(*allowed)},
                                    {"at", now}});
    } else {
      answer("run " + run.id() + ": " + safe_line(event.op.path) + ", " + safe_line(said.person) +
             " says that it is done\n");
    }
  }
  return carry_on_recorded(invocation, *opened);
}

}  // namespace muster
