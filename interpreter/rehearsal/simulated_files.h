// Files of a rehearsal: real ones, beneath its scratch folder, whose times are those of the virtual clock.
//
// Units, errors: see world/files.h. The disk has 1 TiB free, whatever it really has; nobody has a file open.
// Threads: safe from several threads.
#pragma once

#include <map>
#include <mutex>
#include <utility>

#include "interpreter/base/unique_fd.h"
#include "interpreter/rehearsal/place.h"
#include "interpreter/world/clock.h"
#include "interpreter/world/real_files.h"

namespace muster {

class SimulatedFiles final : public Files {
 public:
  SimulatedFiles(const ScratchPlace& place, Clock& clock) : place_(place), clock_(clock) {}

  Result<std::optional<FileStatus>> status(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<std::string> read(const std::string& path, uint64_t limit_bytes) override;
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  Result<std::string> canonical(const std::string& path) override;
  Result<uint64_t> free_bytes(const std::string& directory) override;
  Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override;
  Result<std::string> read_link(const std::string& path) override;
  bool is_writable(const std::string& directory) override;

  Result<std::unique_ptr<WriteFile>> create(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> rename_new(const std::string& from, const std::string& to) override;
  Result<void> exchange(const std::string& a, const std::string& b) override;
  Result<void> remove(const std::string& path) override;
  Result<void> remove_tree(const std::string& path) override;
  Result<void> sync_directory(const std::string& path) override;
  Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) override;
  Result<void> set_modified(const std::string& path, Timestamp modified) override;
  Result<void> make_symlink(const std::string& target, const std::string& path) override;

  // A whole file, with the folders above it; replaces what is there.
  [[nodiscard]] Result<void> put(const std::string& path, std::string_view content, uint32_t mode = 0644);
  // Something else has written to it just now.
  void touched(const std::string& path);

 private:
  template <class T, class F>
  Result<T> at(const std::string& path, F f);
  void folders_above(const std::string& real);
  // The numbers of files, which the journal knows, in the order in which they were first asked for.
  [[nodiscard]] FileStatus numbered(FileStatus status, const std::string& real);
  std::mutex mutex_;  // of both
  // Each is held by a descriptor, so that its number is not given to another file once it is gone.
  std::map<std::pair<uint64_t, uint64_t>, std::pair<uint64_t, UniqueFd>> numbers_;
  const ScratchPlace& place_;
  Clock& clock_;
  RealFiles real_;
};

}  // namespace muster
