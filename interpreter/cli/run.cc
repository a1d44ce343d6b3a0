// `muster run PLAYBOOK`
#include "interpreter/base/digest.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/carry.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

// What `--inputs` and then each `-i` say; nothing: the problem was told.
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
  Result<Loaded> loaded = load_playbook(invocation, invocation.options.words[0]);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return complain(configuration.error());
  std::optional<Map> given = given_inputs(invocation);
  if (!given) return exit_code::usage;
  Diagnostics problems;
  std::optional<Map> inputs = bind_inputs(loaded->graph->playbook(), *given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded->files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  Result<void> adopted = adopt_where_asked(invocation, *configuration);
  if (!adopted) return complain(adopted.error());
  Result<std::unique_ptr<Journal>> journal = open_journal(store_of(invocation, *configuration), true);
  if (!journal) return complain(journal.error());
  Session session{std::move(*configuration), std::move(*journal)};
  return carry_on(invocation, session, std::move(*loaded), "", *inputs, {invocation.options.has("--detach"), false});
}

}  // namespace muster
