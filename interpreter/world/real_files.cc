#include "interpreter/world/real_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "interpreter/base/handle.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/world/disk_file.h"
#include "interpreter/world/file_holders.h"
#include "interpreter/world/system_error.h"

namespace muster {

namespace {

using Directory = Handle<DIR, &::closedir>;

FileStatus status_of(const struct stat& raw) {
  FileStatus status;
  status.kind = S_ISREG(raw.st_mode)   ? FileKind::file
                : S_ISDIR(raw.st_mode) ? FileKind::directory
                : S_ISLNK(raw.st_mode) ? FileKind::symlink
                                       : FileKind::other;
  status.size = static_cast<uint64_t>(raw.st_size);
  status.modified.us = int64_t{raw.st_mtim.tv_sec} * 1'000'000 + raw.st_mtim.tv_nsec / 1'000;
  status.mode = raw.st_mode & 07777;
  status.uid = raw.st_uid;
  status.gid = raw.st_gid;
  status.device = raw.st_dev;
  status.inode = raw.st_ino;
  status.links = raw.st_nlink;
  return status;
}

// Kernels before 5.8 do not tell; what renames is refused by every kernel.
bool is_mounted_on(const std::string& path) {
  struct statx raw {};
  constexpr int as_it_is = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
  return ::statx(AT_FDCWD, path.c_str(), as_it_is, STATX_TYPE, &raw) == 0 &&
         (raw.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// A path with a NUL in it would name another file to the system than to us.
Result<void> check_path(const std::string& path) {
  if (path.empty()) return fail(ErrorCode::invalid, "a path is empty");
  if (path.find('\0') != std::string::npos) return fail(ErrorCode::invalid, "a path holds a NUL byte");
  return {};
}

class DiskReadFile final : public ReadFile, public DiskSource {
 public:
  DiskReadFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<std::string> read(size_t size) override {
    Result<std::string> bytes = read_at(at_, size);
    if (bytes) at_ += bytes->size();
    return bytes;
  }

  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::string bytes(size, '\0');
    size_t filled = 0;
    while (filled < size) {
      ssize_t n = ::pread(fd_.get(), bytes.data() + filled, size - filled, static_cast<off_t>(offset + filled));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(errno, "read", path_);
      if (n == 0) break;
      filled += static_cast<size_t>(n);
    }
    bytes.resize(filled);
    return bytes;
  }

  int descriptor() const override { return fd_.get(); }

 private:
  UniqueFd fd_;
  std::string path_;
  uint64_t at_ = 0;
};

class DiskWriteFile final : public WriteFile, public DiskSink {
 public:
  DiskWriteFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    const uint64_t begin = offset;
    while (!bytes.empty()) {
      ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return system_error(errno, "write to", path_, Certainty::maybe);
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    begin_writing_out(begin, offset);
    return {};
  }

  Result<void> truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0)
      return system_error(errno, "resize", path_, Certainty::maybe);
    return {};
  }

  uint64_t copy_from(const DiskSource& from, uint64_t offset, uint64_t size) override {
    uint64_t copied = 0;
    while (copied < size) {
      off_t in = static_cast<off_t>(offset + copied), out = in;
      ssize_t n = ::copy_file_range(from.descriptor(), &in, fd_.get(), &out, static_cast<size_t>(size - copied), 0);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      copied += static_cast<uint64_t>(n);
    }
    begin_writing_out(offset, offset + copied);
    return copied;
  }

  // The kernel may drop the pages that it could not write and call the next sync a success: the first error stays.
  Result<void> sync() override {
    if (broken_ == 0 && ::fdatasync(fd_.get()) != 0) broken_ = errno;
    if (broken_ != 0) {
      tl::unexpected<Error> error = system_error(broken_, "sync", path_, Certainty::maybe);
      error.value().code = ErrorCode::storage;
      return error;
    }
    return {};
  }

 private:
  // A large file that is written from its beginning to its end goes to the disk while more of it is made, so that the
  // sync behind it waits for little. What fails here is told by the sync.
  void begin_writing_out(uint64_t begin, uint64_t end) {
    constexpr uint64_t at_once = 8 << 20;
    if (begin != next_) written_out_ = begin;
    next_ = end;
    if (end - written_out_ < at_once) return;
    (void)::sync_file_range(fd_.get(), static_cast<off_t>(written_out_), static_cast<off_t>(end - written_out_),
                            SYNC_FILE_RANGE_WRITE);
    written_out_ = end;
  }

  UniqueFd fd_;
  std::string path_;
  uint64_t next_ = 0, written_out_ = 0;
  int broken_ = 0;
};

Result<void> rename_with(const std::string& from, const std::string& to, unsigned flags) {
  if (Result<void> valid = check_path(from); !valid) return valid;
  if (Result<void> valid = check_path(to); !valid) return valid;
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags) == 0) return {};
  int number = errno;
  tl::unexpected<Error> error = system_error(number, "rename `" + from + "` to", to);
  if (number == EXDEV) error.value().hint = "both names must be on one file system";
  if (number == EBUSY)
    error.value().hint =
        "something is mounted on one of these names, as by `mount --bind`: name the file where it really lies";
  if (number == EINVAL && flags != 0) {
    error.value().code = ErrorCode::refused;
    error.value().hint =
        "this file system cannot exchange names, or rename without replacing: use ext4, XFS, Btrfs or tmpfs";
  }
  return error;
}

// Removes what is in an open directory. Names that vanish meanwhile are fine; symbolic links are removed, not followed.
int remove_entries(UniqueFd folder) {
  int number = folder.get();
  Directory directory(::fdopendir(number));
  if (!directory) return errno;
  (void)folder.release();  // the directory stream closes it
  while (dirent* entry = ::readdir(directory.get())) {
    std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (::unlinkat(number, entry->d_name, 0) == 0 || errno == ENOENT) continue;
    if (errno != EISDIR && errno != EPERM) return errno;
    UniqueFd inner(::openat(number, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!inner) return errno;
    if (int failed = remove_entries(std::move(inner))) return failed;
    if (::unlinkat(number, entry->d_name, AT_REMOVEDIR) != 0 && errno != ENOENT) return errno;
  }
  return 0;
}

}  // namespace

Result<std::optional<FileStatus>> RealFiles::status(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  struct stat raw {};
  if (::lstat(path.c_str(), &raw) == 0) {
    FileStatus status = status_of(raw);
    status.is_mounted_on = is_mounted_on(path);
    return std::optional<FileStatus>(status);
  }
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileStatus>();
  return system_error(errno, "look at", path);
}

Result<std::vector<DirectoryEntry>> RealFiles::list(const std::string& directory) {
  if (Result<void> valid = check_path(directory); !valid) return pass(valid.error());
  Directory open_directory(::opendir(directory.c_str()));
  if (!open_directory) return system_error(errno, "list", directory);
  std::vector<DirectoryEntry> entries;
  errno = 0;
  while (dirent* entry = ::readdir(open_directory.get())) {
    std::string name = entry->d_name;
    struct stat raw {};
    bool is_there = ::fstatat(::dirfd(open_directory.get()), entry->d_name, &raw, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_there && name != "." && name != "..") entries.push_back({std::move(name), status_of(raw)});
    errno = 0;
  }
  if (errno != 0) return system_error(errno, "list", directory);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<std::unique_ptr<ReadFile>> RealFiles::open(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  // Without O_NONBLOCK a named pipe in the place of the file would hold us for ever.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ELOOP)
    return fail(ErrorCode::refused, "`" + path + "` is a symbolic link", "name the file it points to");
  if (!fd) return system_error(errno, "open", path);
  struct stat raw {};
  if (::fstat(fd.get(), &raw) != 0) return system_error(errno, "look at", path);
  if (!S_ISREG(raw.st_mode)) return fail(ErrorCode::refused, "`" + path + "` is not a regular file");
  return std::make_unique<DiskReadFile>(std::move(fd), path);
}

Result<std::string> RealFiles::read(const std::string& path, uint64_t limit_bytes) {
  Result<std::unique_ptr<ReadFile>> file = open(path);
  if (!file) return pass(file.error());
  constexpr size_t piece = 1 << 16;
  std::string all;
  while (true) {
    Result<std::string> bytes = (*file)->read(piece);
    if (!bytes) return pass(bytes.error());
    if (bytes->empty()) return all;
    all += *bytes;
    if (all.size() > limit_bytes) {
      return fail(ErrorCode::refused, "`" + path + "` is larger than " + std::to_string(limit_bytes) + " bytes");
    }
  }
}

Result<std::string> RealFiles::canonical(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  Handle<char, &::free> real(::realpath(path.c_str(), nullptr));
  if (!real) return system_error(errno, "resolve", path);
  return std::string(real.get());
}

Result<uint64_t> RealFiles::free_bytes(const std::string& directory) {
  if (Result<void> valid = check_path(directory); !valid) return pass(valid.error());
  struct statvfs raw {};
  if (::statvfs(directory.c_str(), &raw) != 0) return system_error(errno, "ask for the free space of", directory);
  return uint64_t{raw.f_bavail} * raw.f_frsize;
}

Result<std::vector<Holder>> RealFiles::holders(const std::vector<std::string>& paths) { return holders_of(paths); }

Result<std::string> RealFiles::read_link(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  char target[PATH_MAX];
  ssize_t n = ::readlink(path.c_str(), target, sizeof target);
  if (n < 0) return system_error(errno, "read the link", path);
  if (n == sizeof target) return fail(ErrorCode::refused, "the link `" + path + "` is too long");
  return std::string(target, static_cast<size_t>(n));
}

bool RealFiles::is_writable(const std::string& directory) {
  if (!check_path(directory)) return false;
  return ::faccessat(AT_FDCWD, directory.c_str(), W_OK | X_OK, AT_EACCESS) == 0;
}

Result<std::unique_ptr<WriteFile>> RealFiles::create(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return system_error(errno, "create", path);
  return std::make_unique<DiskWriteFile>(std::move(fd), path);
}

Result<void> RealFiles::make_directory(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  int number = errno;
  struct stat raw {};
  if (number == EEXIST && ::lstat(path.c_str(), &raw) == 0 && S_ISDIR(raw.st_mode)) return {};
  return system_error(number, "make the directory", path);
}

Result<void> RealFiles::rename(const std::string& from, const std::string& to) { return rename_with(from, to, 0); }

Result<void> RealFiles::rename_new(const std::string& from, const std::string& to) {
  return rename_with(from, to, RENAME_NOREPLACE);
}

Result<void> RealFiles::exchange(const std::string& a, const std::string& b) {
  return rename_with(a, b, RENAME_EXCHANGE);
}

Result<void> RealFiles::remove(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return system_error(errno, "remove", path);
}

Result<void> RealFiles::remove_tree(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!folder && errno == ENOENT) return {};
  if (!folder) return system_error(errno, "remove the directory", path);
  if (int failed = remove_entries(std::move(folder)))
    return system_error(failed, "empty the directory", path, Certainty::maybe);
  if (::rmdir(path.c_str()) != 0 && errno != ENOENT)
    return system_error(errno, "remove the directory", path, Certainty::maybe);
  return {};
}

Result<void> RealFiles::sync_directory(const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  UniqueFd folder(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return system_error(errno, "open the directory", path);
  if (::fsync(folder.get()) != 0) {
    tl::unexpected<Error> error = system_error(errno, "sync the directory", path, Certainty::maybe);
    error.value().code = ErrorCode::storage;
    return error;
  }
  return {};
}

Result<std::vector<std::string>> RealFiles::copy_attributes(const std::string& from, const std::string& to) {
  for (const std::string& path : {from, to})
    if (Result<void> valid = check_path(path); !valid) return pass(valid.error());
  std::vector<std::string> left_out;
  std::string names(64 << 10, '\0');
  const ssize_t listed = ::llistxattr(from.c_str(), names.data(), names.size());
  if (listed < 0 && (errno == ENOTSUP || errno == ENOENT)) return left_out;
  if (listed < 0) return system_error(errno, "list the attributes of", from);
  names.resize(static_cast<size_t>(listed));
  for (size_t at = 0; at < names.size(); at += std::strlen(names.c_str() + at) + 1) {
    const char* name = names.c_str() + at;
    std::string value(64 << 10, '\0');
    const ssize_t size = ::lgetxattr(from.c_str(), name, value.data(), value.size());
    const bool is_given = size >= 0 && ::lsetxattr(to.c_str(), name, value.data(), static_cast<size_t>(size), 0) == 0;
    if (is_given || (size < 0 && errno == ENODATA)) continue;
    if (errno == ENOSPC || errno == EDQUOT || errno == EIO) return system_error(errno, "set attributes of", to);
    left_out.emplace_back(name);
  }
  return left_out;
}

Result<void> RealFiles::set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  // Through O_PATH: a descriptor opened for reading would, when closed, drop the locks that this process has on the
  // file.
  UniqueFd fd(::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return system_error(errno, "open", path);
  struct stat raw {};
  if (::fstat(fd.get(), &raw) != 0) return system_error(errno, "look at", path);
  if (S_ISLNK(raw.st_mode)) return fail(ErrorCode::refused, "`" + path + "` is a symbolic link");
  bool has_owner = raw.st_uid == uid && raw.st_gid == gid;
  if (!has_owner && ::fchownat(fd.get(), "", uid, gid, AT_EMPTY_PATH) != 0)
    return system_error(errno, "set the owner of", path);
  // The owner comes first: changing it clears mode bits.
  std::string through = "/proc/self/fd/" + std::to_string(fd.get());
  if (::chmod(through.c_str(), mode) != 0) {
    return system_error(errno, "set the mode of", path, has_owner ? Certainty::no_effect : Certainty::maybe);
  }
  return {};
}

Result<void> RealFiles::set_modified(const std::string& path, Timestamp modified) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  struct stat raw {};
  if (::lstat(path.c_str(), &raw) != 0) return system_error(errno, "look at", path);
  if (S_ISLNK(raw.st_mode)) return fail(ErrorCode::refused, "`" + path + "` is a symbolic link");
  int64_t second = modified.us / 1'000'000, rest = modified.us % 1'000'000;
  if (rest < 0) --second, rest += 1'000'000;
  timespec times[2]{{0, UTIME_OMIT}, {second, rest * 1'000}};
  if (::utimensat(AT_FDCWD, path.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0)
    return system_error(errno, "set the time of", path);
  return {};
}

Result<void> RealFiles::make_symlink(const std::string& target, const std::string& path) {
  if (Result<void> valid = check_path(path); !valid) return valid;
  if (Result<void> valid = check_path(target); !valid) return valid;
  if (::symlink(target.c_str(), path.c_str()) != 0) return system_error(errno, "make the link", path);
  return {};
}

}  // namespace muster
