// `muster run PLAYBOOK`
#include "interpreter/base/digest.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/command.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

std::optional<Map> given_inputs(const Invocation& invocation) {
  Map given;
  if (std::string path = invocation.options.last("--inputs"); !path.empty()) {
    tl::expected<std::string, std::string> bytes = read_source(path);
    if (!bytes) {
      tell("muster: " + bytes.error() + "\n");
      return std::nullopt;
    }
    SourceFiles files;
    std::string digest = sha256_hex(*bytes);
    uint32_t file = files.add({path, std::move(*bytes), digest});
    Diagnostics problems;
    std::optional<Map> values = read_values(files, file, problems);
    if (!problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
    if (!values || has_errors(problems)) return std::nullopt;
    given = std::move(*values);
  }
  for (const std::string& word : invocation.options.all("--input")) {
    size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      tell("muster: `-i " + word + "` is not NAME=VALUE\n");
      return std::nullopt;
    }
    given[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return given;
}

}  // namespace

int run_command(Invocation& invocation) {
  const std::string& path = invocation.options.words[0];
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) {
    tell("muster: " + bytes.error() + "\n");
    return exit_code::usage;
  }
  std::optional<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return exit_code::usage;
  Loaded loaded;
  std::string digest = sha256_hex(*bytes);
  loaded.files.add({path, std::move(*bytes), digest});
  bool warnings = false;
  loaded.graph = load_graph(loaded.files, &invocation, false, warnings);
  if (!loaded.graph) return exit_code::invalid;
  std::optional<Map> given = given_inputs(invocation);
  if (!given) return exit_code::usage;
  Diagnostics problems;
  std::optional<Map> inputs = bind_inputs(loaded.graph->playbook(), *given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded.files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  Result<std::unique_ptr<Journal>> journal = open_journal(store_of(invocation, *configuration), true);
  if (!journal) return complain(journal.error());
  return carry_on(invocation, **journal, *configuration, std::move(loaded), "", *inputs, {invocation.options.has("--detach")});
}

}  // namespace muster
