// `muster check PLAYBOOK|DIR...` and `muster graph PLAYBOOK`
#include <algorithm>
#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/command.h"
#include "interpreter/graph/drawing.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::vector<std::string> playbooks_in(const std::string& path) {
  std::error_code code;
  if (!std::filesystem::is_directory(path, code)) return {path};
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, std::filesystem::directory_options::skip_permission_denied, code)) {
    std::string name = entry.path().string();
    constexpr std::string_view ending = ".muster.yaml";
    if (entry.is_regular_file(code) && name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

int check_command(Invocation& invocation) {
  bool strict = invocation.options.has("--strict");
  size_t checked = 0, invalid = 0;
  List rows;
  for (const std::string& word : invocation.options.words) {
    std::vector<std::string> paths = playbooks_in(word);
    if (paths.empty()) {
      tell("muster: there is no *.muster.yaml in `" + word + "`\n");
      return exit_code::usage;
    }
    for (const std::string& path : paths) {
      tl::expected<std::string, std::string> bytes = read_source(path);
      if (!bytes) {
        tell("muster: " + bytes.error() + "\n");
        return exit_code::usage;
      }
      SourceFiles files;
      std::string digest = sha256_hex(*bytes);
      files.add({path, std::move(*bytes), digest});
      Diagnostics problems;
      std::optional<Playbook> playbook = read_playbook(files, 0, problems);
      if (playbook) (void)check(std::move(*playbook), builtin_actions(), problems).has_value();
      ++checked;
      invalid += has_errors(problems) || (strict && !problems.empty());
      for (const Diagnostic& problem : problems) {
        Position at = files.position(problem.at.file, problem.at.begin);
        rows.push_back(Map{{"file", path}, {"line", at.line}, {"column", at.column}, {"end_column", files.position(problem.at.file, problem.at.end).column},
                           {"severity", problem.severity == Severity::error ? "error" : "warning"}, {"code", problem.code}, {"message", problem.message}, {"help", problem.help}});
      }
      if (!invocation.json() && !problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
    }
  }
  if (invocation.json()) {
    answer(print_json(Value(rows)) + "\n");
  } else if (invalid == 0 && !invocation.terminal.quiet) {
    answer(std::to_string(checked) + (checked == 1 ? " playbook is valid\n" : " playbooks are valid\n"));
  }
  return invalid > 0 ? exit_code::invalid : exit_code::ok;
}

int graph_command(Invocation& invocation) {
  const std::string& path = invocation.options.words[0];
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) {
    tell("muster: " + bytes.error() + "\n");
    return exit_code::usage;
  }
  SourceFiles files;
  std::string digest = sha256_hex(*bytes);
  files.add({path, std::move(*bytes), digest});
  bool warnings = false;
  std::shared_ptr<const StepGraph> graph = load_graph(files, &invocation, false, warnings);
  if (!graph) return exit_code::invalid;
  std::string format = invocation.options.last("--format");
  if (format.empty() || format == "text") {
    answer(draw_text(*graph));
  } else if (format == "dot") {
    answer(draw_dot(*graph));
  } else if (format == "mermaid") {
    answer(draw_mermaid(*graph));
  } else {
    tell("muster: `--format` is text, dot or mermaid, and not `" + format + "`\n");
    return exit_code::usage;
  }
  return exit_code::ok;
}

}  // namespace muster
