#include "interpreter/reader/sources.h"

#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
}

}  // namespace

tl::expected<Sources, std::string> Sources::of(const std::string& playbook) {
  tl::expected<std::string, std::string> bytes = read_source(playbook);
  if (!bytes) return tl::unexpected(bytes.error());
  Sources sources;
  std::string folder = folder_of(playbook);
  std::error_code code;
  sources.root_ = fs::canonical(folder.empty() ? "." : folder, code).string();
  if (code) return tl::unexpected(playbook + ": " + code.message());
  std::string digest = sha256_hex(*bytes);
  sources.by_path_.emplace(playbook, sources.files_.add({playbook, std::move(*bytes), digest}));
  return sources;
}

Sources Sources::kept(SourceFiles files) {
  Sources sources;
  sources.files_ = std::move(files);
  uint32_t index = 0;
  for (const SourceFile& file : sources.files_.all()) sources.by_path_.emplace(file.path, index++);
  return sources;
}

tl::expected<uint32_t, std::string> Sources::open(std::string_view path, uint32_t from) {
  std::string named(path);
  if (named.empty() || named.find('\0') != std::string::npos) return tl::unexpected(std::string("this names no file"));
  if (named[0] == '/')
    return tl::unexpected("`" + named + "` is a whole path: files stand beneath the playbook's folder");
  // As it is shown, and as a run keeps it: by the names alone, so that both find the same.
  std::string shown = (fs::path(folder_of(files_.at(from).path)) / named).lexically_normal().string();
  if (auto known = by_path_.find(shown); known != by_path_.end()) return known->second;
  if (root_.empty()) return tl::unexpected("`" + shown + "` is not among the files that the run has kept");
  std::error_code code;
  std::string real = fs::canonical(shown, code).string();
  if (code) return tl::unexpected(shown + ": " + code.message());
  if (real.rfind(root_ == "/" ? root_ : root_ + "/", 0) != 0)
    return tl::unexpected("`" + named + "` leads out of the playbook's folder");
  tl::expected<std::string, std::string> bytes = read_source(real);
  if (!bytes) return tl::unexpected(bytes.error());
  std::string digest = sha256_hex(*bytes);
  uint32_t file = files_.add({shown, std::move(*bytes), digest});
  by_path_.emplace(shown, file);
  return file;
}

}  // namespace muster
