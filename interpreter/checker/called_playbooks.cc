#include "interpreter/checker/called_playbooks.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "interpreter/checker/inputs.h"
#include "interpreter/checker/references.h"
#include "interpreter/language/walk.h"

namespace muster {
namespace {

std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help = {},
            std::vector<Note> notes = {}) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), std::move(notes)});
}

using Inputs = std::set<std::string>;

// Whether the value is known before the first step. `late`: the inputs of the calling playbook that are not.
bool is_known_early(const Argument& value, const Inputs& late) {
  std::vector<const Expression*> expressions;
  collect_expressions(value, expressions);
  for (const Expression* expression : expressions)
    for (const Read& read : expression->reads) {
      const std::string& root = read.path[0];
      if (root == "inputs" && read.path.size() > 1 && late.count(read.path[1]) == 0) continue;
      if (root == "playbook" || read.called) continue;
      return false;
    }
  return true;
}

const Input* input_of(const Playbook& playbook, const std::string& name) {
  for (const Input& input : playbook.inputs)
    if (input.name.text == name) return &input;
  return nullptr;
}

// The calls on the way from the run's playbook to this one, for messages.
void check_early(const Playbook& playbook, const Inputs& late, const Span* call, Diagnostics& problems) {
  auto early = [&](const Template& text, std::string_view what) {
    for (const auto& piece : text.pieces) {
      const auto* expression = std::get_if<Expression>(&piece);
      if (!expression || !call) continue;
      for (const Read& read : expression->reads)
        if (read.path[0] == "inputs" && read.path.size() > 1 && late.count(read.path[1]) > 0)
          refuse(problems, *call, "lock-too-late",
                 std::string(what) + " of the called playbook needs " + quoted("inputs." + read.path[1]) +
                     ", which is not known before the first step",
                 "give it a value that depends on inputs only", {{read.at, "it is read here"}});
    }
  };
  for (const Lock& lock : playbook.locks.names) early(lock.name, "a lock");
  if (playbook.required) {
    for (const Template& file : playbook.required->files) early(file, "a requirement");
    for (const Template& command : playbook.required->commands) early(command, "a requirement");
  }
  each_step(const_cast<Playbook&>(playbook), [&](Step& step) {  // only looked at
    if (!step.call || !step.call->called) return;
    Inputs late_there;
    for (const Entry& entry : step.call->with)
      if (!is_known_early(entry.value, late)) late_there.insert(entry.key.text);
    check_early(*step.call->called, late_there, &step.call->at, problems);
  });
}

bool has_calls(const Playbook& playbook) {
  bool found = false;
  each_step(const_cast<Playbook&>(playbook), [&](Step& step) { found = found || step.call; });
  return found;
}

}  // namespace

void check_with(const Call& call, Diagnostics& problems) {
  const Playbook& called = *call.called;
  std::vector<std::string_view> names;
  for (const Input& input : called.inputs) names.push_back(input.name.text);
  std::set<std::string_view> given;
  for (const Entry& entry : call.with) {
    const Input* input = input_of(called, entry.key.text);
    if (!input) {
      std::string_view near = nearest(entry.key.text, names);
      std::string list;
      for (std::string_view name : names) list += (list.empty() ? "" : ", ") + quoted(name);
      refuse(problems, entry.key.at, "unknown-input", "the called playbook has no input " + quoted(entry.key.text),
             !near.empty()  ? "did you mean " + quoted(near) + "?"
             : list.empty() ? "it has none"
                            : "its inputs are " + list);
      continue;
    }
    given.insert(input->name.text);
    if (std::optional<std::string> wrong = wrong_input(*input, entry.value))
      refuse(problems, entry.value.at, "wrong-type", "input " + quoted(input->name.text) + " " + *wrong, {},
             {{input->at, "it is declared here"}});
  }
  std::string missing;
  for (const Input& input : called.inputs)
    if (input.required && given.count(input.name.text) == 0)
      missing += (missing.empty() ? "" : ", ") + quoted(input.name.text);
  if (!missing.empty())
    refuse(problems, call.playbook ? call.playbook->at : call.at, "missing-input",
           "the called playbook needs " + missing, "give it under `with`");
}

void check_locks_of_calls(const Playbook& playbook, Diagnostics& problems) {
  if (has_errors(problems) || !has_calls(playbook)) return;
  check_early(playbook, {}, nullptr, problems);
}

}  // namespace muster
