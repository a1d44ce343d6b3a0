// What every command is handed, and the table of them.
//
// A command prints its own answer and returns its exit code.
// Errors: exit codes are those of docs/language.md, "How a run ends".
// Source: docs/cli.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/cli/options.h"
#include "interpreter/cli/terminal.h"

namespace muster {

inline constexpr const char* muster_version = "0.1.0";

namespace exit_code {
inline constexpr int ok = 0, failed = 1, usage = 2, invalid = 3, rejected = 4, rolled_back = 5, in_doubt = 6, busy = 7,
                     waiting = 75, cancelled = 130;
}

struct Invocation {
  Options options;
  std::map<std::string, std::string> environment;
  std::string person;  // OS user
  std::string host;
  std::string program;  // path of this executable
  Terminal terminal;
  int signal_fd = -1;  // INT, TERM and HUP, for commands that carry a run on
  [[nodiscard]] bool json() const { return options.last("--output") == "json" || lines(); }
  [[nodiscard]] bool lines() const { return options.last("--output") == "jsonl"; }
};

struct CommandRow {
  CommandForm form;
  int (*run)(Invocation&);
  bool carries_runs = false;  // an interrupt is its to answer
};
[[nodiscard]] const std::vector<CommandRow>& commands();

// One line on stderr with what to do next; gives the exit code that fits the error.
int complain(const Error& error);
inline int complain(const tl::unexpected<Error>& error) { return complain(error.value()); }
// A list on stdout: one JSON array, or a line for each with `--output jsonl`.
void answer_rows(const Invocation& invocation, const List& rows);
// One object on stdout: indented, or in one line with `--output jsonl`.
void answer_object(const Invocation& invocation, const Value& object);

// --- one function per command, each in its file
int run_command(Invocation&);
int check_command(Invocation&);
int plan_command(Invocation&);
int graph_command(Invocation&);
int docs_command(Invocation&);
int diff_command(Invocation&);
int history_command(Invocation&);
int schema_command(Invocation&);
int gates_command(Invocation&);
int approve_command(Invocation&);
int reject_command(Invocation&);
int complete_command(Invocation&);
int resume_command(Invocation&);
int retry_command(Invocation&);
int rollback_command(Invocation&);
int resolve_command(Invocation&);
int cancel_command(Invocation&);
int rehearse_command(Invocation&);
int runs_command(Invocation&);
int show_command(Invocation&);
int logs_command(Invocation&);
int report_command(Invocation&);
int audit_command(Invocation&);
int bundle_command(Invocation&);
int prune_command(Invocation&);
int backup_store_command(Invocation&);
int actions_command(Invocation&);
int new_command(Invocation&);
int locks_command(Invocation&);

}  // namespace muster
