#include "interpreter/world/sqlite_reading_ahead.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>

#include "interpreter/world/arrival.h"

namespace muster {
namespace {

constexpr sqlite3_int64 piece = 256 << 10;
constexpr const char* vfs_name = "muster-reading-ahead";

// Ours, with the file of the usual VFS in the memory behind it.
struct AheadFile {
  sqlite3_file base;
  sqlite3_io_methods methods;
  bool is_on = false;
  std::unique_ptr<char[]> bytes;
  sqlite3_int64 begin = 0, end = 0;  // what `bytes` holds of the file
  sqlite3_int64 last = 0;            // where the page ended that was read by itself
  Arrival* arrival = nullptr;        // of a file that is still being written

  bool has_come(sqlite3_int64 until) const { return !arrival || arrival->wait_for(static_cast<uint64_t>(until)); }
  void forget() { begin = end = 0; }
};

constexpr size_t inner_at = (sizeof(AheadFile) + alignof(std::max_align_t) - 1) & ~(alignof(std::max_align_t) - 1);

AheadFile& ahead_of(sqlite3_file* file) { return *reinterpret_cast<AheadFile*>(file); }
sqlite3_file* inner_of(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + inner_at);
}
const sqlite3_io_methods& methods_of(sqlite3_file* inner) { return *inner->pMethods; }

int close(sqlite3_file* file) {
  sqlite3_file* inner = inner_of(file);
  const int code = methods_of(inner).xClose(inner);
  ahead_of(file).~AheadFile();
  return code;
}

// Reading goes on where it was, or a little behind that.
bool follows(sqlite3_int64 at, sqlite3_int64 end) { return at >= end && at - end < piece; }

int read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  AheadFile& ahead = ahead_of(file);
  sqlite3_file* inner = inner_of(file);
  if (!ahead.has_come(at + size)) return SQLITE_IOERR_READ;
  if (at >= ahead.begin && at + size <= ahead.end) {
    std::memcpy(out, ahead.bytes.get() + (at - ahead.begin), static_cast<size_t>(size));
    return SQLITE_OK;
  }
  if (ahead.is_on && (follows(at, ahead.end) || follows(at, ahead.last))) {
    sqlite3_int64 total = 0;
    if (methods_of(inner).xFileSize(inner, &total) == SQLITE_OK && at + size <= total) {
      if (!ahead.bytes) ahead.bytes.reset(new (std::nothrow) char[static_cast<size_t>(piece)]);
      const sqlite3_int64 wanted = std::min(piece, total - at);
      ahead.forget();
      if (ahead.bytes && wanted >= size && ahead.has_come(at + wanted) &&
          methods_of(inner).xRead(inner, ahead.bytes.get(), static_cast<int>(wanted), at) == SQLITE_OK) {
        ahead.begin = at;
        ahead.end = ahead.last = at + wanted;
        std::memcpy(out, ahead.bytes.get(), static_cast<size_t>(size));
        return SQLITE_OK;
      }
    }
  }
  ahead.last = at + size;
  return methods_of(inner).xRead(inner, out, size, at);
}

int write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  ahead_of(file).forget();
  return methods_of(inner_of(file)).xWrite(inner_of(file), bytes, size, at);
}
int truncate(sqlite3_file* file, sqlite3_int64 size) {
  ahead_of(file).forget();
  return methods_of(inner_of(file)).xTruncate(inner_of(file), size);
}
int sync(sqlite3_file* file, int flags) { return methods_of(inner_of(file)).xSync(inner_of(file), flags); }
int file_size(sqlite3_file* file, sqlite3_int64* out) {
  return methods_of(inner_of(file)).xFileSize(inner_of(file), out);
}
int lock(sqlite3_file* file, int level) {
  ahead_of(file).forget();
  return methods_of(inner_of(file)).xLock(inner_of(file), level);
}
int unlock(sqlite3_file* file, int level) {
  ahead_of(file).forget();
  return methods_of(inner_of(file)).xUnlock(inner_of(file), level);
}
int check_reserved_lock(sqlite3_file* file, int* out) {
  return methods_of(inner_of(file)).xCheckReservedLock(inner_of(file), out);
}
int file_control(sqlite3_file* file, int what, void* argument) {
  if (what == reading_while_arriving) {
    ahead_of(file).arrival = static_cast<Arrival*>(argument);
    return SQLITE_OK;
  }
  return methods_of(inner_of(file)).xFileControl(inner_of(file), what, argument);
}
int sector_size(sqlite3_file* file) { return methods_of(inner_of(file)).xSectorSize(inner_of(file)); }
int device_characteristics(sqlite3_file* file) {
  return methods_of(inner_of(file)).xDeviceCharacteristics(inner_of(file));
}
// The log of a WAL database is about to be used: others may carry pages from it into the file.
int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  ahead_of(file).is_on = false;
  ahead_of(file).forget();
  return methods_of(inner_of(file)).xShmMap(inner_of(file), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return methods_of(inner_of(file)).xShmLock(inner_of(file), offset, count, flags);
}
void shm_barrier(sqlite3_file* file) { methods_of(inner_of(file)).xShmBarrier(inner_of(file)); }
int shm_unmap(sqlite3_file* file, int remove) { return methods_of(inner_of(file)).xShmUnmap(inner_of(file), remove); }
int fetch(sqlite3_file* file, sqlite3_int64 at, int size, void** out) {
  if (!ahead_of(file).has_come(at + size)) return SQLITE_IOERR_READ;
  return methods_of(inner_of(file)).xFetch(inner_of(file), at, size, out);
}
int unfetch(sqlite3_file* file, sqlite3_int64 at, void* page) {
  return methods_of(inner_of(file)).xUnfetch(inner_of(file), at, page);
}

int open(sqlite3_vfs* self, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* usual = static_cast<sqlite3_vfs*>(self->pAppData);
  auto* ahead = new (file) AheadFile{};
  sqlite3_file* inner = inner_of(file);
  inner->pMethods = nullptr;
  const int code = usual->xOpen(usual, name, inner, flags, out_flags);
  if (!inner->pMethods) {  // then nobody closes it
    ahead->~AheadFile();
    file->pMethods = nullptr;
    return code;
  }
  ahead->is_on = (flags & SQLITE_OPEN_MAIN_DB) != 0;
  ahead->methods = {inner->pMethods->iVersion,
                    close,
                    read,
                    write,
                    truncate,
                    sync,
                    file_size,
                    lock,
                    unlock,
                    check_reserved_lock,
                    file_control,
                    sector_size,
                    device_characteristics,
                    shm_map,
                    shm_lock,
                    shm_barrier,
                    shm_unmap,
                    fetch,
                    unfetch};
  ahead->base.pMethods = &ahead->methods;
  return code;
}

sqlite3_vfs* registered() {
  static sqlite3_vfs ours;
  sqlite3_vfs* usual = sqlite3_vfs_find(nullptr);
  if (!usual) return nullptr;
  ours = *usual;
  ours.pNext = nullptr;
  ours.zName = vfs_name;
  ours.pAppData = usual;
  ours.szOsFile = static_cast<int>(inner_at) + usual->szOsFile;
  ours.xOpen = open;
  return sqlite3_vfs_register(&ours, 0) == SQLITE_OK ? &ours : nullptr;
}

}  // namespace

const char* sqlite_reading_ahead() {
  static sqlite3_vfs* const ours = registered();
  return ours ? ours->zName : nullptr;
}

}  // namespace muster
