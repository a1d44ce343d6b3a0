// `watch`: claims that hold as long as a step's action runs, or its wait lasts.
//
// A poll is a read of its own beside the action, on another thread. The first claim that does not hold, or a read that
// gets no answer, ends the step: the action is told to stop, and whatever it still says, the step has failed. Polls
// leave no events; a resumed run goes on watching.
#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"

namespace muster {
namespace {

constexpr Duration watch_every = Duration::seconds(1);
// A read that hangs says nothing, and what says nothing is not healthy.
constexpr Duration longest_poll = Duration::seconds(30);

}  // namespace

void Engine::Loop::watch(const Node& node) {
  if (!node.step->watch) return;
  NodeRun& run = run_of(node);
  if (!run.watch) {
    run.watch = std::make_shared<WatchRun>();
    run.watch->next = boot();
  }
  const std::shared_ptr<WatchRun> at = run.watch;
  if (at->breach) return;
  if (at->in_flight) {
    if (boot() < at->deadline) return wake_at(at->deadline);
    at->stop.request_stop();
    return;
  }
  if (boot() < at->next) return wake_at(at->next);
  const ActionCall& call = node.step->watch->probes.front();
  const Action& action = action_of(call);
  RunEnvironment names = environment(node, now());
  tl::expected<Map, Diagnostics> args = type_arguments(call.args, action, argument_values(node, names));
  if (!args) {
    watched(node, *at, fail(ErrorCode::expression, args.error().front().message));
    return;
  }
  at->in_flight = true;
  at->stop = std::stop_source();
  at->deadline = Duration{boot().us + longest_poll.us};
  wake_at(at->deadline);
  auto shared_args = std::make_shared<Map>(std::move(*args));
  after_commit_.push_back([this, at, shared_args, &action, id = node.id, op = OpId{node.op.path + "!watch"},
                           number = ++at->polls, opened = secrets_.all()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, at, shared_args, &action, id, op, number, opened, stop = at->stop.get_token()] {
      ReadMarks marks;
      StepActions others(parts_, Effect::read);
      SilentProgress progress;
      SilentStreams streams;
      StepInput input{*shared_args, run_,   op,       number,  "",    longest_poll, stop,
                      marks,        others, progress, streams, false, opened,       parts_.scripts};
      others.stand_in(input);
      Look look = parts_.world->look();
      auto output = std::make_shared<Result<StepOutput>>(
          action.look ? action.look(input, look)
                      : Result<StepOutput>(fail(ErrorCode::invalid, "`" + action.name + "` cannot be used as a read")));
      parts_.executor->post([this, at, id, output] {
        completed_.push_back([this, at, id, output] {
          --in_flight_;
          at->in_flight = false;
          const Node& node_now = expansion_.at(id);
          // What it watched is over: nobody asks any more.
          if (broken_ || stopping_ || run_of(node_now).watch != at) return;
          std::vector<OutputRecord> none;
          redact(*output, none);
          watched(node_now, *at, *output);
        });
      });
    });
  });
}

void Engine::Loop::watched(const Node& node, WatchRun& at, const Result<StepOutput>& output) {
  const Watch& watch = *node.step->watch;
  at.next = Duration{boot().us + duration_of(node, watch.every).value_or(watch_every).us};
  wake_at(at.next);
  RunEnvironment names = environment(node, now());
  JudgedClaims judged = judge(watch.that, output, names, !is_sensitive(node));
  if (judged.all_held) return;
  Map error{{"code", "verify_failed"},
            {"message", output ? "its `watch` was broken: " + judged.first_failure
                               : "its `watch` got no answer: " + output.error().message},
            {"effect", "none"},
            {"claims", std::move(judged.rows)}};
  if (!judged.diagnostic.empty()) error["diagnostic"] = judged.diagnostic;
  at.breach = std::move(error);
  if (run_of(node).stop) run_of(node).stop->request_stop();
}

std::optional<Map> Engine::Loop::end_watch(const Node& node) {
  const std::shared_ptr<WatchRun> at = std::move(run_of(node).watch);
  run_of(node).watch.reset();
  if (!at) return std::nullopt;
  at->stop.request_stop();
  return std::move(at->breach);
}

}  // namespace muster
