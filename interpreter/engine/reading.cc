// Reads that stand beside a step's own action. Nothing of them is journaled but what becomes of their answer, so one
// that was cut short is asked again.
#include "interpreter/engine/loop.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"

namespace muster {

void Engine::Loop::read_beside(const Node& node, ReadBeside read, std::function<void(Result<StepOutput>)> then) {
  NodeRun& run = run_of(node);
  run.in_flight = true;
  run.timed_out = false;
  run.stop.emplace();
  run.deadline = Duration{boot().us + read.limit.us};
  struct Job {
    ReadBeside read;
    std::stop_token stop;
    std::vector<Secret> opened;
    std::function<void(Result<StepOutput>)> then;
  };
  auto job = std::make_shared<Job>(Job{std::move(read), run.stop->get_token(), secrets_.all(), std::move(then)});
  after_commit_.push_back([this, job, id = node.id] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, job, id] {
      ReadMarks marks;
      StepActions others(parts_, Effect::read);
      SilentProgress progress;
      SilentStreams streams;
      const ReadBeside& read_now = job->read;
      const Action& action = *read_now.action;
      StepInput input{read_now.args, run_,   read_now.op, read_now.number, "",    read_now.limit, job->stop,
                      marks,         others, progress,    streams,         false, job->opened,    parts_.scripts};
      others.stand_in(input);
      Look look = parts_.world->look();
      auto output = std::make_shared<Result<StepOutput>>(
          action.look ? action.look(input, look)
                      : Result<StepOutput>(fail(ErrorCode::invalid, "`" + action.name + "` cannot be used as a read")));
      parts_.executor->post([this, job, id, output] {
        completed_.push_back([this, job, id, output] {
          --in_flight_;
          NodeRun& run_now = nodes_[id.index];
          run_now.in_flight = false;
          run_now.stop.reset();
          run_now.deadline.reset();
          if (broken_ || stopping_) return;
          std::vector<OutputRecord> none;
          redact(*output, none);
          job->then(std::move(*output));
        });
      });
    });
  });
}

}  // namespace muster
