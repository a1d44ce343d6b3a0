#include "interpreter/cli/loading.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/expression/expression.h"
#include "interpreter/language/fields.h"
#include "interpreter/language/walk.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

std::string backquoted(const std::string& name) { return "`" + name + "`"; }

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help = {}) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

// `runs` of `lib/runs.lua`; empty where it is no name for expressions.
std::string module_of(std::string_view path) {
  constexpr std::string_view ending = ".lua";
  if (path.size() <= ending.size() || path.substr(path.size() - ending.size()) != ending) return {};
  size_t slash = path.rfind('/');
  std::string_view name = path.substr(slash == std::string_view::npos ? 0 : slash + 1);
  name.remove_suffix(ending.size());
  bool fits = !name.empty() && name[0] >= 'a' && name[0] <= 'z' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  return fits ? std::string(name) : std::string();
}

// What a file of expressions means by itself already.
bool is_taken(std::string_view module) {
  static const std::set<std::string_view> roots = {"inputs", "steps",   "run",  "playbook", "result",
                                                   "error",  "secrets", "item", "index"};
  const std::vector<std::string_view>& helpers = helper_names();
  return roots.contains(module) || std::find(helpers.begin(), helpers.end(), module) != helpers.end();
}

// Opens the Lua files of one playbook; each is read once, and named as a run keeps it: by the names alone, so that the
// kept ones are found again.
class LuaFiles {
 public:
  LuaFiles(SourceFiles& files, const OpenSource& open, Diagnostics& problems)
      : files_(files), open_(open), problems_(problems) {}

  std::vector<ScriptFile> scripts;

  // The extensions of a playbook, and of those that it calls.
  void add_extensions(const Playbook& playbook) {
    if (!seen_.insert(&playbook).second) return;
    for (const Name& name : playbook.extensions) add_extension(name);
    each_step(const_cast<Playbook&>(playbook), [&](Step& step) {  // only looked at
      if (step.call && step.call->called) add_extensions(*step.call->called);
    });
  }

  // What the files require, and what that requires; from the folder of the playbook that is run.
  void follow_requires() {
    for (size_t i = 0; i < scripts.size(); ++i) {
      const uint32_t file = scripts[i].file;
      for (const RequiredModule& wanted : required_modules(files_.at(file).text)) {
        auto known = [&](const ScriptFile& one) { return one.module == wanted.module; };
        if (std::any_of(scripts.begin(), scripts.end(), known)) continue;
        if (!names_a_file(wanted.module)) {
          refuse(problems_, {file, wanted.begin, wanted.end}, "bad-extension",
                 "a required file is named by letters, digits, `_` and `-`, with `.` between folders, and " +
                     backquoted(wanted.module) + " is no such name",
                 "`require \"lib.time\"` reads `lib/time.lua` in the folder of the playbook");
          continue;
        }
        std::string path = wanted.module;
        std::replace(path.begin(), path.end(), '.', '/');
        tl::expected<uint32_t, std::string> opened = open(path + ".lua", 0);
        if (!opened) {
          refuse(problems_, {file, wanted.begin, wanted.end}, "unreadable-file",
                 "the required file cannot be read: " + opened.error(),
                 "`require \"lib.time\"` reads `lib/time.lua` in the folder of the playbook");
          continue;
        }
        scripts.push_back({*opened, wanted.module, false});
      }
    }
  }

 private:
  // One name for one file: `lib.time`.
  static bool names_a_file(std::string_view module) {
    if (module.empty() || module.front() == '.' || module.back() == '.') return false;
    if (module.find("..") != std::string_view::npos) return false;
    return std::all_of(module.begin(), module.end(), [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-' || c == '.';
    });
  }
  void add_extension(const Name& name) {
    std::string module = module_of(name.text);
    if (module.empty()) {
      refuse(
          problems_, name.at, "bad-extension",
          "an extension is a Lua file whose name is made of a-z, 0-9 and `_`, and " + backquoted(name.text) + " is not",
          "as in `runs.lua`");
      return;
    }
    if (is_taken(module)) {
      refuse(problems_, name.at, "bad-extension", backquoted(module) + " means something in expressions already",
             "give the file another name");
      return;
    }
    tl::expected<uint32_t, std::string> opened = open(name.text, name.at.file);
    if (!opened) {
      refuse(problems_, name.at, "unreadable-file", "the extension cannot be read: " + opened.error(),
             "its path is read from the folder of the playbook that names it");
      return;
    }
    for (const ScriptFile& one : scripts) {
      if (one.module != module) continue;
      if (one.file != *opened)
        refuse(problems_, name.at, "bad-extension", "two extensions are called " + backquoted(module),
               "give one of the files another name");
      return;
    }
    scripts.push_back({*opened, std::move(module), true});
  }

  tl::expected<uint32_t, std::string> open(std::string_view path, uint32_t from) {
    if (path.empty() || path.find('\0') != std::string_view::npos || fs::path(path).is_absolute())
      return tl::unexpected(backquoted(std::string(path)) + " is no path from the folder of the file");
    fs::path root = fs::path(files_.at(0).path).parent_path().lexically_normal();
    fs::path shown = (fs::path(files_.at(from).path).parent_path() / path).lexically_normal();
    fs::path below = shown.lexically_relative(root.empty() ? fs::path(".") : root);
    if (below.empty() || *below.begin() == "..")
      return tl::unexpected(backquoted(std::string(path)) + " lies outside of the folder of the playbook that is run");
    const std::vector<SourceFile>& all = files_.all();
    for (uint32_t i = 0; i < all.size(); ++i)
      if (fs::path(all[i].path).lexically_normal() == shown) return i;
    tl::expected<std::string, std::string> bytes = open_(shown.string());
    if (!bytes) return tl::unexpected(bytes.error());
    std::string digest = sha256_hex(*bytes);
    return files_.add({shown.string(), std::move(*bytes), std::move(digest)});
  }

  SourceFiles& files_;
  const OpenSource& open_;
  Diagnostics& problems_;
  std::set<const Playbook*> seen_;
};

}  // namespace

std::vector<std::string> taken_names(const std::vector<Action>& builtin) {
  std::vector<std::string> all;
  for (const Action& action : builtin) all.push_back(action.name);
  for (std::string_view key : keys_of<Step>()) all.emplace_back(key);
  for (std::string_view key : keys_of<Verify>()) all.emplace_back(key);
  for (const char* word : {"manual", "foreach", "as", "watch", "first_success", "max_failures", "progress", "log",
                           "now", "sleep", "stopped", "run", "key", "attempt"})
    all.emplace_back(word);
  return all;
}

// What extensions are read beside.
static KnownNames known_names(const std::vector<Action>& builtin) {
  KnownNames known{taken_names(builtin), {}};
  for (const ConnectionKind& kind : connection_kinds()) known.kinds.emplace_back(kind.name);
  return known;
}

Result<SourceFiles> first_source(const std::string& path) {
  tl::expected<std::string, std::string> bytes = read_source(path);
  if (!bytes) return fail(ErrorCode::invalid, bytes.error());
  SourceFiles files;
  std::string digest = sha256_hex(*bytes);
  files.add({path, std::move(*bytes), std::move(digest)});
  return files;
}

std::vector<Action> all_actions(std::vector<Action> builtin, std::vector<Action> of_extensions) {
  for (Action& action : of_extensions) builtin.push_back(std::move(action));
  std::sort(builtin.begin(), builtin.end(), [](const Action& a, const Action& b) { return a.name < b.name; });
  return builtin;
}

std::optional<CheckedPlaybook> read_and_check(SourceFiles& files, const OpenSource& open,
                                              const std::vector<Action>& builtin, Extended& extended,
                                              Diagnostics& problems) {
  std::optional<Playbook> playbook = read_with_calls(files, 0, open, problems);
  extended.actions = std::make_shared<const std::vector<Action>>(all_actions(builtin, {}));
  if (!playbook) return std::nullopt;
  const size_t before = problems.size();
  LuaFiles lua(files, open, problems);
  lua.add_extensions(*playbook);
  lua.follow_requires();
  // Without its actions everything else would look wrong, too.
  if (problems.size() > before) return std::nullopt;
  if (!lua.scripts.empty()) {
    std::optional<ScriptSet> set = load_scripts(files, lua.scripts, known_names(builtin), problems);
    if (!set) return std::nullopt;
    extended.actions = std::make_shared<const std::vector<Action>>(all_actions(builtin, std::move(set->actions)));
    extended.scripts = std::move(set->scripts);
  }
  return check(std::move(*playbook), *extended.actions, problems, extended.scripts.get());
}

std::optional<ScriptSet> read_extension(SourceFiles& files, const OpenSource& open, const std::vector<Action>& builtin,
                                        Diagnostics& problems) {
  std::string module = module_of(files.at(0).path);
  LuaFiles lua(files, open, problems);
  lua.scripts = {{0, module.empty() ? "extension" : module, true}};
  lua.follow_requires();
  if (has_errors(problems)) return std::nullopt;
  return load_scripts(files, lua.scripts, known_names(builtin), problems);
}

}  // namespace muster
