// `muster check PLAYBOOK|DIR...`
#include "interpreter/checker/checker.h"

#include <algorithm>
#include <filesystem>

#include "interpreter/cli/command.h"
#include "interpreter/cli/loading.h"
#include "steps/steps.h"

namespace muster {
namespace {

constexpr std::string_view playbook_ending = ".muster.yaml";

// The playbooks beneath a folder, by name; a file is itself.
std::vector<std::string> playbooks_in(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code code;
  if (!fs::is_directory(path, code)) return {path};
  std::vector<std::string> out;
  fs::recursive_directory_iterator at(path, fs::directory_options::skip_permission_denied, code), end;
  for (; !code && at != end; at.increment(code)) {
    std::string name = at->path().string();
    std::error_code ignored;
    if (name.size() > playbook_ending.size() &&
        name.compare(name.size() - playbook_ending.size(), playbook_ending.size(), playbook_ending) == 0 &&
        at->is_regular_file(ignored))
      out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Value row_of(const Diagnostic& problem, const SourceFiles& files) {
  Position begin = files.position(problem.at.file, problem.at.begin),
           end = files.position(problem.at.file, problem.at.end);
  return Map{{"file", files.at(problem.at.file).path},
             {"line", begin.line},
             {"column", begin.column},
             {"end_line", end.line},
             {"end_column", end.column},
             {"severity", problem.severity == Severity::error ? "error" : "warning"},
             {"code", problem.code},
             {"message", problem.message},
             {"help", problem.help.empty() ? Value() : Value(problem.help)}};
}

struct Verdict {
  Diagnostics problems;
  SourceFiles files;
  std::optional<CheckedPlaybook> playbook;
};

Result<Verdict> judge(const std::string& path, const std::vector<Action>& builtin) {
  Result<SourceFiles> files = first_source(path);
  if (!files) return pass(files.error());
  Verdict out;
  out.files = std::move(*files);
  Extended extended;
  out.playbook = read_and_check(out.files, sources_beside(path), builtin, extended, out.problems);
  return out;
}

}  // namespace

int check_command(Invocation& invocation) {
  bool strict = invocation.options.has("--strict");
  const std::vector<Action> builtin = builtin_actions();
  size_t checked = 0, invalid = 0;
  List rows;
  Result<Verdict> verdict;  // of the last one: it goes with the process
  for (const std::string& word : invocation.options.words) {
    std::vector<std::string> paths = playbooks_in(word);
    if (paths.empty())
      return complain(fail(ErrorCode::invalid, "there is no *" + std::string(playbook_ending) + " in `" + word + "`"));
    for (const std::string& path : paths) {
      verdict = judge(path, builtin);
      if (!verdict) return complain(verdict.error());
      ++checked;
      if (has_errors(verdict->problems) || (strict && !verdict->problems.empty())) ++invalid;
      for (const Diagnostic& problem : verdict->problems) rows.push_back(row_of(problem, verdict->files));
      if (!invocation.json() && !verdict->problems.empty())
        tell(render_all(verdict->problems, verdict->files, invocation.terminal.colour));
    }
  }
  if (invocation.json()) {
    answer_rows(invocation, rows);
  } else if (invalid == 0 && !invocation.terminal.quiet) {
    answer(std::to_string(checked) + (checked == 1 ? " playbook is valid\n" : " playbooks are valid\n"));
  }
  leave(invalid > 0 ? exit_code::invalid : exit_code::ok);
}

}  // namespace muster
