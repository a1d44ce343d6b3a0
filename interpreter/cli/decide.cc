// `gates`, `approve`, `reject`, `resolve`, `cancel`, `resume`: what people say of a run.
#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/cli/command.h"
#include "interpreter/cli/live.h"
#include "interpreter/engine/engine.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

struct Opened {
  Configuration configuration;
  std::unique_ptr<Journal> journal;
  OpenRun run;
  [[nodiscard]] const std::string& id() const { return run.record.row.id; }
};

Result<Opened> open_named(Invocation& invocation) {
  Opened out;
  std::optional<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return fail(ErrorCode::invalid, "the configuration cannot be used");
  out.configuration = std::move(*configuration);
  Result<std::unique_ptr<Journal>> journal = open_journal(store_of(invocation, out.configuration), false);
  if (!journal) return pass(journal.error());
  out.journal = std::move(*journal);
  Result<std::string> id = run_named(*out.journal, invocation.options.words[0]);
  if (!id) return pass(id.error());
  Result<OpenRun> run = open_run(*out.journal, *id);
  if (!run) return pass(run.error());
  out.run = std::move(*run);
  return out;
}

bool was_detached(const RunHistory& history) {
  const Value* detached = member(history.created, "detached");
  return detached && detached->is<bool>() && detached->get<bool>();
}

// A parked run that nobody owns goes on in this process.
int go_on(Invocation& invocation, Opened& opened) {
  if (!opened.run.record.row.owner.empty()) {
    tell("recorded; the process that owns run " + opened.id() + " goes on with it, or `muster resume " + opened.id() + "` does\n");
    return exit_code::ok;
  }
  bool detached = was_detached(opened.run.history);
  return carry_on(invocation, *opened.journal, opened.configuration, std::move(opened.run.loaded), opened.id(), {}, {detached});
}

Result<const OpRecord*> gate_named(Invocation& invocation, Opened& opened) {
  std::vector<const OpRecord*> open = open_gates(opened.run.history);
  if (invocation.options.words.size() < 2) {
    if (open.size() == 1) return open[0];
    if (open.empty()) return fail(ErrorCode::refused, "no gate of run " + opened.id() + " waits for a decision", "`muster show " + opened.id() + "` tells where it stands");
    std::string names;
    for (const OpRecord* op : open) names += (names.empty() ? "`" : ", `") + op->op.path + "`";
    return fail(ErrorCode::invalid, "several gates are open: " + names, "name one");
  }
  const std::string& word = invocation.options.words[1];
  const Node* node = word == "playbook" ? &opened.run.loaded.graph->root() : node_named(*opened.run.loaded.graph, word, true);
  if (!node) return fail(ErrorCode::not_found, "no phase or step of the run is called `" + word + "`", "`muster gates " + opened.id() + "` lists its gates");
  for (const OpRecord* op : open)
    if (op->op == node->op) return op;
  const OpRecord* op = opened.run.history.find(node->op);
  std::string state = op && op->gate.state != GateState::none ? "is " + std::string(name_of(op->gate.state)) : "is not open";
  return fail(ErrorCode::refused, "the gate of `" + node->op.path + "` " + state, "`muster gates " + opened.id() + "` lists what waits");
}

int decide(Invocation& invocation, const char* verdict) {
  Result<Opened> opened = open_named(invocation);
  if (!opened) return complain(opened.error());
  Result<const OpRecord*> gate = gate_named(invocation, *opened);
  if (!gate) return complain(gate.error());
  RealClock clock;
  Timestamp now = std::max(clock.now(), opened->run.history.last_at);
  Vote vote{invocation.person, verdict, invocation.options.last("--reason"), (*gate)->gate.digest, "command", now};
  Result<void> allowed = may_vote((*gate)->gate, vote, now);
  if (!allowed) return complain(allowed.error());
  Event event;
  event.kind = EventKind::vote;
  event.op = (*gate)->op;
  event.attempt = (*gate)->gate.opening;
  event.at = now;
  event.body = encode_value(Map{{"person", vote.person}, {"verdict", vote.verdict}, {"reason", vote.reason}, {"digest", vote.digest}, {"how", vote.how}, {"opening", (*gate)->gate.opening}});
  Result<void> said = opened->journal->say(opened->id(), event);
  if (!said) return complain(said.error());
  if (!invocation.terminal.quiet) tell("gate " + (*gate)->op.path + " of run " + opened->id() + ": " + vote.person + " says " + verdict + "\n");
  if (invocation.options.has("--no-wait")) return exit_code::ok;
  return go_on(invocation, *opened);
}

}  // namespace

int approve_command(Invocation& invocation) { return decide(invocation, "approve"); }
int reject_command(Invocation& invocation) { return decide(invocation, "reject"); }

int gates_command(Invocation& invocation) {
  Result<std::unique_ptr<Journal>> journal = journal_of(invocation, false);
  if (!journal && journal.error().code != ErrorCode::not_found) return complain(journal.error());
  std::vector<std::string> ids;
  if (journal && !invocation.options.words.empty()) {
    Result<std::string> id = run_named(**journal, invocation.options.words[0]);
    if (!id) return complain(id.error());
    ids.push_back(*id);
  } else if (journal) {
    RunQuery query;
    query.only_open = true;
    Result<std::vector<RunRow>> rows = (*journal)->find(query);
    if (!rows) return complain(rows.error());
    for (const RunRow& row : *rows) ids.push_back(row.id);
  }
  List out;
  size_t count = 0;
  for (const std::string& id : ids) {
    Result<RunRecord> record = (*journal)->read(id);
    if (!record) return complain(record.error());
    Result<RunHistory> history = replay(record->events);
    if (!history) return complain(history.error());
    for (const OpRecord* op : open_gates(*history)) {
      ++count;
      if (!invocation.json()) {
        answer(gate_panel(id, *op, invocation.terminal));
        answer("  muster approve " + id + " " + op->op.path + (rules_of(op->gate).require_reason ? " --reason TEXT" : "") + "   or   muster reject " + id + " " + op->op.path + "\n");
        continue;
      }
      Map row = op->gate.shown;
      row["run"] = id;
      row["playbook"] = record->row.playbook;
      row["gate"] = op->op.path;
      row["opened_at"] = op->gate.opened_at;
      row.erase("nonce");
      out.push_back(std::move(row));
    }
  }
  if (invocation.json()) {
    answer(print_json(Value(std::move(out))) + "\n");
  } else if (count == 0) {
    tell("no gate waits for a decision\n");
  }
  return exit_code::ok;
}

int resume_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation);
  if (!opened) return complain(opened.error());
  if (opened->run.history.ended) {
    const Value* code = member(*opened->run.history.ended, "exit_code");
    std::string status = text_of(*opened->run.history.ended, "status"), reason = text_of(*opened->run.history.ended, "reason");
    answer("run " + opened->id() + " has ended: " + status + (reason.empty() ? "" : ": " + escape_for_terminal(reason, false)) + "\n");
    return code && code->is<int64_t>() ? static_cast<int>(code->get<int64_t>()) : exit_code::failed;
  }
  bool detached = was_detached(opened->run.history) || invocation.options.has("--detach");
  return carry_on(invocation, *opened->journal, opened->configuration, std::move(opened->run.loaded), opened->id(), {}, {detached});
}

int resolve_command(Invocation& invocation) {
  std::string choice;
  for (const char* flag : {"--succeeded", "--failed", "--retry", "--skip", "--rollback", "--stop"}) {
    if (!invocation.options.has(flag)) continue;
    if (!choice.empty()) {
      tell("muster: `--" + choice + "` and `" + flag + "` cannot both be true\n");
      return exit_code::usage;
    }
    choice = flag + 2;
  }
  if (choice.empty()) {
    tell("muster: what became of the step?\n  = help: one of --succeeded, --failed, --retry, --skip, --rollback, --stop\n");
    return exit_code::usage;
  }
  std::string reason = invocation.options.last("--reason");
  if (reason.empty()) {
    tell("muster: a doubt is settled with a reason\n  = help: add `--reason TEXT`\n");
    return exit_code::usage;
  }
  Result<Opened> opened = open_named(invocation);
  if (!opened) return complain(opened.error());
  const std::string& word = invocation.options.words[1];
  const OpRecord* found = nullptr;
  const Node* node = node_named(*opened->run.loaded.graph, word, false);
  for (const OpRecord* op : open_doubts(opened->run.history))
    if (op->op.path == word || (node && op->op == node->op)) found = op;
  if (!found) {
    std::string names;
    for (const OpRecord* op : open_doubts(opened->run.history)) names += (names.empty() ? "`" : ", `") + op->op.path + "`";
    return complain(Error{ErrorCode::refused, "step `" + word + "` is not in doubt", names.empty() ? "no step of the run is" : "in doubt: " + names, {}, {}, {}, {}});
  }
  RealClock clock;
  Event event;
  event.kind = EventKind::resolved;
  event.op = found->op;
  event.attempt = found->attempt;
  event.at = std::max(clock.now(), opened->run.history.last_at);
  event.body = encode_value(Map{{"choice", choice}, {"person", invocation.person}, {"reason", reason}});
  Result<void> said = opened->journal->say(opened->id(), event);
  if (!said) return complain(said.error());
  answer("step " + found->op.path + " of run " + opened->id() + " settled: " + choice + "; `muster resume " + opened->id() + "` goes on\n");
  return exit_code::ok;
}

int cancel_command(Invocation& invocation) {
  std::string reason = invocation.options.last("--reason");
  if (reason.empty()) {
    tell("muster: a run is cancelled with a reason\n  = help: add `--reason TEXT`\n");
    return exit_code::usage;
  }
  Result<Opened> opened = open_named(invocation);
  if (!opened) return complain(opened.error());
  RealClock clock;
  Event event;
  event.kind = EventKind::cancel_asked;
  event.op = opened->run.loaded.graph->root().op;
  event.at = std::max(clock.now(), opened->run.history.last_at);
  event.body = encode_value(Map{{"person", invocation.person}, {"reason", reason}, {"rollback", invocation.options.has("--rollback")}, {"now", invocation.options.has("--now")}});
  Result<void> said = opened->journal->say(opened->id(), event);
  if (!said) return complain(said.error());
  if (invocation.options.has("--no-wait")) return exit_code::ok;
  return go_on(invocation, *opened);
}

}  // namespace muster
