// `muster audit [RUN]` and `muster audit [RUN] --verify`
#include "interpreter/base/json.h"
#include "interpreter/cli/session.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

int verify(Invocation& invocation, Journal& journal, const std::string& run) {
  Result<VerifyReport> report = journal.verify(run);
  if (!report) return complain(report.error());
  bool holds = report->findings.empty();
  if (invocation.json()) {
    List findings;
    for (const VerifyFinding& finding : report->findings)
      findings.push_back(Map{{"run", finding.run.empty() ? Value() : Value(finding.run)},
                             {"seq", finding.seq},
                             {"message", finding.message}});
    answer_object(invocation, Map{{"holds", holds},
                                  {"runs", report->runs},
                                  {"events", report->events},
                                  {"ledger_entries", report->ledger_entries},
                                  {"findings", std::move(findings)}});
  } else if (holds) {
    answer("every link holds: " + std::to_string(report->runs) + (report->runs == 1 ? " run, " : " runs, ") +
           std::to_string(report->events) + (report->events == 1 ? " event, " : " events, ") +
           std::to_string(report->ledger_entries) + " signed ledger entries\n");
  } else {
    for (const VerifyFinding& finding : report->findings)
      answer((finding.run.empty() ? "ledger" : "run " + finding.run) + ": " + safe_line(finding.message) + "\n");
  }
  return holds ? exit_code::ok : exit_code::failed;
}

std::string line_of(const Invocation& invocation, const std::string& run, const Event& event) {
  if (invocation.json()) {
    Result<Value> body = event.body.empty() ? Result<Value>(Value()) : decode_value(event.body);
    return print_json(Map{{"run", run},
                          {"seq", event.seq},
                          {"kind", event.kind_text},
                          {"op", event.op.path},
                          {"attempt", event.attempt},
                          {"at", event.at},
                          {"body", body ? *body : Value()},
                          {"hash", event.hash}});
  }
  return run + " " + std::to_string(event.seq) + " " + to_text(event.at) + " " + safe_line(event.kind_text) +
         (event.op.path.empty() ? "" : " " + safe_line(event.op.path)) + " " + event.hash.substr(0, 16);
}

// A run at a time: a store of any size in little memory.
int list(Invocation& invocation, Journal& journal, const std::string& run) {
  RunQuery query;
  query.id_prefix = run;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return complain(rows.error());
  bool array = invocation.json() && !invocation.lines(), first = true;
  if (array) answer("[");
  for (const RunRow& row : *rows) {
    if (!run.empty() && row.id != run) continue;
    Result<RunRecord> record = journal.read(row.id);
    if (!record) return complain(record.error());
    std::string out;
    for (const Event& event : record->events) {
      out += (array && !first ? ",\n" : "") + line_of(invocation, row.id, event) + (array ? "" : "\n");
      first = false;
    }
    answer(out);
  }
  if (array) answer("]\n");
  return exit_code::ok;
}

}  // namespace

int audit_command(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  if (!session) return complain(session.error());
  std::string run;
  if (!invocation.options.words.empty()) {
    Result<std::string> named = run_named(*session->journal, invocation.options.words[0]);
    if (!named) return complain(named.error());
    run = *named;
  }
  return invocation.options.has("--verify") ? verify(invocation, *session->journal, run)
                                            : list(invocation, *session->journal, run);
}

}  // namespace muster
