// `muster runs`
#include "interpreter/cli/session.h"
#include "interpreter/report/wording.h"

namespace muster {

int runs_command(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  bool no_store = !session && session.error().code == ErrorCode::not_found;
  if (!session && !no_store) return complain(session.error());
  std::vector<RunRow> rows;
  if (session) {
    RunQuery query;
    query.only_open = invocation.options.has("--open");
    Result<std::vector<RunRow>> found = session->journal->find(query);
    if (!found) return complain(found.error());
    rows = std::move(*found);
  }
  if (invocation.json()) {
    List out;
    for (const RunRow& row : rows)
      out.push_back(Map{{"id", row.id},
                        {"playbook", row.playbook},
                        {"version", row.version.empty() ? Value() : Value(row.version)},
                        {"state", std::string(name_of(row.state))},
                        {"started_by", row.starter},
                        {"created_at", row.created_at},
                        {"owner", row.owner.empty() ? Value() : Value(row.owner)},
                        {"parent", row.parent.empty() ? Value() : Value(row.parent)},
                        {"due_at", row.due_at ? Value(*row.due_at) : Value()}});
    answer_rows(invocation, out);
    return exit_code::ok;
  }
  if (rows.empty() && !invocation.terminal.quiet)
    tell(invocation.options.has("--open") ? "no run is open\n" : "no run is recorded\n");
  std::string out;
  for (const RunRow& row : rows) {
    std::string state(name_of(row.state));
    state.resize(12, ' ');
    out += row.id + "  " + second_of(row.created_at) + "  " + state + safe_line(row.playbook) +
           (row.version.empty() ? "" : " " + safe_line(row.version)) + "  by " + safe_line(row.starter) + "\n";
  }
  answer(out);
  return exit_code::ok;
}

}  // namespace muster
