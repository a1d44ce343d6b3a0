#include "interpreter/rehearsal/faults.h"

#include <algorithm>

#include "interpreter/language/walk.h"
#include "interpreter/rehearsal/damage.h"
#include "interpreter/rehearsal/rehearsal.h"

namespace muster {
namespace {

bool is_for_actions(FaultKind kind) {
  return kind != FaultKind::verify_fails && kind != FaultKind::rejected && kind != FaultKind::expires &&
         kind != FaultKind::kill_recorded;
}

tl::unexpected<Error> injected(ErrorCode code, std::string message, Certainty effect) {
  return fail(code, "rehearsal: " + std::move(message), {}, effect);
}

// A copy in which the claims of these steps never hold. Steps are found again by their place in the files, in called
// playbooks as well: one that is called twice has them fail both times.
std::shared_ptr<const Playbook> with_failing(const Playbook& playbook, const std::vector<const Step*>& failing);

Expression never() {
  Diagnostics none;
  return *parse_expression(LocatedText{"false", {}, {}}, none);
}

std::shared_ptr<const Playbook> with_failing(const Playbook& playbook, const std::vector<const Step*>& failing) {
  auto changed = std::make_shared<Playbook>(playbook);
  each_step(*changed, [&](Step& step) {
    if (step.group) step.group = std::make_shared<Group>(*step.group);  // the other playbook keeps its own
    if (step.call && step.call->called) step.call->called = with_failing(*step.call->called, failing);
    for (const Step* one : failing)
      if (step.verify && step.verify->at == one->verify->at && step.at == one->at)
        for (Claim& claim : step.verify->that) {
          Expression expression = never();
          expression.at = claim.that.at;
          claim.that = std::move(expression);
        }
  });
  return changed;
}

}  // namespace

FaultInjector::FaultInjector(const StepGraph& graph, std::vector<Fault> faults, SimulatedWorld& world,
                             std::function<void()> kill)
    : graph_(graph), world_(world), kill_(std::move(kill)) {
  for (Fault& fault : faults) {
    Aimed one;
    const bool gate = fault.kind == FaultKind::rejected || fault.kind == FaultKind::expires;
    const Node* node = node_named(graph, fault.step, gate);
    const bool is_path = fault.step.find('[') != std::string::npos;
    one.op = is_path || !node ? fault.step : node->op.path;
    one.of_graph = !is_path;
    one.fault = std::move(fault);
    faults_.push_back(std::move(one));
  }
}

bool FaultInjector::is_meant(const Aimed& one, const OpId& op) const {
  if (one.op == op.path) return true;
  if (!one.of_graph) return false;
  const Node* node = graph_.find(op);
  return node && node->op.path == one.op && op.path.find_first_of("~!#") == std::string::npos;
}

FaultInjector::Aimed* FaultInjector::meant_for(const StepInput& input) {
  for (Aimed& one : faults_) {
    if (!is_for_actions(one.fault.kind) || !is_meant(one, input.op)) continue;
    const bool kills = one.fault.kind == FaultKind::kill || one.fault.kind == FaultKind::kill_before;
    // A kill does not end an attempt: what is resumed is the same one.
    if (kills ? one.strikes < one.fault.attempts : input.attempt <= one.fault.attempts) return &one;
  }
  return nullptr;
}

const Fault* FaultInjector::at(const OpId& op, std::initializer_list<FaultKind> kinds) {
  for (const Aimed& one : faults_)
    if (std::find(kinds.begin(), kinds.end(), one.fault.kind) != kinds.end() && is_meant(one, op)) return &one.fault;
  return nullptr;
}

void FaultInjector::was_recorded(const Event& event) {
  if (event.kind != EventKind::outcome || event.attempt == 0) return;
  for (Aimed& one : faults_) {
    if (one.fault.kind != FaultKind::kill_recorded || one.strikes >= one.fault.attempts || !is_meant(one, event.op))
      continue;
    ++one.strikes;
    kill_();
    return;
  }
}

void FaultInjector::strike(const Fault& fault) {
  for (Aimed& one : faults_)
    if (&one.fault == &fault) ++one.strikes;
}

std::vector<Fault> FaultInjector::struck() const {
  std::vector<Fault> out;
  for (const Aimed& one : faults_)
    if (one.strikes > 0) out.push_back(one.fault);
  return out;
}

Result<StepOutput> FaultInjector::hit(Aimed& one, const StepInput& input,
                                      const std::function<Result<StepOutput>()>& act,
                                      const std::function<Result<StepOutput>()>& act_on_damage, bool reads) {
  ++one.strikes;
  const Certainty done = reads ? Certainty::no_effect : Certainty::done;
  const Certainty maybe = reads ? Certainty::no_effect : Certainty::maybe;
  switch (one.fault.kind) {
    case FaultKind::unreachable:
      return injected(ErrorCode::unreachable, "nobody answers", Certainty::no_effect);
    case FaultKind::fail_before:
      return injected(ErrorCode::failed, "it fails before its effect", Certainty::no_effect);
    case FaultKind::kill_before:
      kill_();
      return injected(ErrorCode::interrupted, "the interpreter is killed", Certainty::no_effect);
    case FaultKind::corrupt:
      return act_on_damage();
    default:
      break;
  }
  Result<StepOutput> output = act();
  if (!output) return output;
  switch (one.fault.kind) {
    case FaultKind::fail_after:
      return injected(ErrorCode::failed, "it fails after its effect", done);
    case FaultKind::timeout:
      // Until the engine has had enough; without a time-out of its own it gives up by itself.
      if (input.timeout.us > 0) (void)world_.baton.sleep(Duration{input.timeout.us + 1'000'000}, input.stop);
      return injected(ErrorCode::timeout, "it says nothing until its time is up", maybe);
    case FaultKind::kill:
      kill_();
      return injected(ErrorCode::interrupted, "the interpreter is killed", maybe);
    default:
      return output;
  }
}

std::vector<Action> FaultInjector::around(const std::vector<Action>& actions) {
  std::vector<Action> out = actions;
  for (Action& action : out) {
    if (auto real = action.look)
      action.look = [this, real](const StepInput& input, Look& look) {
        Aimed* one = meant_for(input);
        if (!one) return real(input, look);
        auto on_damage = [&] {
          DamagedFiles files(world_.files);
          DamagedHttp http(world_.http);
          DamagedProcesses processes(world_.processes);
          DamagedSql sql(look.sql);
          Look damaged{look.clock, files, sql, http, processes};
          return real(input, damaged);
        };
        return hit(
            *one, input, [&] { return real(input, look); }, on_damage, true);
      };
    if (auto real = action.act)
      action.act = [this, real](const StepInput& input, Touch& touch) {
        Aimed* one = meant_for(input);
        if (!one) return real(input, touch);
        auto on_damage = [&] {
          DamagedFiles files(touch.files);
          DamagedHttp http(touch.http);
          DamagedProcesses processes(touch.processes);
          DamagedSql sql(touch.look.sql);
          Touch damaged{{touch.look.clock, files, sql, http, processes},
                        files,
                        touch.sql,
                        http,
                        processes,
                        touch.entropy,
                        touch.channels};
          return real(input, damaged);
        };
        return hit(
            *one, input, [&] { return real(input, touch); }, on_damage, false);
      };
  }
  return out;
}

std::shared_ptr<const StepGraph> with_failing_verifies(std::shared_ptr<const StepGraph> graph,
                                                       const std::vector<Fault>& faults) {
  std::vector<const Step*> failing;
  for (const Fault& fault : faults) {
    if (fault.kind != FaultKind::verify_fails) continue;
    const Node* node = node_named(*graph, fault.step, false);
    if (node && node->step && node->step->verify) failing.push_back(node->step);
  }
  if (failing.empty()) return graph;
  return std::make_shared<const StepGraph>(with_failing(graph->playbook(), failing));
}

}  // namespace muster
