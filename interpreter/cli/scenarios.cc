#include "interpreter/cli/scenarios.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/cli/loading.h"
#include "interpreter/reader/reader.h"
#include "interpreter/rehearsal/reading.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view scenario_ending = ".scenario.yaml", playbook_ending = ".muster.yaml";

bool ends_with(const std::string& name, std::string_view ending) {
  return name.size() > ending.size() && name.compare(name.size() - ending.size(), ending.size(), ending) == 0;
}

Result<std::vector<std::string>> scenarios_beneath(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code code;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, code), end;
  if (code) return fail(ErrorCode::invalid, folder + ": " + code.message());
  for (; !code && at != end; at.increment(code)) {
    std::error_code ignored;
    if (ends_with(at->path().string(), scenario_ending) && at->is_regular_file(ignored))
      out.push_back(at->path().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

// The playbook that a scenario names; empty where it cannot be told: then it is read for its problems.
std::string playbook_of(const std::string& scenario) {
  tl::expected<std::string, std::string> bytes = read_source(scenario);
  if (!bytes) return {};
  SourceFiles files;
  files.add({scenario, std::move(*bytes), {}});
  Diagnostics problems;
  std::optional<WrittenScenario> written = read_written_scenario(files, 0, problems);
  if (!written || !written->playbook) return {};
  return (fs::path(scenario).parent_path() / written->playbook->text).lexically_normal().string();
}

}  // namespace

Result<std::vector<std::string>> scenarios_named(const std::string& word) {
  std::error_code code;
  if (fs::is_directory(word, code)) {
    Result<std::vector<std::string>> found = scenarios_beneath(word);
    if (found && found->empty())
      return fail(ErrorCode::invalid, "there is no *" + std::string(scenario_ending) + " in `" + word + "`");
    return found;
  }
  if (!ends_with(word, playbook_ending)) return std::vector<std::string>{word};
  if (!fs::is_regular_file(word, code)) return fail(ErrorCode::invalid, word + ": there is no such file");
  fs::path folder = fs::path(word).parent_path();
  Result<std::vector<std::string>> all = scenarios_beneath(folder.empty() ? "." : folder.string());
  if (!all) return all;
  std::erase_if(*all, [&](const std::string& scenario) {
    const std::string playbook = playbook_of(scenario);
    std::error_code ignored;
    return playbook.empty() || !fs::equivalent(playbook, word, ignored);
  });
  if (all->empty())
    return fail(ErrorCode::invalid, "no scenario in the folder of `" + word + "` rehearses it",
                "docs/rehearsal.md tells how to write one");
  return all;
}

std::shared_ptr<const RehearsedPlaybook> ScenarioLoader::playbook_at(const std::string& path) {
  auto it = playbooks_.find(path);
  if (it != playbooks_.end()) return it->second;
  std::shared_ptr<const RehearsedPlaybook> read;
  Result<Loaded> loaded = load_playbook(invocation_, path);
  if (!loaded) {
    tell("muster: " + loaded.error().message + "\n");
  } else if (loaded->graph) {
    auto made = std::make_shared<RehearsedPlaybook>();
    made->files = std::move(loaded->files);
    made->graph = std::move(loaded->graph);
    made->actions = std::move(loaded->extended.actions);
    made->scripts = std::move(loaded->extended.scripts);
    read = std::move(made);
  }
  return playbooks_.emplace(path, std::move(read)).first->second;
}

std::optional<LoadedScenario> ScenarioLoader::load(const std::string& path) {
  LoadedScenario out;
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) {
    tell("muster: " + bytes.error() + "\n");
    return std::nullopt;
  }
  std::string digest = sha256_hex(*bytes);
  out.files.add({path, std::move(*bytes), std::move(digest)});
  Diagnostics problems;
  std::optional<Scenario> scenario = read_scenario(out.files, read_source, problems);
  if (scenario) {
    out.playbook = playbook_at(scenario->playbook);
    if (out.playbook) (void)check_scenario(*scenario, *out.playbook, problems);
  }
  if (!problems.empty()) tell(render_all(problems, out.files, invocation_.terminal.colour));
  if (!scenario || !out.playbook || has_errors(problems)) return std::nullopt;
  out.scenario = std::move(*scenario);
  return out;
}

RehearsalSettings rehearsal_settings(const Invocation& invocation) {
  RehearsalSettings settings;
  settings.version = muster_version;
  auto it = invocation.environment.find("TMPDIR");
  if (it != invocation.environment.end() && !it->second.empty()) {
    settings.scratch = it->second;
  } else if (::access("/dev/shm", W_OK | X_OK) == 0) {
    settings.scratch = "/dev/shm";  // in memory: nothing waits for a disk
  }
  return settings;
}

}  // namespace muster
