// `muster docs PLAYBOOK|FOLDER`
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/scenarios.h"
#include "interpreter/cli/session.h"
#include "interpreter/page/family.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view playbook_ending = ".muster.yaml";
constexpr const char* about_file = "about.md";

Result<void> write_page(const std::string& path, const std::string& text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  for (size_t at = 0; file && at < text.size();) {
    const ssize_t wrote = ::write(file.get(), text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(errno));
    at += static_cast<size_t>(wrote);
  }
  if (!file) return fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(errno));
  return {};
}

// The page, as text or as JSON, to where it is wanted.
int give(const Invocation& invocation, const Value& value, const std::string& markdown) {
  const std::string file = invocation.options.last("--out");
  if (file.empty()) {
    if (invocation.json()) {
      answer_object(invocation, value);
    } else {
      answer(markdown);
    }
    return exit_code::ok;
  }
  Result<void> written = write_page(file, markdown);
  if (!written) return complain(written.error());
  if (invocation.json()) answer_object(invocation, value);
  return exit_code::ok;
}

// What a scenario says of itself; nothing where it cannot be read, and that was drawn.
std::optional<WrittenScenario> written_scenario(const Invocation& invocation, const std::string& path) {
  SourceFiles files;
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) {
    tell("muster: " + bytes.error() + "\n");
    return std::nullopt;
  }
  files.add({path, std::move(*bytes), {}});
  Diagnostics problems;
  std::optional<WrittenScenario> written = read_written_scenario(files, 0, problems);
  if (!problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
  if (has_errors(problems)) return std::nullopt;
  return written;
}

// Each scenario beneath the folder, beside the playbook of the folder that it rehearses. False: one cannot be read.
bool add_scenarios(const Invocation& invocation, const fs::path& folder, Family& family) {
  bool all = true;
  Result<std::vector<std::string>> paths = scenarios_named(folder.string());
  if (!paths) return true;  // there is none
  for (const std::string& path : *paths) {
    std::optional<WrittenScenario> written = written_scenario(invocation, path);
    if (!written) all = false;
    if (!written || !written->playbook) continue;
    const std::string file = (fs::path(path).parent_path() / written->playbook->text)
                                 .lexically_normal()
                                 .lexically_relative(folder.lexically_normal())
                                 .string();
    auto member = std::find_if(family.members.begin(), family.members.end(),
                               [&](const FamilyMember& one) { return one.file == file; });
    if (member == family.members.end()) continue;
    const bool says = written->expect && written->expect->status;
    member->scenarios.push_back(
        {written->scenario ? written->scenario->text : fs::path(path).filename().string(),
         fs::path(path).lexically_normal().lexically_relative(folder.lexically_normal()).string(),
         says ? written->expect->status->text : ""});
  }
  return all;
}

int docs_of_folder(Invocation& invocation, const std::string& word) {
  fs::path folder = fs::path(word + "/").lexically_normal().parent_path();
  if (folder.empty()) folder = ".";
  Family family;
  std::error_code code;
  const fs::path whole = fs::weakly_canonical(folder, code);
  family.name = (code ? folder : whole).filename().string();
  std::vector<std::string> files;
  for (fs::directory_iterator at(folder, code), end; !code && at != end; at.increment(code)) {
    std::string name = at->path().filename().string();
    if (name.size() > playbook_ending.size() && name.ends_with(playbook_ending)) files.push_back(std::move(name));
  }
  if (code) return complain(fail(ErrorCode::invalid, word + ": " + code.message()));
  if (files.empty())
    return complain(fail(ErrorCode::invalid, "there is no *" + std::string(playbook_ending) + " in `" + word + "`"));
  std::sort(files.begin(), files.end());
  bool all = true;
  for (const std::string& file : files) {
    Result<Loaded> loaded = load_playbook(invocation, (folder / file).string());
    if (!loaded) return complain(loaded.error());
    all = all && loaded->graph;
    if (loaded->graph) family.members.push_back({file, make_page(*loaded->graph, *loaded->extended.actions), {}});
  }
  all = add_scenarios(invocation, folder, family) && all;
  if (!all) return exit_code::invalid;
  if (fs::exists(folder / about_file, code)) {
    tl::expected<std::string, std::string> about = read_source((folder / about_file).string());
    if (!about) return complain(fail(ErrorCode::invalid, about.error()));
    family.about = std::move(*about);
  }
  return give(invocation, value_of(family), markdown_of(family));
}

}  // namespace

int docs_command(Invocation& invocation) {
  const std::string& word = invocation.options.words[0];
  std::error_code code;
  if (fs::is_directory(word, code)) return docs_of_folder(invocation, word);
  Result<Loaded> loaded = load_playbook(invocation, word);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  const Page page = make_page(*loaded->graph, *loaded->extended.actions);
  return give(invocation, value_of(page), page.markdown);
}

}  // namespace muster
