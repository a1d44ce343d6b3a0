// Gates: what would be done is rendered and previewed once, shown, and bound to a digest; the decision is taken in
// here.
#include <algorithm>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/silent.h"

namespace muster {
namespace {

void collect_reads(const Argument& argument, std::vector<const Read*>& out) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    for (const auto& piece : scalar->text.pieces)
      if (const auto* expression = std::get_if<Expression>(&piece))
        for (const Read& read : expression->reads) out.push_back(&read);
  } else if (const auto* list = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *list) collect_reads(item, out);
  } else {
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) collect_reads(entry.value, out);
  }
}

using GuardedId = std::pair<uint32_t, std::string>;  // scope and id

// Which guarded step a value has to wait for.
struct WaitsFor {
  const StepGraph& graph;
  const RunHistory& history;
  const std::set<GuardedId>& ids;

  // Empty: none. Inputs of a called playbook are what its caller gives.
  std::string step(const Read& read, const Node& reader) const {
    if (read.path.size() < 2) return {};
    if (read.path[0] == "steps") return ids.count({reader.scope, read.path[1]}) > 0 ? read.path[1] : std::string();
    if (read.path[0] != "inputs" || reader.scope == 0) return {};
    const Node& called = graph.at(graph.scopes()[reader.scope].top);
    const OpRecord* op = history.find(called.op);
    if (op && op->inputs) return {};
    const Node& call = graph.at(called.parent);
    for (const Entry& entry : call.step->call->with) {
      if (entry.key.text != read.path[1]) continue;
      std::vector<const Read*> reads;
      collect_reads(entry.value, reads);
      for (const Read* outer : reads)
        if (std::string found = step(*outer, call); !found.empty()) return found;
    }
    return {};
  }
};

}  // namespace

const Node* Engine::Loop::gate_above(const Node& node) const {
  const Node* at = &node;
  while (true) {
    const OpRecord* op = history_.find(at->op);
    if (op && op->gate.state == GateState::approved) return at;
    if (at->kind == NodeKind::playbook) return nullptr;
    at = &expansion_.at(at->parent);
  }
}

std::vector<Engine::Loop::Guarded> Engine::Loop::guarded_by(const Node& gate, Timestamp at, SecretsAs secrets) {
  std::vector<const Node*> actions;
  collect_actions(gate, actions);
  std::set<GuardedId> guarded_ids;
  for (const Node* node : actions)
    if (node->step->id) guarded_ids.emplace(node->scope, node->step->id->text);
  const WaitsFor waits_for{*parts_.graph, history_, guarded_ids};
  std::vector<Guarded> out;
  for (const Node* node : actions) {
    Guarded guarded;
    guarded.node = node;
    if (const OpRecord* op = history_.find(node->op); op && !op->carried_from.empty()) {
      guarded.carried_from = op->carried_from;
      guarded.skipped = true;
      out.push_back(std::move(guarded));
      continue;
    }
    if (const Node* loop = loop_without_list(*node)) {
      guarded.known_after = guarded_read(gate, *loop);
      if (guarded.known_after.empty()) guarded.problem = "the list of `" + loop->op.path + "` is not known yet";
      out.push_back(std::move(guarded));
      continue;
    }
    const ActionCall& call = node->step->actions.front();
    std::vector<const Read*> reads;
    collect_reads(call.args, reads);
    for (const Read* read : reads)
      if (std::string step = waits_for.step(*read, *node); !step.empty()) guarded.known_after = std::move(step);
    if (guarded.known_after.empty()) {
      RunEnvironment names = environment(*node, at);
      if (secrets == SecretsAs::names) names.show_secrets_by_name();
      if (const std::optional<Expression>* when = when_of(*node); when && *when && node != &gate) {
        bool waits = std::any_of((*when)->reads.begin(), (*when)->reads.end(),
                                 [&](const Read& read) { return !waits_for.step(read, *node).empty(); });
        if (!waits) {
          tl::expected<bool, Map> holds = ask(**when, names);
          guarded.skipped = holds && !*holds;
        }
      }
      if (!guarded.skipped) {
        tl::expected<Map, Map> args = render_args(*node, call, action_of(call), names);
        if (args) {
          guarded.args = std::move(*args);
        } else {
          guarded.problem = text_of(args.error(), "message");
        }
      }
    }
    out.push_back(std::move(guarded));
  }
  return out;
}

std::string Engine::Loop::gate_digest(const Node& gate, const Map& shown, const std::vector<Guarded>& guarded) {
  List steps;
  const Value* pins = member(shown, "pinned");
  for (const Guarded& step : guarded) {
    Map args = step.args;
    const Value* mine = pins ? member(*pins, step.node->op.path) : nullptr;
    if (mine && mine->is<Map>())
      for (const auto& [name, value] : mine->get<Map>()) args[name] = value;
    steps.push_back(Map{{"op", step.node->op.path},
                        {"args", std::move(args)},
                        {"known_after", step.known_after},
                        {"skipped", step.skipped},
                        {"problem", step.problem}});
  }
  auto of = [&](std::string_view name) {
    const Value* v = member(shown, name);
    return v ? *v : Value();
  };
  List files;
  for (const SourceFile& file : parts_.files->all()) files.push_back(file.digest);
  Map bound{{"store", parts_.journal->instance()},
            {"run", run_},
            {"gate", gate.op.path},
            {"opening", of("opening")},
            {"nonce", of("nonce")},
            {"files", std::move(files)},
            {"inputs", inputs_},
            {"steps", std::move(steps)},
            {"places", of("places")},
            {"barred", of("barred")},
            {"require_reason", of("require_reason")},
            {"expires_at", of("expires_at")},
            {"message", of("message")}};
  return sha256_hex("muster-gate-1\n" + encode_value(Value(std::move(bound))));
}

std::optional<Engine::Loop::Status> Engine::Loop::advance_gate(const Node& node, Context context) {
  const std::optional<Approval>& approval = approval_of(*parts_.graph, node);
  if (!approval) return std::nullopt;
  NodeRun& run = run_of(node);
  OpRecord& op = record(node);
  if (run.previewing) return Status::active;
  switch (op.gate.state) {
    case GateState::approved:
      return std::nullopt;
    case GateState::rejected:
    case GateState::expired:
      return Status::ended;
    case GateState::none:
    case GateState::voided:
      open_gate(node, op.gate.opening + 1);
      return run.previewing ? Status::active : Status::ended;
    case GateState::open:
      break;
  }
  if (context.stop) {
    add(EventKind::gate_closed, node.op, op.gate.opening, Map{{"verdict", "voided"}, {"reason", "the run is ending"}});
    add(EventKind::skipped, node.op, 0,
        Map{{"state", history_.cancel ? "cancelled" : "not_reached"}, {"reason", "the run is ending"}});
    return Status::ended;
  }
  bool decided = !op.gate.votes.empty() || (op.gate.expires_at && now() >= *op.gate.expires_at);
  if (decided) {
    std::string digest = gate_digest(node, op.gate.shown, guarded_by(node, op.gate.opened_at, SecretsAs::names));
    GateDecision decision = decide_gate(op.gate, digest, now());
    if (decision.state != GateState::open) {
      close_gate(node, decision);
      if (decision.state == GateState::approved) return std::nullopt;
      if (decision.state == GateState::voided) return Status::active;
      return Status::ended;
    }
  }
  if (op.gate.expires_at) wake_at(*op.gate.expires_at);
  return Status::blocked;
}

void Engine::Loop::close_gate(const Node& node, const GateDecision& decision) {
  List people(decision.people.begin(), decision.people.end());
  int opening = record(node).gate.opening;
  add(EventKind::gate_closed, node.op, opening,
      Map{{"verdict", std::string(name_of(decision.state))},
          {"reason", decision.reason},
          {"people", std::move(people)}},
      "gate");
  if (decision.state != GateState::rejected && decision.state != GateState::expired) return;
  rejected_ = true;
  rejected_reason_ = decision.state == GateState::expired ? "gate `" + node.op.path + "` expired"
                                                          : "gate `" + node.op.path + "` was rejected" +
                                                                (decision.reason.empty() ? "" : ": " + decision.reason);
  if (node.kind != NodeKind::playbook)
    add(EventKind::skipped, node.op, 0, Map{{"state", "not_reached"}, {"reason", rejected_reason_}});
}

void Engine::Loop::open_gate(const Node& node, int opening) {
  record_lists_beneath(node, node);  // what is shown is what runs
  std::vector<Guarded> guarded = guarded_by(node, now(), SecretsAs::values);
  struct Asked {
    OpId op;
    const Action* action;
    Map args;
    std::string problem;  // it cannot be asked
  };
  auto asked = std::make_shared<std::vector<Asked>>();
  for (Guarded& step : guarded)
    if (step.known_after.empty() && !step.skipped)
      asked->push_back(
          {step.node->op, &action_of(step.node->step->actions.front()), std::move(step.args), step.problem});
  NodeRun& run = run_of(node);
  run.previewing = true;
  run.stop.emplace();
  after_commit_.push_back([this, asked, id = node.id, opening, stop = run.stop->get_token(), opened = secrets_.all()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, asked, id, opening, stop, opened] {
      auto previews = std::make_shared<std::vector<GuardedPreview>>();
      ReadMarks marks;
      NoActions others;
      SilentProgress progress;
      SilentStreams streams;
      for (const Asked& step : *asked) {
        if (!step.problem.empty()) {
          previews->push_back({step.op, fail(ErrorCode::expression, step.problem)});
          continue;
        }
        StepInput input{step.args, run_,     step.op, 1,     "",     Duration::seconds(60), stop, marks,
                        others,    progress, streams, false, opened, parts_.scripts};
        Look look = parts_.world->look();
        Trial trial = parts_.world->trial();
        Result<Preview> preview =
            step.action->preview ? step.action->preview(input, look, trial)
                                 : Result<Preview>(Preview{
                                       {step.action->name + " " + print_json(Value(step.args))}, {}, {}, std::nullopt});
        previews->push_back({step.op, std::move(preview)});
      }
      parts_.executor->post([this, previews, id, opening] {
        completed_.push_back([this, previews, id, opening] {
          --in_flight_;
          NodeRun& run_now = nodes_[id.index];
          run_now.previewing = false;
          run_now.stop.reset();
          if (!broken_ && !stopping_ && !history_.cancel)
            previewed(expansion_.at(id), opening, std::move(*previews));
        });
      });
    });
  });
}

void Engine::Loop::previewed(const Node& node, int opening, std::vector<GuardedPreview> previews) {
  const Approval& approval = *approval_of(*parts_.graph, node);
  Timestamp at = now();
  RunEnvironment names = environment(node, at);
  Map shown{{"opening", opening}, {"nonce", to_hex(parts_.world->entropy.bytes(16))}, {"title", label_of(node)}};
  if (approval.message) {
    tl::expected<Value, Map> message = value_of(*approval.message, names);
    if (!message) {
      Map error = message.error();
      error["step"] = node.op.path;
      add(EventKind::outcome, node.op, 0, Map{{"state", "failed"}, {"error", std::move(error)}});
      return;
    }
    shown["message"] = to_text(*message);
  }
  if (std::optional<Duration> expires = duration_of(node, approval.expires)) shown["expires_at"] = at + *expires;
  shown["require_reason"] = approval.require_reason;
  List places;
  for (const Requirement& requirement : approval.approvers) {
    std::set<std::string> people;
    std::string label;
    for (const Approver& approver : requirement.of) {
      bool is_group = approver.kind == Approver::Kind::group;
      label += (label.empty() ? "" : " or ") + std::string(is_group ? "group:" : "user:") + approver.name;
      if (!is_group) people.insert(approver.name);
      for (const GroupOfPeople& group : parts_.configuration->groups)
        if (is_group && group.name.text == approver.name)
          for (const Name& member_name : group.members) people.insert(member_name.text);
    }
    places.push_back(
        Map{{"people", List(people.begin(), people.end())}, {"label", label}, {"count", requirement.count}});
  }
  bool prevent = approval.prevent_self_approval.value_or(!approval.approvers.empty());
  bool lifted = prevent && parts_.configuration->self_approval_allowed();
  List barred;
  if (prevent && !lifted) {
    std::set<std::string> people{text_of(history_.created, "starter")};
    people.insert(history_.resumers.begin(), history_.resumers.end());
    for (const std::string& person : people)
      if (!person.empty()) barred.push_back(person);
  }
  shown["places"] = std::move(places);
  shown["barred"] = std::move(barred);
  shown["self_approval_lifted"] = lifted;

  Map pinned;
  for (const GuardedPreview& preview : previews)
    if (preview.preview && !preview.preview->pinned.empty()) pinned[preview.op.path] = preview.preview->pinned;
  shown["pinned"] = std::move(pinned);

  std::vector<Guarded> guarded = guarded_by(node, at, SecretsAs::names);
  List steps;
  for (const Guarded& step : guarded) {
    const ActionCall& call = step.node->step->actions.front();
    Map row{{"op", step.node->op.path}, {"title", label_of(*step.node)}, {"action", call.action.text}};
    if (step.known_after.empty() && step.problem.empty())
      row["effect"] = std::string(name_of(effect_of_call(*step.node, action_of(call), step.args)));
    List lines;
    if (!step.known_after.empty()) {
      lines.push_back("known after `" + step.known_after + "`");
    } else if (!step.carried_from.empty()) {
      lines.push_back("stays as run " + step.carried_from + " did it");
    } else if (step.skipped) {
      lines.push_back("skipped: its `when` is false");
    } else if (!step.problem.empty()) {
      lines.push_back("cannot be told: " + step.problem);
    }
    for (const GuardedPreview& preview : previews) {
      if (preview.op != step.node->op || !step.problem.empty()) continue;
      if (!preview.preview) {
        lines.push_back("cannot be previewed: " + preview.preview.error().message);
        row["preview_failed"] = true;
        continue;
      }
      for (const std::string& line : preview.preview->lines) lines.push_back(line);
      if (preview.preview->unknown) lines.push_back("not known: " + *preview.preview->unknown);
      row["facts"] = preview.preview->facts;
    }
    row["lines"] = std::move(lines);
    if (step.node->rollback_automatic) row["rollback"] = "auto";
    if (!step.node->rollback.empty()) row["rollback"] = std::to_string(step.node->rollback.size()) + " steps";
    steps.push_back(std::move(row));
  }
  shown["guarded"] = std::move(steps);
  shown = secrets_.body(std::move(shown));  // before the digest: it binds what people see
  shown["digest"] = gate_digest(node, shown, guarded);
  add(EventKind::gate_opened, node.op, opening, std::move(shown));
}

}  // namespace muster
