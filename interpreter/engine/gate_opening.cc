// Gates open: what would be done is rendered and previewed once, evidence is read, and both are shown and bound.
#include <algorithm>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/pinned_files.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"

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

// The names that only the moment has at which a step runs: its failure, and how the run stands.
std::string known_only_then(const Read& read, Place place) {
  if (read.path.empty()) return {};
  if (read.path[0] == "error") return "error";
  if (place == Place::body || read.path[0] != "run" || read.path.size() < 2) return {};
  return read.path[1] == "status" || read.path[1] == "reason" ? "run." + read.path[1] : std::string();
}

// Of what may follow, only its text is asked for: nothing is tried against what will have changed by then.
class NothingTried final : public SqlTrial {
 public:
  Result<TrialResult> attempt(const Connection&, const SqlText&, int, const SqlLimits&, std::stop_token) override {
    return fail(ErrorCode::refused, "it is not tried");
  }
};

std::string in_one_line(const Value& value) {
  std::string text = print_json(value);
  constexpr size_t most = 300;
  return text.size() > most ? text.substr(0, most) + "..." : text;
}

std::string lines_of_step(const Map& shown, const std::string& op) {
  const Value* guarded = member(shown, "guarded");
  if (!guarded || !guarded->is<List>()) return {};
  for (const Value& item : guarded->get<List>()) {
    const Map* row = item.find<Map>();
    if (!row || text_of(*row, "op") != op) continue;
    std::string out;
    if (const Value* lines = member(*row, "lines"); lines && lines->is<List>())
      for (const Value& line : lines->get<List>()) out += (out.empty() ? "" : "; ") + to_text(line);
    return out;
  }
  return {};
}

std::string who_may(const Map& shown) {
  std::string out;
  if (const Value* places = member(shown, "places"); places && places->is<List>())
    for (const Value& item : places->get<List>())
      if (const Map* place = item.find<Map>())
        out += (out.empty() ? "" : ", and ") + to_text(*member(*place, "count")) + " of " + text_of(*place, "label") +
               " " + in_one_line(*member(*place, "people"));
  return out.empty() ? "anybody" : out;
}

// What differs between two showings of a gate, a line for each, as people see it.
List what_changed(const Map& before, const Map& now, const std::string& reason) {
  List lines;
  auto differ = [&](const std::string& what, const std::string& was, const std::string& is) {
    if (was != is) lines.push_back(what + ": was " + was + ", is " + is);
  };
  auto part = [](const Map& shown, std::string_view name) {
    const Value* value = member(shown, name);
    return value && value->is<Map>() ? value->get<Map>() : Map{};
  };
  const Map evidence_before = part(before, "evidence"), evidence_now = part(now, "evidence");
  for (const auto& [name, value] : evidence_now) {
    const Value* was = member(evidence_before, name);
    differ("evidence `" + name + "`", was ? in_one_line(*was) : "not there", in_one_line(value));
  }
  if (const Value* guarded = member(now, "guarded"); guarded && guarded->is<List>())
    for (const Value& item : guarded->get<List>())
      if (const Map* row = item.find<Map>()) {
        std::string op = text_of(*row, "op");
        differ("step `" + op + "`", lines_of_step(before, op), lines_of_step(now, op));
      }
  differ("approvers", who_may(before), who_may(now));
  differ("message", text_of(before, "message"), text_of(now, "message"));
  if (lines.empty()) lines.push_back(reason);
  return lines;
}

}  // namespace

const Node* Engine::Loop::gate_above(const Node& node) const {
  const Node* at = &node;
  while (true) {
    const OpRecord* op = history_.find(at->op);
    if (op && is_passed(op->gate.state)) return at;
    if (at->kind == NodeKind::playbook) return nullptr;
    at = &expansion_.at(at->parent);
  }
}

std::vector<Engine::Loop::Guarded> Engine::Loop::guarded_by(const Node& gate, Timestamp at, SecretsAs secrets) {
  std::vector<Behind> behind;
  collect_behind(gate, Place::body, nullptr, behind);
  std::set<GuardedId> guarded_ids;
  const Node& pattern = parts_.graph->at(gate.origin);
  for (uint32_t i = pattern.id.index; i < pattern.end; ++i)
    if (const Node& node = parts_.graph->at({i}); node.step && node.step->id)
      guarded_ids.emplace(node.scope, node.step->id->text);
  const WaitsFor waits_for{*parts_.graph, history_, guarded_ids};
  std::vector<Guarded> out;
  for (const Behind& one : behind) {
    const Node* node = one.node;
    Guarded guarded;
    guarded.node = node;
    guarded.place = one.place;
    guarded.of = one.of;
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
    for (const Read* read : reads) {
      if (std::string step = waits_for.step(*read, *node); !step.empty()) guarded.known_after = std::move(step);
      if (std::string name = known_only_then(*read, one.place); !name.empty()) guarded.known_then = std::move(name);
    }
    RunEnvironment names = environment(*node, at);
    // What may follow is shown without opening a secret for it: it may never run.
    if (secrets == SecretsAs::names || one.place != Place::body) names.show_secrets_by_name();
    if (const std::optional<Expression>* when = when_of(*node); when && *when && node != &gate) {
      bool waits = std::any_of((*when)->reads.begin(), (*when)->reads.end(), [&](const Read& read) {
        return !waits_for.step(read, *node).empty() || !known_only_then(read, one.place).empty();
      });
      if (waits) {
        guarded.only_if = (*when)->text;
      } else if (guarded.known_after.empty() && guarded.known_then.empty()) {
        tl::expected<bool, Map> holds = ask(**when, names);
        guarded.skipped = holds && !*holds;
      }
    }
    if (guarded.known_after.empty() && guarded.known_then.empty()) {
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

void Engine::Loop::open_gate(const Node& node, int opening) {
  record_lists_beneath(node, node);  // what is shown is what runs
  const Timestamp at = now();        // where `now()` stands still for all that is shown, and for what will run
  std::vector<Guarded> guarded = guarded_by(node, at, SecretsAs::values);
  struct Asked {
    OpId op;
    const Action* action;
    Map args;
    std::string problem;  // it cannot be asked
    bool may_follow = false;
  };
  auto asked = std::make_shared<std::vector<Asked>>();
  for (Guarded& step : guarded)
    if (step.is_rendered())
      asked->push_back({step.node->op, &action_of(step.node->step->actions.front()), std::move(step.args), step.problem,
                        step.place != Place::body});
  auto reads = std::make_shared<std::vector<EvidenceRead>>(evidence_of(node));
  NodeRun& run = run_of(node);
  run.previewing = true;
  run.stop.emplace();
  after_commit_.push_back([this, asked, reads, id = node.id, gate = node.op, opening, at, stop = run.stop->get_token(),
                           opened = secrets_.all()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, asked, reads, id, gate, opening, at, stop, opened] {
      auto previews = std::make_shared<std::vector<GuardedPreview>>();
      ReadMarks marks;
      StepActions others(parts_, Effect::read);
      SilentProgress progress;
      SilentStreams streams;
      for (const Asked& step : *asked) {
        if (!step.problem.empty()) {
          previews->push_back({step.op, fail(ErrorCode::expression, step.problem)});
          continue;
        }
        StepInput input{step.args, run_,     step.op, 1,     "",     Duration::seconds(60), stop, marks,
                        others,    progress, streams, false, opened, parts_.scripts};
        others.stand_in(input);
        Look look = parts_.world->look();
        Trial trial = parts_.world->trial();
        NothingTried nothing_tried;
        Trial untried{nothing_tried, trial.scratch};
        Result<Preview> preview =
            step.action->preview
                ? step.action->preview(input, look, step.may_follow ? untried : trial)
                : Result<Preview>(Preview{
                      {step.action->name + " " + print_json(Value(step.args))}, {}, {}, std::nullopt, std::nullopt});
        previews->push_back({step.op, std::move(preview)});
      }
      auto evidence = std::make_shared<Map>(read_evidence(parts_, *reads, run_, gate, opened, stop));
      parts_.executor->post([this, previews, evidence, id, opening, at] {
        completed_.push_back([this, previews, evidence, id, opening, at] {
          --in_flight_;
          NodeRun& run_now = nodes_[id.index];
          run_now.previewing = false;
          run_now.stop.reset();
          if (!broken_ && !stopping_ && !history_.cancel)
            previewed(expansion_.at(id), opening, at, std::move(*previews), std::move(*evidence));
        });
      });
    });
  });
}

void Engine::Loop::previewed(const Node& node, int opening, Timestamp at, std::vector<GuardedPreview> previews,
                             Map evidence) {
  const Approval& approval = *approval_of(*parts_.graph, node);
  RunEnvironment names = environment(node, at);
  Map shown{{"opening", opening},
            {"opened_at", at},
            {"nonce", to_hex(parts_.world->entropy.bytes(16))},
            {"title", label_of(node)}};
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
  if (std::optional<Duration> expires = duration_of(node, approval.expires)) shown["expires_at"] = now() + *expires;
  Map rules = rules_of_gate_now(node);
  for (const auto& [name, value] : rules) shown[name] = value;
  Map pinned;
  for (const GuardedPreview& preview : previews)
    if (preview.preview && !preview.preview->pinned.empty()) pinned[preview.op.path] = preview.preview->pinned;
  shown["pinned"] = std::move(pinned);
  for (const PinnedFile& file : pinned_files(member(shown, "pinned"))) evidence[file.name] = evidence_of_pinned(file);
  shown["evidence"] = std::move(evidence);

  std::vector<Guarded> guarded = guarded_by(node, at, SecretsAs::names);
  List steps;
  for (const Guarded& step : guarded) {
    const ActionCall& call = step.node->step->actions.front();
    Map row{{"op", step.node->op.path}, {"title", label_of(*step.node)}, {"action", call.action.text}};
    if (step.place != Place::body) {
      row["place"] = std::string(name_of(step.place));
      row["of"] = step.of->op.path;
    }
    if (step.known_after.empty() && step.known_then.empty() && step.problem.empty())
      row["effect"] = std::string(name_of(effect_of_call(*step.node, action_of(call), step.args)));
    List lines;
    if (!step.known_after.empty()) {
      lines.push_back("known after `" + step.known_after + "`");
    } else if (!step.carried_from.empty()) {
      lines.push_back("stays as run " + step.carried_from + " did it");
    } else if (!step.known_then.empty()) {
      lines.push_back("known when it runs: it reads `" + step.known_then + "`");
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
      if (step.place != Place::body) continue;
      if (preview.preview->unknown) lines.push_back("not known: " + *preview.preview->unknown);
      if (preview.preview->fails) lines.push_back("fails as things are now: " + *preview.preview->fails);
      row["facts"] = preview.preview->facts;
    }
    if (!step.only_if.empty()) lines.push_back("only if " + step.only_if);
    row["lines"] = std::move(lines);
    if (step.node->rollback_automatic) row["rollback"] = "auto";
    steps.push_back(std::move(row));
  }
  shown["guarded"] = std::move(steps);
  shown = secrets_.body(std::move(shown));  // before the digest: it binds what people see
  const GateRecord& before = record(node).gate;
  if (before.state == GateState::voided && !before.shown.empty())
    shown["changed"] = what_changed(before.shown, shown, before.reason);
  Map bound = bound_parts(node, shown, rules, shown["evidence"].get<Map>(), guarded);
  shown["digest"] = digest_of_parts(bound);
  shown["bound"] = std::move(bound);
  add(EventKind::gate_opened, node.op, opening, std::move(shown));
}

}  // namespace muster
