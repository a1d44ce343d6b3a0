// `muster gates [RUN]`
#include <algorithm>

#include "interpreter/cli/gate_panel.h"
#include "interpreter/cli/manual_panel.h"
#include "interpreter/cli/session.h"
#include "interpreter/engine/engine.h"
#include "interpreter/report/report.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

// Beyond so many a line each: nobody reads more panels, and no run is read for a line.
constexpr size_t panels_at_most = 20;

Result<std::vector<WaitingRow>> rows_to_show(Invocation& invocation, Journal& journal) {
  std::string only;
  if (!invocation.options.words.empty()) {
    Result<std::string> id = run_named(journal, invocation.options.words[0]);
    if (!id) return pass(id.error());
    only = *id;
  }
  Result<std::vector<WaitingRow>> rows = journal.waiting();
  if (rows && !only.empty()) std::erase_if(*rows, [&](const WaitingRow& row) { return row.run != only; });
  return rows;
}

std::string padded(std::string text, size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string what_stands_behind(const WaitingRow& row) {
  if (!row.is_gate) return "a person does it";
  std::string out = std::to_string(row.steps) + (row.steps == 1 ? " step" : " steps");
  return row.destructive > 0 ? out + ", " + std::to_string(row.destructive) + " destructive" : out;
}

std::string lines_of(const std::vector<WaitingRow>& rows) {
  std::string out;
  for (const WaitingRow& row : rows) {
    out += row.run + "  " + safe_line(row.playbook) + "  " +
           padded(row.op.path == review_op ? "review" : safe_line(row.op.path), 16) + "  since " +
           second_of(row.since) + (row.expires_at ? "  until " + second_of(*row.expires_at) : "") + "  " +
           (row.who.empty() ? "anybody" : safe_line(row.who)) + "  " + what_stands_behind(row) +
           (row.title.empty() ? "" : ": " + safe_line(row.title)) + "\n";
  }
  return out;
}

// One gate or manual step with all that it shows, from its opening on: what came before in its run is not read.
// Nothing: it was decided meanwhile.
Result<std::optional<Map>> show_one(Invocation& invocation, Journal& journal, const WaitingRow& row) {
  Result<RunRecord> record = journal.read(row.run, row.seq - 1);
  if (!record && record.error().code == ErrorCode::not_found) return std::optional<Map>();
  Result<RunHistory> history = record ? replay(record->events) : pass(record.error());
  if (!history) return pass(history.error());
  const OpRecord* op = history->find(row.op);
  const bool is_open =
      op && (row.is_gate ? op->gate.state == GateState::open : op->asked && op->state == StepState::waiting);
  if (!is_open) return std::optional<Map>();
  const std::string us = muster_as_called(invocation);
  const PanelStyle style{invocation.terminal.answers, invocation.terminal.tty};
  Map shown;
  if (row.is_gate) {
    const bool is_review = row.op.path == review_op;
    shown = to_value(timeline_gate(*op));
    shown["kind"] = is_review ? "review" : "gate";
    if (is_review) shown["gate"] = "review";
    if (!invocation.json()) answer(gate_panel(row.run, *op, style) + gate_commands(us, row.run, *op) + "\n");
  } else {
    shown = manual_row(*op);
    if (!invocation.json())
      answer(manual_panel(row.run, *op, style) + "  " + complete_command_line(us, row.run, *op) + "\n\n");
  }
  shown["run"] = row.run;
  shown["playbook"] = row.playbook;
  return std::optional<Map>(std::move(shown));
}

}  // namespace

int gates_command(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  bool no_store = !session && session.error().code == ErrorCode::not_found && invocation.options.words.empty();
  if (!session && !no_store) return complain(session.error());
  Result<std::vector<WaitingRow>> waiting =
      session ? rows_to_show(invocation, *session->journal) : std::vector<WaitingRow>();
  if (!waiting) return complain(waiting.error());
  const bool in_lines = !invocation.json() && waiting->size() > panels_at_most;
  if (in_lines) {
    answer(lines_of(*waiting));
    if (!invocation.terminal.quiet)
      tell(std::to_string(waiting->size()) + " wait for a person; `" + muster_as_called(invocation) +
           " gates RUN` shows what would be done\n");
    return exit_code::ok;
  }
  List rows;
  for (const WaitingRow& row : *waiting) {
    Result<std::optional<Map>> shown = show_one(invocation, *session->journal, row);
    if (!shown) return complain(shown.error());
    if (*shown) rows.push_back(std::move(**shown));
  }
  if (invocation.json()) {
    answer_rows(invocation, rows);
  } else if (rows.empty() && !invocation.terminal.quiet) {
    tell("nothing waits for a person\n");
  }
  return exit_code::ok;
}

}  // namespace muster
