// What a step has left to its group is taken away when that group ends, latest first, however it ends; and what an
// attempt left, before the next one begins. The intent of the attempt says that there may be something, so it is looked
// for even where an outcome was never recorded.
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

bool stands_beneath(const std::string& op, const Node& group) {
  if (group.kind == NodeKind::playbook) return true;
  const std::string& path = group.op.path;
  return op.size() > path.size() && op.starts_with(path) && (op[path.size()] == '/' || op[path.size()] == '~');
}

}  // namespace

Engine::Loop::Status Engine::Loop::release_all_of(const Node& group) {
  // The items of a loop over one action live in the group around the loop.
  if (group.kind == NodeKind::foreach || group.kind == NodeKind::choose || group.kind == NodeKind::call)
    return Status::ended;
  const std::vector<std::string>& left = history_.left_to_groups;
  for (auto op = left.rbegin(); op != left.rend(); ++op) {
    if (!stands_beneath(*op, group)) continue;
    const Node* node = expansion_.find(OpId{*op});
    if (node) return release(*node);
  }
  return Status::ended;
}

Engine::Loop::Status Engine::Loop::release(const Node& node) {
  NodeRun& run = run_of(node);
  if (run.releasing) return Status::active;
  run.releasing = true;
  struct Job {
    std::string run;
    OpId op;
    int attempt;
    Map result;
  };
  const OpRecord& op = record(node);
  auto job = std::make_shared<Job>(Job{run_, node.op, op.left_to_group, op.result ? *op.result : Map{}});
  const Action& action = action_of(node.step->actions.front());
  after_commit_.push_back([this, job, &action, id = node.id] {
    ++in_flight_;
    parts_.executor->start([this, job, &action, id] {
      Touch touch = parts_.world->touch();
      Result<std::vector<std::string>> ended = action.release({job->run, job->op, job->attempt, job->result}, touch);
      auto shared = std::make_shared<Result<std::vector<std::string>>>(std::move(ended));
      parts_.executor->post([this, shared, id, attempt = job->attempt] {
        completed_.push_back([this, shared, id, attempt] { released(expansion_.at(id), attempt, std::move(*shared)); });
      });
    });
  });
  return Status::active;
}

void Engine::Loop::released(const Node& node, int attempt, Result<std::vector<std::string>> ended) {
  --in_flight_;
  run_of(node).releasing = false;
  if (broken_ || stopping_) return;
  List notes;
  if (!ended) {
    notes.emplace_back("what it left running could not be ended: " + ended.error().message);
  } else {
    for (const std::string& one : *ended) notes.emplace_back("ended with its group: " + one);
  }
  add(EventKind::evaluated, node.op, attempt, Map{{"released", true}, {"notes", std::move(notes)}});
}

}  // namespace muster
