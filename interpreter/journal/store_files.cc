#include "interpreter/journal/store_files.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "interpreter/base/handle.h"

namespace muster {
namespace {

using FileName = Handle<const char, &sqlite3_free_filename>;
using RealPath = Handle<char, &::free>;

struct FileSystem {
  uint64_t magic;
  std::string_view name;
};
constexpr std::array<FileSystem, 11> unfit = {{
    {0x6969, "NFS"},
    {0xFF534D42, "CIFS"},
    {0xFE534D42, "SMB"},
    {0x517B, "SMB"},
    {0x65735546, "FUSE"},
    {0x01021997, "9p"},
    {0x5346414F, "AFS"},
    {0x00C36400, "Ceph"},
    {0x73757245, "Coda"},
    {0x0BD00BD0, "Lustre"},
    {0x786F4256, "a folder shared by VirtualBox"},
}};

constexpr std::string_view another = "name another file with `--store`";

tl::unexpected<Error> no_store(const std::string& path, const std::string& why, std::string_view hint = another) {
  return fail(ErrorCode::refused, "`" + path + "` is no store of muster: " + why, std::string(hint));
}

Result<void> make_folders(const std::string& file) {
  for (size_t at = file.find('/', 1); at != std::string::npos; at = file.find('/', at + 1)) {
    std::string folder = file.substr(0, at);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(ErrorCode::storage, "the store's folder `" + folder + "` cannot be made: " + std::strerror(errno),
                  std::string(another));
  }
  return {};
}

Result<void> check_file_system(const std::string& path) {
  struct statfs status {};
  if (::statfs(folder_of(path).c_str(), &status) != 0) return {};  // opening says it better
  std::string_view name = unfit_file_system(static_cast<uint64_t>(status.f_type) & 0xFFFFFFFFu);
  if (name.empty()) return {};
  return fail(
      ErrorCode::refused,
      "the store `" + path + "` is on " + std::string(name) + ", which does not keep a journal's locks and syncs",
      "put it on a local disk with `--store`");
}

// The first bytes of a file, through SQLite's own file layer: closing a descriptor of ours would drop the locks that
// another connection of this process holds on the same file.
Result<std::string> first_bytes(const std::string& path, const std::string& vfs_name, size_t count) {
  sqlite3_vfs* vfs = sqlite3_vfs_find(vfs_name.empty() ? nullptr : vfs_name.c_str());
  if (!vfs) return fail(ErrorCode::invalid, "SQLite has no VFS `" + vfs_name + "`");
  size_t units = static_cast<size_t>(vfs->szOsFile) / sizeof(std::max_align_t) + 1;
  auto memory = std::make_unique<std::max_align_t[]>(units);
  auto* file = reinterpret_cast<sqlite3_file*>(memory.get());
  FileName name(sqlite3_create_filename(path.c_str(), "", "", 0, nullptr));
  if (!name) return fail(ErrorCode::storage, "no memory is left");
  if (vfs->xOpen(vfs, name.get(), file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, nullptr) != SQLITE_OK) {
    int number = errno;
    if (file->pMethods) file->pMethods->xClose(file);
    return fail(number == EACCES || number == EPERM ? ErrorCode::refused : ErrorCode::storage,
                "the store `" + path + "` cannot be opened: " + std::strerror(number));
  }
  std::string bytes(count, '\0');
  int code = file->pMethods->xRead(file, bytes.data(), static_cast<int>(count), 0);
  file->pMethods->xClose(file);
  // A shorter file is filled up with zeros, which no header is.
  if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
    return fail(ErrorCode::storage, "the store `" + path + "` cannot be read");
  return bytes;
}

uint32_t word(std::string_view bytes, size_t at) {
  uint32_t out = 0;
  for (size_t i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(bytes[at + i]);
  return out;
}

Result<int> check_header(const std::string& path, const std::string& vfs, int newest) {
  constexpr size_t version_at = 60, application_at = 68, needed = 72;
  Result<std::string> header = first_bytes(path, vfs, needed);
  if (!header) return pass(header.error());
  if (std::memcmp(header->data(), "SQLite format 3", 16) != 0) return no_store(path, "it is not a database");
  if (word(*header, application_at) != static_cast<uint32_t>(store_application_id))
    return no_store(path, "it is another program's database");
  uint32_t version = word(*header, version_at);
  if (version < 1 || version > static_cast<uint32_t>(newest)) return pass(unknown_version(path, version, newest));
  return static_cast<int>(version);
}

// SQLite would play these into a new store of that name.
Result<void> check_leftovers(const std::string& path) {
  for (const char* suffix : {"-wal", "-journal"}) {
    struct stat status {};
    if (::stat((path + suffix).c_str(), &status) == 0 && status.st_size > 0)
      return fail(ErrorCode::refused, "`" + path + suffix + "` belongs to a store that is not there",
                  "put `" + path + "` back beside it, or move it away");
  }
  return {};
}

std::string resolved(const std::string& path) {
  RealPath real(::realpath(path.c_str(), nullptr));
  return real ? std::string(real.get()) : std::string();
}

}  // namespace

std::string_view unfit_file_system(uint64_t magic) {
  for (const FileSystem& one : unfit)
    if (one.magic == magic) return one.name;
  return {};
}

Error unknown_version(const std::string& path, int64_t version, int newest) {
  Error error;
  error.code = ErrorCode::refused;
  error.message = "the store `" + path + "` has version " + std::to_string(version) +
                  ", and this muster knows version " + std::to_string(newest);
  error.hint = "use the muster that made it, or name another store with `--store`";
  return error;
}

std::string folder_of(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
}

Result<StorePlace> find_store(const std::string& path, const std::string& vfs, bool create, int newest) {
  struct stat status {};
  bool there = ::stat(path.c_str(), &status) == 0;
  if (!there && errno != ENOENT && errno != ENOTDIR)
    return fail(errno == EACCES ? ErrorCode::refused : ErrorCode::storage,
                "the store `" + path + "` cannot be looked at: " + std::strerror(errno));
  if (!there) {
    struct stat link {};
    if (::lstat(path.c_str(), &link) == 0) return no_store(path, "it is a link that leads nowhere");
    if (!create)
      return fail(ErrorCode::not_found, "there is no store at `" + path + "`",
                  "`muster run` makes it; `--store` names another");
    Result<void> folders = make_folders(path);
    if (!folders) return pass(folders.error());
    std::string folder = resolved(folder_of(path));
    if (folder.empty())
      return fail(ErrorCode::storage,
                  "the store's folder `" + folder_of(path) + "` cannot be found: " + std::strerror(errno));
    size_t slash = path.rfind('/');
    std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    if (name.empty()) return no_store(path, "it is a directory");
    StorePlace place{(folder == "/" ? "" : folder) + "/" + name, false, newest};
    Result<void> fit = check_file_system(place.path);
    if (fit) fit = check_leftovers(place.path);
    if (!fit) return pass(fit.error());
    return place;
  }
  if (S_ISDIR(status.st_mode)) return no_store(path, "it is a directory");
  // SQLite would wait for somebody to write into a FIFO.
  if (!S_ISREG(status.st_mode)) return no_store(path, "it is no ordinary file");
  // SQLite would take an empty file for a new database.
  if (status.st_size == 0) return no_store(path, "it is empty", "remove it, or name another file with `--store`");
  std::string real = resolved(path);
  if (real.empty())
    return fail(ErrorCode::storage, "the store `" + path + "` cannot be found: " + std::strerror(errno));
  Result<void> fit = check_file_system(real);
  if (!fit) return pass(fit.error());
  Result<int> version = check_header(real, vfs, newest);
  if (!version) return pass(version.error());
  return StorePlace{std::move(real), true, *version};
}

}  // namespace muster
