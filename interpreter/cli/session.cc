#include "interpreter/cli/session.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/accounts.h"
#include "interpreter/engine/engine.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::string variable(const Invocation& invocation, const char* name) {
  auto it = invocation.environment.find(name);
  return it == invocation.environment.end() ? std::string() : it->second;
}

// A folder of the XDG rules: relative values of the variable count as not set.
std::string home(const Invocation& invocation, const char* xdg, const char* fallback) {
  std::string folder = variable(invocation, xdg);
  if (!folder.empty() && folder[0] == '/') return folder;
  std::string home_folder = variable(invocation, "HOME");
  return (home_folder.empty() ? "." : home_folder) + "/" + fallback;
}

// From file 0, and what it names.
Loaded loaded_from(SourceFiles files, const OpenSource& open, Diagnostics& problems) {
  Loaded loaded;
  loaded.files = std::move(files);
  std::optional<CheckedPlaybook> checked =
      read_and_check(loaded.files, open, builtin_actions(), loaded.extended, problems);
  if (checked && !has_errors(problems))
    loaded.graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(std::move(*checked).playbook()));
  return loaded;
}

std::vector<std::string> owners_of(const SourceFiles& files) {
  std::vector<std::string> owners;
  for (const SourceFile& file : files.all()) {
    struct stat status {};
    if (::stat(file.path.c_str(), &status) != 0) continue;
    std::string owner = account_name(status.st_uid);
    if (!owner.empty() && std::find(owners.begin(), owners.end(), owner) == owners.end())
      owners.push_back(std::move(owner));
  }
  return owners;
}

}  // namespace

int complain(const Error& error) {
  tell("muster: " + error.message + "\n");
  if (!error.hint.empty()) tell("  = help: " + error.hint + "\n");
  switch (error.code) {
    case ErrorCode::busy:
      return exit_code::busy;
    case ErrorCode::invalid:
      return exit_code::usage;
    default:
      return exit_code::failed;
  }
}

void answer_rows(const Invocation& invocation, const List& rows) {
  if (!invocation.lines()) return answer(print_json(Value(rows)) + "\n");
  for (const Value& row : rows) answer(print_json(row) + "\n");
}

void answer_object(const Invocation& invocation, const Value& object) {
  answer((invocation.lines() ? print_json(object) : print_json_pretty(object)) + "\n");
}

std::string state_folder(const Invocation& invocation) {
  return home(invocation, "XDG_STATE_HOME", ".local/state") + "/muster";
}

std::string store_of(const Invocation& invocation, const Configuration& configuration) {
  std::string named = invocation.options.last("--store");
  if (named.empty()) named = variable(invocation, "MUSTER_STORE");
  if (named.empty()) named = configuration.store.value_or("");
  if (named.empty()) named = state_folder(invocation) + "/muster.db";
  return named;
}

Result<Configuration> configuration_of(const Invocation& invocation) {
  std::string named = invocation.options.last("--config");
  std::string path = named.empty() ? home(invocation, "XDG_CONFIG_HOME", ".config") + "/muster/config.yaml" : named;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (named.empty()) return Configuration();
    return fail(ErrorCode::invalid, "the configuration `" + path + "` is not there");
  }
  // Whoever can write it decides who may approve.
  if ((status.st_mode & 022) != 0)
    return fail(ErrorCode::invalid, "the configuration `" + path + "` may be changed by others", "chmod go-w " + path);
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return fail(ErrorCode::invalid, "the configuration `" + path + "` belongs to somebody else",
                "it must be yours, or root's");
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) return fail(ErrorCode::invalid, bytes.error());
  SourceFiles files;
  std::string digest = sha256_hex(*bytes);
  uint32_t file = files.add({path, std::move(*bytes), digest});
  Diagnostics problems;
  std::optional<Configuration> configuration = read_configuration(files, file, problems);
  if (!problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
  if (has_errors(problems) || !configuration)
    return fail(ErrorCode::invalid, "the configuration `" + path + "` cannot be used");
  if (const std::optional<Anchors>& anchors = configuration->anchors)
    if (!anchors->command.empty() && anchors->command[0].rfind('/', 0) != 0)
      return fail(ErrorCode::invalid, "`anchors.command` of `" + path + "` must begin with the whole path of a program",
                  "a name alone would be looked for in whatever PATH the caller has");
  return std::move(*configuration);
}

Result<Session> open_session(const Invocation& invocation) {
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return pass(configuration.error());
  Result<std::unique_ptr<Journal>> journal = open_journal(store_of(invocation, *configuration), false);
  if (!journal) return pass(journal.error());
  return Session{std::move(*configuration), std::move(*journal)};
}

Result<std::string> run_named(Journal& journal, const std::string& word) {
  if (word.empty()) return fail(ErrorCode::invalid, "a run is named by its id, the beginning of it, or `last`");
  RunQuery query;
  if (word != "last") query.id_prefix = word;
  query.limit = word == "last" ? 1 : 2;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return pass(rows.error());
  if (rows->empty() && word == "last")
    return fail(ErrorCode::not_found, "no run is recorded yet", "`muster run PLAYBOOK` makes one");
  if (rows->empty()) return fail(ErrorCode::not_found, "no run is called `" + word + "`", "`muster runs` lists them");
  for (const RunRow& row : *rows)
    if (row.id == word) return row.id;
  if (rows->size() > 1)
    return fail(ErrorCode::invalid, "several runs begin with `" + word + "`",
                "write more of its id; `muster runs` lists them");
  return rows->front().id;
}

Result<Loaded> load_playbook(const Invocation& invocation, const std::string& path) {
  Result<SourceFiles> files = first_source(path);
  if (!files) return pass(files.error());
  Diagnostics problems;
  Loaded loaded = loaded_from(std::move(*files), sources_beside(path), problems);
  loaded.changed_by = owners_of(loaded.files);
  if (!problems.empty()) tell(render_all(problems, loaded.files, invocation.terminal.colour));
  return loaded;
}

Result<std::optional<std::vector<Action>>> actions_with(const Invocation& invocation) {
  const std::string path = invocation.options.last("--with");
  if (path.empty()) return std::optional(builtin_actions());
  Result<SourceFiles> files = first_source(path);
  if (!files) return pass(files.error());
  Diagnostics problems;
  std::optional<ScriptSet> set = read_extension(*files, sources_beside(path), builtin_actions(), problems);
  if (!problems.empty()) tell(render_all(problems, *files, invocation.terminal.colour));
  if (!set) return std::optional<std::vector<Action>>();
  return std::optional(all_actions(builtin_actions(), std::move(set->actions)));
}

Result<OpenRun> open_run(Journal& journal, const std::string& id) {
  OpenRun out;
  Result<RunRecord> record = journal.read(id);
  if (!record) return pass(record.error());
  out.record = std::move(*record);
  Result<RunHistory> history = replay(out.record.events);
  if (!history) return pass(history.error());
  out.history = std::move(*history);
  SourceFiles kept;
  const Value* files = member(out.history.created, "files");
  const List* list = files ? files->find<List>() : nullptr;
  if (!list || list->empty()) return fail(ErrorCode::corrupt, "run " + id + " does not say which files it was made of");
  for (const Value& entry : *list) {
    const Map* file = entry.find<Map>();
    if (!file) return fail(ErrorCode::corrupt, "run " + id + " does not say which files it was made of");
    std::string digest = text_of(*file, "digest");
    Result<std::string> bytes = journal.file(digest);
    if (!bytes) return pass(bytes.error());
    kept.add({text_of(*file, "path"), std::move(*bytes), digest});
  }
  Diagnostics problems;
  out.loaded = loaded_from(std::move(kept), no_more_sources(), problems);
  if (const Value* changers = member(out.history.created, "changed_by"); changers && changers->is<List>())
    for (const Value& changer : changers->get<List>()) out.loaded.changed_by.push_back(to_text(changer));
  return out;
}

Result<Opened> open_named(const Invocation& invocation, bool needs_graph) {
  Result<Session> session = open_session(invocation);
  if (!session) return pass(session.error());
  Result<std::string> id = run_named(*session->journal, invocation.options.words[0]);
  if (!id) return pass(id.error());
  Result<OpenRun> run = open_run(*session->journal, *id);
  if (!run) return pass(run.error());
  if (needs_graph && !run->loaded.graph)
    return fail(ErrorCode::refused, "the playbook of run " + *id + " is not valid for this version of muster",
                "use the version that started it");
  return Opened{std::move(*session), std::move(*run)};
}

std::optional<OpId> op_named(const StepGraph& graph, const RunHistory& history, const std::string& word, bool gate) {
  Expansion expansion(graph, history.in_order());
  auto found = [](const Node* node) { return node ? std::optional<OpId>(node->op) : std::nullopt; };
  const size_t bracket = word.find('[');
  const std::string id = word.substr(0, bracket);
  if (id.find('/') != std::string::npos) return found(expansion.find(OpId{word}));
  const Node* phase = graph.find_phase(id);
  const Node* step = graph.find_step(id);
  if (phase && step && bracket == std::string::npos) return found(gate ? phase : step);
  const Node* named = step ? step : phase;
  if (!named) return found(expansion.find(OpId{word}));
  if (bracket == std::string::npos) return found(named);
  return found(expansion.find(OpId{named->op.path + word.substr(bracket)}));
}

Result<const OpRecord*> gate_named(const OpenRun& run, const std::string& word) {
  std::vector<const OpRecord*> open = open_gates(run.history);
  if (word == "review" && !run.loaded.graph->find_phase("review") && !run.loaded.graph->find_step("review")) {
    if (const OpRecord* review = open_review(run.history)) return review;
    return fail(ErrorCode::refused, "no review of run " + run.id() + " is open");
  }
  std::string names;
  for (const OpRecord* op : open) names += (names.empty() ? "`" : ", `") + op->op.path + "`";
  if (word.empty()) {
    if (open.size() == 1) return open[0];
    if (open.empty())
      return fail(ErrorCode::refused, "no gate of run " + run.id() + " waits for a decision",
                  "`muster show " + run.id() + "` tells where it stands");
    return fail(ErrorCode::invalid, "several gates are open: " + names, "name one");
  }
  std::optional<OpId> gate =
      word == "playbook" ? run.loaded.graph->root().op : op_named(*run.loaded.graph, run.history, word, true);
  if (!gate)
    return fail(ErrorCode::not_found, "no phase or step of the run is called `" + word + "`",
                open.empty() ? "no gate is open" : "open: " + names);
  for (const OpRecord* op : open)
    if (op->op == *gate) return op;
  const OpRecord* op = run.history.find(*gate);
  std::string state =
      op && op->gate.state != GateState::none ? "is " + std::string(name_of(op->gate.state)) : "is not open";
  return fail(ErrorCode::refused, "the gate of `" + gate->path + "` " + state,
              open.empty() ? "no gate of the run waits" : "open: " + names);
}

}  // namespace muster
