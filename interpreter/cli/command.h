// What every command is handed, and the table of them.
//
// Exit codes: docs/cli.md. A command prints its own answer and returns its exit code.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/source_file.h"
#include "interpreter/cli/options.h"
#include "interpreter/cli/terminal.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"

namespace muster {

inline constexpr const char* muster_version = "0.1.0";

namespace exit_code {
inline constexpr int ok = 0, failed = 1, usage = 2, invalid = 3, rejected = 4, rolled_back = 5, in_doubt = 6, busy = 7, waiting = 75, cancelled = 130;
}

struct Invocation {
  Options options;
  std::map<std::string, std::string> environment;
  std::string person;   // OS user
  std::string host;
  std::string program;  // path of this executable
  Terminal terminal;
  int signal_fd = -1;
  [[nodiscard]] bool json() const { return options.last("--output") == "json" || options.last("--output") == "jsonl"; }
};

struct CommandRow {
  CommandForm form;
  int (*run)(Invocation&);
};
[[nodiscard]] const std::vector<CommandRow>& commands();

// One line on stderr with what to do next; gives the exit code that fits the error.
int complain(const Error& error);

// --- what commands share (session.cc)

struct Loaded {
  SourceFiles files;
  std::shared_ptr<const StepGraph> graph;  // nothing: problems were drawn
};
[[nodiscard]] std::string store_of(const Invocation& invocation, const Configuration& configuration);
// Reads the configuration, or draws its problems and gives nothing.
[[nodiscard]] std::optional<Configuration> configuration_of(const Invocation& invocation);
[[nodiscard]] Result<std::unique_ptr<Journal>> journal_of(const Invocation& invocation, bool create);
// The run that a word names: an id, a unique prefix, `last`.
[[nodiscard]] Result<std::string> run_named(Journal& journal, const std::string& word);

struct OpenRun {
  RunRecord record;
  RunHistory history;
  Loaded loaded;  // from the run's frozen files
};
[[nodiscard]] Result<OpenRun> open_run(Journal& journal, const std::string& id);
// Parses and checks a playbook whose bytes stand in `files` already; draws problems. The graph is empty when invalid.
[[nodiscard]] std::shared_ptr<const StepGraph> load_graph(SourceFiles& files, const Invocation* invocation, bool strict, bool& had_warnings);
// `replace`, `replace/restored`, `restored`: phases first for gates, steps first otherwise.
[[nodiscard]] const Node* node_named(const StepGraph& graph, const std::string& word, bool gate);

// Carries a run on in this process until it ends or parks: prints progress and the ending.
struct Carry {
  bool detached = false;
};
int carry_on(Invocation& invocation, Journal& journal, const Configuration& configuration, Loaded loaded, const std::string& run, const Map& inputs,
             Carry how);

// --- one function per command
int run_command(Invocation&);
int check_command(Invocation&);
int gates_command(Invocation&);
int approve_command(Invocation&);
int reject_command(Invocation&);
int resume_command(Invocation&);
int resolve_command(Invocation&);
int cancel_command(Invocation&);
int runs_command(Invocation&);
int show_command(Invocation&);
int logs_command(Invocation&);
int report_command(Invocation&);
int audit_command(Invocation&);
int actions_command(Invocation&);
int graph_command(Invocation&);

}  // namespace muster
