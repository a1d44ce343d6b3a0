#include "interpreter/world/scratch_files.h"

#include "interpreter/world/real_files.h"

namespace muster {
namespace {

class ScratchFiles final : public Files {
 public:
  // `folder` was made by a Scratch.
  ScratchFiles(FilesRead& outside, std::string folder) : outside_(outside), folder_(std::move(folder)) {}

  Result<std::optional<FileStatus>> status(const std::string& path) override { return reading(path).status(path); }
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override { return reading(path).list(path); }
  Result<std::string> read(const std::string& path, uint64_t limit_bytes) override {
    return reading(path).read(path, limit_bytes);
  }
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override { return reading(path).open(path); }
  Result<std::string> canonical(const std::string& path) override { return reading(path).canonical(path); }
  Result<uint64_t> free_bytes(const std::string& path) override { return reading(path).free_bytes(path); }
  Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override {
    return outside_.holders(paths);
  }
  Result<std::string> read_link(const std::string& path) override { return reading(path).read_link(path); }
  bool is_writable(const std::string& path) override { return is_ours(path); }

  Result<std::unique_ptr<WriteFile>> create(const std::string& path) override {
    if (!is_ours(path)) return outside(path);
    return ours_.create(path);
  }
  Result<void> make_directory(const std::string& path) override {
    if (!is_ours(path)) return outside(path);
    return ours_.make_directory(path);
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    if (!is_ours(from) || !is_ours(to)) return outside(is_ours(from) ? to : from);
    return ours_.rename(from, to);
  }
  Result<void> rename_new(const std::string& from, const std::string& to) override {
    if (!is_ours(from) || !is_ours(to)) return outside(is_ours(from) ? to : from);
    return ours_.rename_new(from, to);
  }
  Result<void> exchange(const std::string& a, const std::string& b) override {
    if (!is_ours(a) || !is_ours(b)) return outside(is_ours(a) ? b : a);
    return ours_.exchange(a, b);
  }
  Result<void> remove(const std::string& path) override {
    if (!is_ours(path)) return outside(path);
    return ours_.remove(path);
  }
  Result<void> remove_tree(const std::string& path) override {
    if (!is_ours(path)) return outside(path);
    return ours_.remove_tree(path);
  }
  Result<void> sync_directory(const std::string& path) override {
    if (!is_ours(path)) return outside(path);
    return {};  // nothing of it outlives the trial
  }
  Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) override {
    if (!is_ours(path)) return outside(path);
    return ours_.set_owner_and_mode(path, uid, gid, mode);
  }
  Result<void> set_modified(const std::string& path, Timestamp modified) override {
    if (!is_ours(path)) return outside(path);
    return ours_.set_modified(path, modified);
  }

 private:
  [[nodiscard]] bool is_ours(const std::string& path) const {
    return path.starts_with(folder_ + "/") && path.find("/../") == std::string::npos && !path.ends_with("/..");
  }
  [[nodiscard]] FilesRead& reading(const std::string& path) {
    return is_ours(path) || path == folder_ ? static_cast<FilesRead&>(ours_) : outside_;
  }
  [[nodiscard]] static tl::unexpected<Error> outside(const std::string& path) {
    return fail(ErrorCode::refused, "`" + path + "` lies outside of the trial's folder, and nothing is written there",
                {}, Certainty::no_effect);
  }
  RealFiles ours_;
  FilesRead& outside_;
  std::string folder_;
};

}  // namespace

std::unique_ptr<Files> scratch_files(FilesRead& outside, std::string folder) {
  return std::make_unique<ScratchFiles>(outside, std::move(folder));
}

}  // namespace muster
