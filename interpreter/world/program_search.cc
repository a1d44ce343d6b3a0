#include "interpreter/world/program_search.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "interpreter/base/shell_quote.h"

namespace muster {
namespace {

std::vector<std::string> folders_of(const std::string& path) {
  std::vector<std::string> all;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find(':', at), path.size());
    if (path[at] == '/') all.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return all;
}

bool is_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

}  // namespace

std::string absolute_folders_of(const std::string& path) {
  std::string out;
  for (const std::string& folder : folders_of(path)) out += (out.empty() ? "" : ":") + folder;
  return out;
}

Result<std::string> find_program(const std::string& name, const std::string& path, const std::string& directory) {
  auto refuse = [&](const std::string& why, const std::string& hint) -> Result<std::string> {
    return fail(ErrorCode::not_started, "`" + name + "` was not started: " + why, hint);
  };
  auto make_executable = [](const std::string& file) { return "chmod +x " + shell_quote(file); };
  if (name.empty()) return refuse("it has no name", "the first item of `argv` is the program");
  if (!directory.empty() && !is_folder(directory))
    return refuse("its folder `" + directory + "` is not there", "make it first, or change `cwd`");
  if (name.find('/') != std::string::npos) {
    std::string seen = name[0] == '/' || directory.empty() ? name : directory + "/" + name;
    if (is_folder(seen)) return refuse("it is a folder", "");
    if (!is_file(seen)) return refuse("there is no such file", "");
    if (::access(seen.c_str(), X_OK) != 0) return refuse("it may not be executed", make_executable(seen));
    return name;  // the child is in its folder when it looks
  }
  std::string found;
  for (const std::string& folder : folders_of(path)) {
    std::string candidate = folder + "/" + name;
    // access() first: it is all that a program that is there needs beside the stat.
    if (::access(candidate.c_str(), X_OK) == 0 && is_file(candidate)) return candidate;
    if (found.empty() && is_file(candidate)) found = candidate;
  }
  if (!found.empty()) return refuse("`" + found + "` may not be executed", make_executable(found));
  return refuse("no such program is in PATH", "install it, or write its whole path");
}

}  // namespace muster
