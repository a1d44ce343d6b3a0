// Files on the machine's own disks.
//
// Units, errors: see files.h. The last part of a path is never followed when it is a symbolic link, except by
//         canonical() and holders(); reading anything but a regular file is `refused`.
// Threads: no state; safe from several threads.
// Source: docs/reliability.md D8; renameat2(2) for what replaces and what must not.
#pragma once

#include "interpreter/world/disk_file.h"

namespace muster {

class RealFiles final : public Files, public DiskAttributes {
 public:
  [[nodiscard]] Result<std::optional<FileStatus>> status(const std::string& path) override;
  [[nodiscard]] Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  // `refused` when there is more than the limit: half a file is no answer.
  [[nodiscard]] Result<std::string> read(const std::string& path, uint64_t limit_bytes) override;
  [[nodiscard]] Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  [[nodiscard]] Result<std::string> canonical(const std::string& path) override;
  [[nodiscard]] Result<uint64_t> free_bytes(const std::string& directory) override;
  // By device and inode, by the same with `-wal` and `-shm` appended, and by path where the file was removed under its
  // holder. Processes whose descriptors the system does not show us are not seen.
  [[nodiscard]] Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override;
  [[nodiscard]] Result<std::string> read_link(const std::string& path) override;
  [[nodiscard]] bool is_writable(const std::string& directory) override;

  [[nodiscard]] Result<std::unique_ptr<WriteFile>> create(const std::string& path) override;
  [[nodiscard]] Result<void> make_directory(const std::string& path) override;
  [[nodiscard]] Result<void> rename(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> rename_new(const std::string& from, const std::string& to) override;
  [[nodiscard]] Result<void> exchange(const std::string& a, const std::string& b) override;
  [[nodiscard]] Result<void> remove(const std::string& path) override;
  [[nodiscard]] Result<void> remove_tree(const std::string& path) override;
  [[nodiscard]] Result<void> sync_directory(const std::string& path) override;
  Result<std::vector<std::string>> copy_attributes(const std::string& from, const std::string& to) override;
  Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) override;
  [[nodiscard]] Result<void> set_modified(const std::string& path, Timestamp modified) override;
  [[nodiscard]] Result<void> make_symlink(const std::string& target, const std::string& path) override;
};

}  // namespace muster
