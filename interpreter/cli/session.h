// What commands share: the configuration, the store, runs and their parts by the names that people type.
//
// Errors: `invalid` for what was typed (exit code 2), `not_found` and `refused` for what is not so (1), `busy` (7).
//         Diagnostics of files are drawn on stderr here; the error that comes back then only says which file.
// Source: docs/cli.md, "Names"; docs/configuration.md.
#pragma once

#include <memory>
#include <string>

#include "interpreter/base/source_file.h"
#include "interpreter/cli/command.h"
#include "interpreter/cli/loading.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"

namespace muster {

// `$XDG_STATE_HOME/muster`.
[[nodiscard]] std::string state_folder(const Invocation& invocation);
// With `--adopt` a copy of a store gets a key of its own; before it is opened to write.
[[nodiscard]] Result<void> adopt_where_asked(const Invocation& invocation, const Configuration& configuration);
[[nodiscard]] std::string store_of(const Invocation& invocation, const Configuration& configuration);
[[nodiscard]] Result<Configuration> configuration_of(const Invocation& invocation);

struct Session {
  Configuration configuration;
  std::unique_ptr<Journal> journal;
};
// The store as it is; `not_found` where none is.
[[nodiscard]] Result<Session> open_session(const Invocation& invocation);

// The run that a word names: an id, a unique prefix, `last`.
[[nodiscard]] Result<std::string> run_named(Journal& journal, const std::string& word);

// A playbook as it was read, and the graph made of it; empty: problems were drawn.
struct Loaded {
  SourceFiles files;
  std::shared_ptr<const StepGraph> graph;
  std::vector<std::string> changed_by = {};  // the owners of the files: who changed them last, as far as a disk knows
  Extended extended;                         // the actions that it may use, its own among them
};
// Reads a playbook from disk and draws its problems on stderr. An error: the file cannot be read.
[[nodiscard]] Result<Loaded> load_playbook(const Invocation& invocation, const std::string& path);

// The built-in actions, and those of the Lua file that `--with` names. Nothing: its problems were drawn.
[[nodiscard]] Result<std::optional<std::vector<Action>>> actions_with(const Invocation& invocation);

// A run with everything that was recorded of it, and its playbook from its own frozen files.
struct OpenRun {
  RunRecord record;
  RunHistory history;
  Loaded loaded;  // no graph: this version cannot read its playbook
  [[nodiscard]] const std::string& id() const { return record.row.id; }
};
[[nodiscard]] Result<OpenRun> open_run(Journal& journal, const std::string& id);
// The run that the command's first word names; `refused` where it must have a graph and has none.
struct Opened {
  Session session;
  OpenRun run;
};
[[nodiscard]] Result<Opened> open_named(const Invocation& invocation, bool needs_graph);

// The node of a path, `replace/restored`, or of an id: a bare name that fits both is a phase for gates, else a step.
[[nodiscard]] std::optional<OpId> op_named(const StepGraph& graph, const RunHistory& history, const std::string& word,
                                           bool gate);
// The open gate that the word names; without one, the only gate that is open.
[[nodiscard]] Result<const OpRecord*> gate_named(const OpenRun& run, const std::string& word);

}  // namespace muster
