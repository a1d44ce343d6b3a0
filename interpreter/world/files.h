// Files, as a port: what restore, backup and `save:` do to disks.
//
// Units:  bytes; times are Timestamps (microseconds; a file system's nanoseconds are cut).
// Errors: `not_found`, `refused` (rights), `storage` (disk full, I/O: `cause` has the system's word). Reading has no
//         effect; writing calls say `maybe` where bytes may be half there.
// Threads: every call may block; ports are safe to use from several pool threads at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/time.h"

namespace muster {

enum class FileKind { file, directory, symlink, other };

struct FileStatus {
  FileKind kind = FileKind::file;
  uint64_t size = 0;
  Timestamp modified;
  uint32_t mode = 0;  // permission bits
  uint32_t uid = 0;
  uint32_t gid = 0;
  uint64_t device = 0;
  uint64_t inode = 0;
  uint64_t links = 1;
  bool is_mounted_on = false;  // the root of a mount: it cannot be renamed. Told by status() only
};

struct DirectoryEntry {
  std::string name;
  FileStatus status;
};

// Somebody who has a file open.
struct Holder {
  int64_t pid = 0;
  std::string command;
  std::string path;
};

class ReadFile {
 public:
  virtual ~ReadFile() = default;
  // The next bytes, at most `size`; empty at the end.
  [[nodiscard]] virtual Result<std::string> read(size_t size) = 0;
  [[nodiscard]] virtual Result<std::string> read_at(uint64_t offset, size_t size) = 0;
};

class WriteFile {
 public:
  virtual ~WriteFile() = default;
  [[nodiscard]] virtual Result<void> write_at(uint64_t offset, std::string_view bytes) = 0;
  [[nodiscard]] virtual Result<void> truncate(uint64_t size) = 0;
  [[nodiscard]] virtual Result<void> sync() = 0;  // fdatasync; an error is final
};

class FilesRead {
 public:
  virtual ~FilesRead() = default;
  // Does not follow a last symlink. Nothing there is nullopt, not an error.
  [[nodiscard]] virtual Result<std::optional<FileStatus>> status(const std::string& path) = 0;
  [[nodiscard]] virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;  // sorted by name
  [[nodiscard]] virtual Result<std::string> read(const std::string& path, uint64_t limit_bytes) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ReadFile>> open(const std::string& path) = 0;
  // The path with every symlink resolved.
  [[nodiscard]] virtual Result<std::string> canonical(const std::string& path) = 0;
  [[nodiscard]] virtual Result<uint64_t> free_bytes(const std::string& directory) = 0;
  // Processes other than our own that have any of these files open.
  [[nodiscard]] virtual Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) = 0;
  // Where a symbolic link points, as it is written in it.
  [[nodiscard]] virtual Result<std::string> read_link(const std::string& path) {
    return fail(ErrorCode::refused, "`" + path + "`: symbolic links are not read here");
  }
  // Whether a directory may be written to by us.
  [[nodiscard]] virtual bool is_writable(const std::string& directory) = 0;
};

class Files : public FilesRead {
 public:
  // A new file, mode 0600; refuses one that exists.
  [[nodiscard]] virtual Result<std::unique_ptr<WriteFile>> create(const std::string& path) = 0;
  // A directory, mode 0700; one that exists is fine.
  [[nodiscard]] virtual Result<void> make_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  // replaces `to`
  [[nodiscard]] virtual Result<void> rename_new(const std::string& from,
                                                const std::string& to) = 0;                     // refuses to replace
  [[nodiscard]] virtual Result<void> exchange(const std::string& a, const std::string& b) = 0;  // RENAME_EXCHANGE
  [[nodiscard]] virtual Result<void> remove(const std::string& path) = 0;       // a file; nothing there is fine
  [[nodiscard]] virtual Result<void> remove_tree(const std::string& path) = 0;  // a directory of ours
  [[nodiscard]] virtual Result<void> sync_directory(const std::string& path) = 0;
  [[nodiscard]] virtual Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid,
                                                        uint32_t mode) = 0;
  // Of a file or directory; a symbolic link is refused.
  [[nodiscard]] virtual Result<void> set_modified(const std::string& path, Timestamp) {
    return fail(ErrorCode::refused, "`" + path + "`: times are not set here");
  }
  // A new name that points to `target`, which is not looked at.
  [[nodiscard]] virtual Result<void> make_symlink(const std::string&, const std::string& path) {
    return fail(ErrorCode::refused, "`" + path + "`: symbolic links are not made here");
  }
};

}  // namespace muster
