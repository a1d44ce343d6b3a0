// `runs`, `show`, `logs`, `report`, `audit`: looking at what is recorded. Nothing here changes a run.
#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/cli/command.h"
#include "interpreter/report/report.h"

namespace muster {
namespace {

struct Found {
  std::unique_ptr<Journal> journal;
  std::string id;
};

Result<Found> find_run(Invocation& invocation) {
  Found found;
  Result<std::unique_ptr<Journal>> journal = journal_of(invocation, false);
  if (!journal) return pass(journal.error());
  found.journal = std::move(*journal);
  Result<std::string> id = run_named(*found.journal, invocation.options.words[0]);
  if (!id) return pass(id.error());
  found.id = *id;
  return found;
}

Result<Timeline> timeline_of(Invocation& invocation) {
  Result<Found> found = find_run(invocation);
  if (!found) return pass(found.error());
  Result<OpenRun> run = open_run(*found->journal, found->id);
  if (!run) return pass(run.error());
  return make_timeline(run->record.row, run->history, *run->loaded.graph);
}

}  // namespace

int runs_command(Invocation& invocation) {
  Result<std::unique_ptr<Journal>> journal = journal_of(invocation, false);
  bool none = !journal && journal.error().code == ErrorCode::not_found;
  if (!journal && !none) return complain(journal.error());
  std::vector<RunRow> rows;
  if (!none) {
    RunQuery query;
    query.only_open = invocation.options.has("--open");
    Result<std::vector<RunRow>> found = (*journal)->find(query);
    if (!found) return complain(found.error());
    rows = std::move(*found);
  }
  if (invocation.json()) {
    List out;
    for (const RunRow& row : rows)
      out.push_back(Map{{"id", row.id}, {"playbook", row.playbook}, {"version", row.version}, {"state", std::string(name_of(row.state))},
                        {"started_by", row.starter}, {"created_at", row.created_at}, {"owner", row.owner.empty() ? Value() : Value(row.owner)},
                        {"due_at", row.due_at ? Value(*row.due_at) : Value()}});
    answer(print_json(Value(std::move(out))) + "\n");
    return exit_code::ok;
  }
  if (rows.empty()) tell("no run is recorded" + std::string(invocation.options.has("--open") ? " as open" : "") + "\n");
  for (const RunRow& row : rows) {
    std::string state(name_of(row.state));
    state.resize(12, ' ');
    answer(row.id + "  " + to_text(row.created_at).substr(0, 19) + "Z  " + state + escape_for_terminal(row.playbook, false) +
           (row.version.empty() ? "" : " " + escape_for_terminal(row.version, false)) + "  by " + escape_for_terminal(row.starter, false) + "\n");
  }
  return exit_code::ok;
}

int show_command(Invocation& invocation) {
  Result<Timeline> timeline = timeline_of(invocation);
  if (!timeline) return complain(timeline.error());
  answer(invocation.json() ? render_json(*timeline, invocation.options.last("--output") == "json") : render_text(*timeline));
  return exit_code::ok;
}

int report_command(Invocation& invocation) {
  std::string format = invocation.options.last("--format");
  if (invocation.json()) format = "json";
  if (format.empty()) format = "markdown";
  if (format != "markdown" && format != "text" && format != "json") {
    tell("muster: `--format` is markdown, text or json, and not `" + format + "`\n");
    return exit_code::usage;
  }
  Result<Timeline> timeline = timeline_of(invocation);
  if (!timeline) return complain(timeline.error());
  answer(format == "json" ? render_json(*timeline, true) : format == "text" ? render_text(*timeline) : render_markdown(*timeline));
  return exit_code::ok;
}

int logs_command(Invocation& invocation) {
  Result<Found> found = find_run(invocation);
  if (!found) return complain(found.error());
  Result<std::vector<OutputRecord>> outputs = found->journal->outputs(found->id);
  if (!outputs) return complain(outputs.error());
  std::string only;
  if (invocation.options.words.size() > 1) {
    Result<OpenRun> run = open_run(*found->journal, found->id);
    if (!run) return complain(run.error());
    const Node* node = node_named(*run->loaded.graph, invocation.options.words[1], false);
    if (!node) {
      tell("muster: no step of the run is called `" + invocation.options.words[1] + "`\n  = help: `muster show " + found->id + "` lists them\n");
      return exit_code::failed;
    }
    only = node->op.path;
  }
  List rows;
  for (const OutputRecord& output : *outputs) {
    if (!only.empty() && output.op.path != only && output.op.path.rfind(only + "/", 0) != 0) continue;
    uint64_t left_out = output.bytes - output.head.size() - output.tail.size();
    if (invocation.json()) {
      rows.push_back(Map{{"op", output.op.path}, {"attempt", output.attempt}, {"stream", output.stream}, {"head", output.head}, {"tail", output.tail},
                         {"bytes", static_cast<int64_t>(output.bytes)}, {"sha256", output.sha256}});
      continue;
    }
    if (output.bytes == 0) continue;
    answer("== " + output.op.path + (output.attempt > 1 ? ", attempt " + std::to_string(output.attempt) : "") + ", " + output.stream + "\n");
    std::string text = escape_for_terminal(output.head, true);
    if (left_out > 0) text += "\n[… " + std::to_string(left_out) + " bytes are left out …]\n";
    text += escape_for_terminal(output.tail, true);
    if (!text.empty() && text.back() != '\n') text += "\n";
    answer(text);
  }
  if (invocation.json()) answer(print_json(Value(std::move(rows))) + "\n");
  return exit_code::ok;
}

int audit_command(Invocation& invocation) {
  Result<std::unique_ptr<Journal>> journal = journal_of(invocation, false);
  if (!journal) return complain(journal.error());
  std::string id;
  if (!invocation.options.words.empty()) {
    Result<std::string> named = run_named(**journal, invocation.options.words[0]);
    if (!named) return complain(named.error());
    id = *named;
  }
  if (!invocation.options.has("--verify")) {
    RunQuery query;
    query.id_prefix = id;
    Result<std::vector<RunRow>> rows = (*journal)->find(query);
    if (!rows) return complain(rows.error());
    for (const RunRow& row : *rows) {
      Result<RunRecord> record = (*journal)->read(row.id);
      if (!record) return complain(record.error());
      for (const Event& event : record->events) {
        if (invocation.json()) {
          Result<Value> body = event.body.empty() ? Result<Value>(Value()) : decode_value(event.body);
          answer(print_json(Map{{"run", row.id}, {"seq", event.seq}, {"kind", event.kind_text}, {"op", event.op.path}, {"attempt", event.attempt}, {"at", event.at},
                                {"body", body ? *body : Value()}, {"hash", event.hash}}) + "\n");
        } else {
          answer(row.id + " " + std::to_string(event.seq) + " " + to_text(event.at) + " " + event.kind_text + " " + escape_for_terminal(event.op.path, false) + " " +
                 event.hash.substr(0, 16) + "\n");
        }
      }
    }
    return exit_code::ok;
  }
  Result<VerifyReport> report = (*journal)->verify(id);
  if (!report) return complain(report.error());
  if (invocation.json()) {
    List findings;
    for (const VerifyFinding& finding : report->findings) findings.push_back(Map{{"run", finding.run}, {"seq", finding.seq}, {"message", finding.message}});
    answer(print_json(Map{{"ok", report->findings.empty()}, {"runs", report->runs}, {"events", report->events}, {"ledger_entries", report->ledger_entries}, {"findings", std::move(findings)}}) + "\n");
  } else {
    for (const VerifyFinding& finding : report->findings) answer((finding.run.empty() ? "ledger" : "run " + finding.run) + ": " + finding.message + "\n");
    if (report->findings.empty())
      answer("every link holds: " + std::to_string(report->runs) + (report->runs == 1 ? " run, " : " runs, ") + std::to_string(report->events) + " events, " +
             std::to_string(report->ledger_entries) + " signed ledger entries\n");
  }
  return report->findings.empty() ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
