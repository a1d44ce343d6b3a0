// What commands share: the store, the configuration, playbooks and runs by their names.
#include <fcntl.h>
#include <sys/stat.h>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/command.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::string variable(const Invocation& invocation, const char* name) {
  auto it = invocation.environment.find(name);
  return it == invocation.environment.end() ? std::string() : it->second;
}

std::string home(const Invocation& invocation, const char* xdg, const char* fallback) {
  std::string folder = variable(invocation, xdg);
  if (!folder.empty()) return folder;
  std::string home_folder = variable(invocation, "HOME");
  return (home_folder.empty() ? "." : home_folder) + "/" + fallback;
}

}  // namespace

int complain(const Error& error) {
  tell("muster: " + error.message + "\n");
  if (!error.hint.empty()) tell("  = help: " + error.hint + "\n");
  switch (error.code) {
    case ErrorCode::busy: return exit_code::busy;
    case ErrorCode::invalid: return exit_code::usage;
    default: return exit_code::failed;
  }
}

std::string store_of(const Invocation& invocation, const Configuration& configuration) {
  std::string named = invocation.options.last("--store");
  if (named.empty()) named = variable(invocation, "MUSTER_STORE");
  if (named.empty()) named = configuration.store.value_or("");
  if (named.empty()) named = home(invocation, "XDG_STATE_HOME", ".local/state") + "/muster/muster.db";
  return named;
}

std::optional<Configuration> configuration_of(const Invocation& invocation) {
  std::string named = invocation.options.last("--config");
  std::string path = named.empty() ? home(invocation, "XDG_CONFIG_HOME", ".config") + "/muster/config.yaml" : named;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (named.empty()) return Configuration();
    tell("muster: the configuration `" + path + "` is not there\n");
    return std::nullopt;
  }
  if ((status.st_mode & 022) != 0) {
    tell("muster: the configuration `" + path + "` may be changed by others\n  = help: chmod go-w " + path + "\n");
    return std::nullopt;
  }
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) {
    tell("muster: " + bytes.error() + "\n");
    return std::nullopt;
  }
  SourceFiles files;
  std::string digest = sha256_hex(*bytes);
  uint32_t file = files.add({path, std::move(*bytes), digest});
  Diagnostics problems;
  std::optional<Configuration> configuration = read_configuration(files, file, problems);
  if (!problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
  if (has_errors(problems)) return std::nullopt;
  return configuration;
}

Result<std::unique_ptr<Journal>> journal_of(const Invocation& invocation, bool create) {
  std::optional<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return fail(ErrorCode::invalid, "the configuration cannot be used");
  return open_journal(store_of(invocation, *configuration), create);
}

Result<std::string> run_named(Journal& journal, const std::string& word) {
  RunQuery query;
  if (word != "last") query.id_prefix = word;
  query.limit = word == "last" ? 1 : 2;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return pass(rows.error());
  if (rows->empty()) {
    if (word == "last") return fail(ErrorCode::not_found, "no run is recorded yet", "`muster run PLAYBOOK` makes one");
    return fail(ErrorCode::not_found, "no run is called `" + word + "`", "`muster runs` lists them");
  }
  if (rows->size() > 1 && rows->front().id != word)
    return fail(ErrorCode::invalid, "several runs begin with `" + word + "`", "write more of its id; `muster runs` lists them");
  return rows->front().id;
}

std::shared_ptr<const StepGraph> load_graph(SourceFiles& files, const Invocation* invocation, bool strict, bool& had_warnings) {
  Diagnostics problems;
  std::optional<Playbook> playbook = read_playbook(files, 0, problems);
  std::optional<CheckedPlaybook> checked;
  if (playbook) checked = check(std::move(*playbook), builtin_actions(), problems);
  if (invocation && !problems.empty()) tell(render_all(problems, files, invocation->terminal.colour));
  had_warnings = !problems.empty();
  if (!checked || has_errors(problems) || (strict && !problems.empty())) return nullptr;
  return std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
}

Result<OpenRun> open_run(Journal& journal, const std::string& id) {
  OpenRun out;
  Result<RunRecord> record = journal.read(id);
  if (!record) return pass(record.error());
  out.record = std::move(*record);
  Result<RunHistory> history = replay(out.record.events);
  if (!history) return pass(history.error());
  out.history = std::move(*history);
  const Value* files = member(out.history.created, "files");
  if (!files || !files->is<List>()) return fail(ErrorCode::corrupt, "run " + id + " does not say which files it was made of");
  for (const Value& entry : files->get<List>()) {
    const Map* map = entry.find<Map>();
    if (!map) return fail(ErrorCode::corrupt, "run " + id + " does not say which files it was made of");
    std::string digest = text_of(*map, "digest");
    Result<std::string> bytes = journal.file(digest);
    if (!bytes) return pass(bytes.error());
    out.loaded.files.add({text_of(*map, "path"), std::move(*bytes), digest});
  }
  bool warnings = false;
  out.loaded.graph = load_graph(out.loaded.files, nullptr, false, warnings);
  if (!out.loaded.graph) return fail(ErrorCode::refused, "the playbook of run " + id + " is not valid for this version of muster", "resume it with the version that started it");
  return out;
}

const Node* node_named(const StepGraph& graph, const std::string& word, bool gate) {
  if (const Node* node = graph.find(OpId{word}); node && word.find('/') != std::string::npos) return node;
  const Node* phase = graph.find_phase(word);
  const Node* step = graph.find_step(word);
  const Node* first = gate ? phase : step;
  if (first) return first;
  if (phase || step) return phase ? phase : step;
  return graph.find(OpId{word});
}

}  // namespace muster
