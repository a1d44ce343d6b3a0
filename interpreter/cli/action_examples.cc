// `muster actions --test FILE`: runs the examples that an extension carries. What an action calls is answered by the
// example itself: nothing of the world is reached.
#include "interpreter/cli/action_examples.h"

#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/checker/made_values.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/cli/session.h"
#include "interpreter/engine/silent.h"
#include "steps/steps.h"

namespace muster {
namespace {

// Every call gets the example's answer, once its arguments have passed.
class Answers final : public Actions {
 public:
  Answers(const Map& answers, const std::vector<Action>& actions) : answers_(answers), actions_(actions) {}
  Result<Value> call(std::string_view, std::string_view name, const Map& args) override {
    const Action* action = find_action(actions_, name);
    if (!action) return fail(ErrorCode::invalid, "no action is called `" + std::string(name) + "`");
    Map checked = args;
    if (action->effect_may_be_declared) checked.erase("effect");
    tl::expected<Map, Diagnostics> typed = type_values(checked, *action);
    if (!typed) return fail(ErrorCode::invalid, typed.error().front().message, typed.error().front().help);
    const Value* answer = member(answers_, name);
    if (!answer)
      return fail(ErrorCode::invalid, "the example does not say what `" + std::string(name) + "` answers",
                  "give it `answers = {" + std::string(name) + " = {...}}`");
    // A list answers one call after the other.
    if (const List* list = answer->find<List>()) {
      size_t& at = told_[std::string(name)];
      if (at >= list->size()) return Value(Map{});
      answer = &(*list)[at++];
    }
    std::string failure = text_of(answer->is<Map>() ? answer->get<Map>() : Map{}, "fails");
    if (!failure.empty()) return fail(ErrorCode::failed, failure, {}, Certainty::maybe);
    return *answer;
  }

 private:
  const Map& answers_;
  const std::vector<Action>& actions_;
  std::map<std::string, size_t> told_;
};

std::string shown(const Value& value) { return value.is<std::string>() ? value.get<std::string>() : print_json(value); }

std::string differs(const char* what, const Value& wanted, const Value& got) {
  return std::string("its ") + what + " should be\n    " + shown(wanted) + "\n  and is\n    " + shown(got);
}

// An answer that nobody would ask for.
std::optional<std::string> unknown_answer(const std::string& name, const std::vector<Action>& actions) {
  if (find_action(actions, name)) return std::nullopt;
  std::vector<std::string_view> names;
  for (const Action& action : actions) names.push_back(action.name);
  const std::string_view near = nearest(name, names);
  return "`answers` names `" + name + "`, and no action is called that" +
         (near.empty() ? "" : ": did you mean `" + std::string(near) + "`?");
}

// What is wrong with it, or nothing.
std::optional<std::string> judge(const ScriptExample& example, const std::vector<Action>& actions, World& world) {
  const Action* action = find_action(actions, example.action);
  if (!action) return "no action is called `" + example.action + "`";
  for (const auto& [name, ignored] : example.answers)
    if (std::optional<std::string> unknown = unknown_answer(name, actions)) return unknown;
  tl::expected<Map, Diagnostics> args = type_values(example.args, *action);
  if (!args) {
    const std::string& said = args.error().front().message;
    if (example.fails && said.find(*example.fails) != std::string::npos) return std::nullopt;
    return said;
  }
  Answers others(example.answers, actions);
  ReadMarks marks;
  SilentProgress progress;
  SilentStreams streams;
  std::string run = "example";
  OpId op{"example"};
  StepInput input{*args, run, op, 1, "example", Duration::seconds(60), {}, marks, others, progress, streams};
  Look look = world.look();
  if (example.preview) {
    if (!action->preview) return "`" + example.action + "` has no preview";
    Trial trial = world.trial();
    Result<Preview> preview = action->preview(input, look, trial);
    if (!preview) return preview.error().message;
    Value got = preview->lines.size() == 1 ? Value(preview->lines[0])
                                           : Value(List(preview->lines.begin(), preview->lines.end()));
    if (!same(got, *example.preview)) return differs("preview", *example.preview, got);
  }
  if (!example.result && !example.fails) return std::nullopt;
  Touch touch = world.touch();
  Result<StepOutput> output = action->look ? action->look(input, look) : action->act(input, touch);
  if (!output) {
    if (example.fails && output.error().message.find(*example.fails) != std::string::npos) return std::nullopt;
    return output.error().message;
  }
  if (example.fails) return "it should fail with `" + *example.fails + "`, and it succeeds";
  if (!same(Value(output->fields), *example.result)) return differs("result", *example.result, Value(output->fields));
  return std::nullopt;
}

std::optional<std::string> judge_function(const ScriptExample& example, const Scripts& scripts, Timestamp now) {
  Result<Value> got = scripts.call(example.function, example.arguments, ScriptContext{now});
  if (!got) {
    if (example.fails && got.error().message.find(*example.fails) != std::string::npos) return std::nullopt;
    return got.error().message;
  }
  if (example.fails) return "it should fail with `" + *example.fails + "`, and it succeeds";
  if (!same(*got, *example.result)) return differs("result", *example.result, *got);
  return std::nullopt;
}

}  // namespace

int test_extension(Invocation& invocation, const std::string& path) {
  Result<SourceFiles> files = first_source(path);
  if (!files) return complain(files.error());
  Diagnostics problems;
  std::optional<ScriptSet> set = read_extension(*files, sources_beside(path), builtin_actions(), problems);
  if (!problems.empty()) tell(render_all(problems, *files, invocation.terminal.colour));
  if (!set) return exit_code::invalid;
  const std::vector<Action> actions = all_actions(builtin_actions(), set->actions);
  RealWorld world(invocation, store_of(invocation, {}));
  size_t failed = 0;
  for (size_t i = 0; i < set->examples.size(); ++i) {
    const ScriptExample& example = set->examples[i];
    std::optional<std::string> problem = example.function.empty()
                                             ? judge(example, actions, world.world())
                                             : judge_function(example, *set->scripts, world.world().clock.now());
    if (!problem) continue;
    ++failed;
    answer("example " + std::to_string(i + 1) + ", of `" +
           (example.function.empty() ? example.action : example.function) +
           "`: " + escape_for_terminal(*problem, true) + "\n");
  }
  for (const Action& action : set->actions) {
    bool has_one = false;
    for (const ScriptExample& example : set->examples) has_one = has_one || example.action == action.name;
    if (!has_one) tell("`" + action.name + "` carries no example\n");
  }
  const size_t count = set->examples.size();
  for (const std::string& function : set->scripts->names()) {
    const bool has_one = std::any_of(set->examples.begin(), set->examples.end(),
                                     [&](const ScriptExample& example) { return example.function == function; });
    if (!has_one) tell("`" + function + "` carries no example\n");
  }
  if (set->actions.empty() && set->scripts->names().empty()) tell("`" + path + "` defines no action and no function\n");
  if (count == 0) {
    answer("there is no example to run\n");
    return exit_code::ok;
  }
  answer(std::to_string(count - failed) + " of " + std::to_string(count) + (count == 1 ? " example" : " examples") +
         " as it should be\n");
  return failed == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
