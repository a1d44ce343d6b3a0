// `muster gates [RUN]`
#include "interpreter/cli/gate_panel.h"
#include "interpreter/cli/manual_panel.h"
#include "interpreter/cli/session.h"
#include "interpreter/engine/engine.h"
#include "interpreter/report/report.h"

namespace muster {
namespace {

Result<std::vector<std::string>> runs_to_look_at(Invocation& invocation, Journal& journal) {
  std::vector<std::string> ids;
  if (!invocation.options.words.empty()) {
    Result<std::string> id = run_named(journal, invocation.options.words[0]);
    if (!id) return pass(id.error());
    ids.push_back(*id);
    return ids;
  }
  RunQuery query;
  query.only_open = query.or_in_review = true;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return pass(rows.error());
  for (const RunRow& row : *rows) ids.push_back(row.id);
  return ids;
}

}  // namespace

int gates_command(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  bool no_store = !session && session.error().code == ErrorCode::not_found && invocation.options.words.empty();
  if (!session && !no_store) return complain(session.error());
  List rows;
  if (session) {
    Journal& journal = *session->journal;
    Result<std::vector<std::string>> ids = runs_to_look_at(invocation, journal);
    if (!ids) return complain(ids.error());
    for (const std::string& id : *ids) {
      Result<RunRecord> record = journal.read(id);
      Result<RunHistory> history = record ? replay(record->events) : pass(record.error());
      if (!history) return complain(history.error());
      std::vector<const OpRecord*> gates = open_gates(*history);
      if (const OpRecord* review = open_review(*history)) gates.push_back(review);
      for (const OpRecord* op : gates) {
        Map row = to_value(timeline_gate(*op));
        row["kind"] = op->op.path == review_op ? "review" : "gate";
        if (op->op.path == review_op) row["gate"] = "review";
        row["run"] = id;
        row["playbook"] = record->row.playbook;
        rows.push_back(std::move(row));
        if (!invocation.json())
          answer(gate_panel(id, *op, {invocation.terminal.answers, invocation.terminal.tty}) +
                 gate_commands(muster_as_called(invocation), id, *op) + "\n");
      }
      for (const OpRecord* op : open_manuals(*history)) {
        Map row = manual_row(*op);
        row["run"] = id;
        row["playbook"] = record->row.playbook;
        rows.push_back(std::move(row));
        if (!invocation.json())
          answer(manual_panel(id, *op, {invocation.terminal.answers, invocation.terminal.tty}) + "  " +
                 complete_command_line(muster_as_called(invocation), id, *op) + "\n\n");
      }
    }
  }
  if (invocation.json()) {
    answer_rows(invocation, rows);
  } else if (rows.empty() && !invocation.terminal.quiet) {
    tell("nothing waits for a person\n");
  }
  return exit_code::ok;
}

}  // namespace muster
