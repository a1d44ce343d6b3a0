// A disk that can fail: an SQLite VFS over the real one which counts writes and syncs and, at a chosen one, is full,
// fails, or loses power.
//
// What was written since a file's last sync is remembered: at a loss of power it is dropped, in whole or in part, as
// disks may. A sync that failed leaves its bytes readable, yet no later sync makes them safe. Units:  writes are xWrite
// and xTruncate calls, syncs xSync calls, of all files, counted from 1 since the last plan. Errors: after a loss of
// power everything fails until restart(). Threads: one at a time.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/base/unique_fd.h"

namespace muster {

class CrashVfs {
 public:
  enum class Fault { none, power_loss, disk_full, io_error };
  enum class At { write, sync };
  // Which of the unsynced writes a loss of power takes.
  enum class Loss { all, every_other, second_half_of_the_last, some };  // some: by lot, of the plan's number

  explicit CrashVfs(std::string name) : name_(std::move(name)), real_(sqlite3_vfs_find(nullptr)) {
    vfs_ = *real_;
    vfs_.iVersion = 1;
    vfs_.szOsFile = static_cast<int>(file_offset()) + real_->szOsFile;
    vfs_.pNext = nullptr;
    vfs_.zName = name_.c_str();
    vfs_.pAppData = this;
    vfs_.xOpen = &open;
    vfs_.xDelete = &remove;
    vfs_.xAccess = &access;
    vfs_.xFullPathname = [](sqlite3_vfs* v, const char* path, int size, char* out) {
      return of(v).real_->xFullPathname(of(v).real_, path, size, out);
    };
    vfs_.xRandomness = [](sqlite3_vfs* v, int size, char* out) {
      return of(v).real_->xRandomness(of(v).real_, size, out);
    };
    vfs_.xSleep = [](sqlite3_vfs* v, int us) { return of(v).real_->xSleep(of(v).real_, us); };
    vfs_.xCurrentTime = [](sqlite3_vfs* v, double* out) { return of(v).real_->xCurrentTime(of(v).real_, out); };
    vfs_.xGetLastError = [](sqlite3_vfs* v, int size, char* out) {
      return of(v).real_->xGetLastError(of(v).real_, size, out);
    };
    sqlite3_vfs_register(&vfs_, 0);
  }
  ~CrashVfs() { sqlite3_vfs_unregister(&vfs_); }
  CrashVfs(const CrashVfs&) = delete;
  CrashVfs& operator=(const CrashVfs&) = delete;

  const std::string& name() const { return name_; }
  // Counting begins anew.
  void plan(Fault fault, At at = At::write, int64_t n = 0, Loss loss = Loss::all) {
    fault_ = fault;
    at_ = at;
    n_ = n;
    loss_ = loss;
    writes_ = syncs_ = 0;
    struck_ = false;
  }
  // A full disk has room again for so many bytes once this file is gone.
  void reserve(std::string path, int64_t bytes) {
    reserve_ = std::move(path);
    credit_ = bytes;
  }
  // Power is back: what is on the disk is all there is.
  void restart() {
    plan(Fault::none);
    off_ = full_ = false;
    files_.clear();
  }
  void lose_power() {
    off_ = struck_ = true;
    for (auto& [path, pending] : files_) drop(path, pending);
    files_.clear();
  }
  int64_t writes() const { return writes_; }
  int64_t syncs() const { return syncs_; }
  bool struck() const { return struck_; }
  // Files with writes that no sync has made safe.
  std::vector<std::string> unsynced() const {
    std::vector<std::string> out;
    for (const auto& [path, pending] : files_)
      if (!pending.empty()) out.push_back(path);
    return out;
  }

 private:
  struct Write {
    int64_t offset = 0;
    std::string before, after;  // a truncation has no `after`
    int64_t size_before = 0;
    bool truncates = false;
    bool lost = false;  // a sync of it has failed
  };
  using Pending = std::vector<Write>;

  struct File {
    sqlite3_file base;
    CrashVfs* vfs;
    std::string* path;
    sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(this) + file_offset()); }
  };
  static constexpr size_t file_offset() {
    return (sizeof(File) + alignof(std::max_align_t) - 1) / alignof(std::max_align_t) * alignof(std::max_align_t);
  }
  static CrashVfs& of(sqlite3_vfs* vfs) { return *static_cast<CrashVfs*>(vfs->pAppData); }
  static File& file(sqlite3_file* raw) { return *reinterpret_cast<File*>(raw); }
  static sqlite3_file* real(sqlite3_file* raw) { return file(raw).real(); }
  static bool off(sqlite3_file* raw) { return file(raw).vfs->off_; }

  static int open(sqlite3_vfs* vfs, const char* path, sqlite3_file* raw, int flags, int* out_flags) {
    CrashVfs& self = of(vfs);
    File& f = file(raw);
    f.base.pMethods = nullptr;
    if (self.off_) return SQLITE_CANTOPEN;
    f.vfs = &self;
    int code = self.real_->xOpen(self.real_, path, f.real(), flags, out_flags);
    if (code != SQLITE_OK) return code;
    f.path = new std::string(path ? path : "");
    f.base.pMethods = &methods();
    return SQLITE_OK;
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync) {
    if (of(vfs).off_) return SQLITE_IOERR;
    of(vfs).files_.erase(path);
    return of(vfs).real_->xDelete(of(vfs).real_, path, sync);
  }
  static int access(sqlite3_vfs* vfs, const char* path, int flags, int* out) {
    if (of(vfs).off_) return SQLITE_IOERR;
    return of(vfs).real_->xAccess(of(vfs).real_, path, flags, out);
  }

  // Whether the fault strikes at this write or sync.
  bool strikes(At at) {
    int64_t count = at == At::write ? ++writes_ : ++syncs_;
    if (fault_ == Fault::none || at != at_ || count != n_) return false;
    struck_ = true;
    return true;
  }
  // Of a full disk: whether a reserve that was given up makes room for it.
  bool finds_room(int64_t bytes) {
    if (reserve_.empty() || ::access(reserve_.c_str(), F_OK) == 0 || credit_ < bytes) return false;
    credit_ -= bytes;
    return true;
  }
  int refuse_write(int64_t bytes) {
    if (off_) return SQLITE_IOERR;
    if (strikes(At::write)) {
      if (fault_ == Fault::power_loss) lose_power();
      if (fault_ == Fault::disk_full) full_ = true;
      if (fault_ != Fault::disk_full) return SQLITE_IOERR_WRITE;
    }
    return full_ && !finds_room(bytes) ? SQLITE_FULL : SQLITE_OK;
  }
  // What a write up to there needs of a disk: blocks that the file has are its own.
  static int64_t growth(sqlite3_file* raw, int64_t end) {
    sqlite3_int64 now = 0;
    real(raw)->pMethods->xFileSize(real(raw), &now);
    return std::max<int64_t>(0, end - now);
  }
  Write remember(sqlite3_file* raw, int64_t offset, int64_t size) {
    Write write;
    write.offset = offset;
    sqlite3_int64 now = 0;
    real(raw)->pMethods->xFileSize(real(raw), &now);
    write.size_before = now;
    int64_t old = std::max<int64_t>(0, std::min<int64_t>(size, now - offset));
    write.before.assign(static_cast<size_t>(old), '\0');
    if (old > 0) real(raw)->pMethods->xRead(real(raw), write.before.data(), static_cast<int>(old), offset);
    return write;
  }
  static int write(sqlite3_file* raw, const void* bytes, int size, sqlite3_int64 offset) {
    CrashVfs& self = *file(raw).vfs;
    if (int code = self.refuse_write(growth(raw, offset + size))) return code;
    Write write = self.remember(raw, offset, size);
    write.after.assign(static_cast<const char*>(bytes), static_cast<size_t>(size));
    self.files_[*file(raw).path].push_back(std::move(write));
    return real(raw)->pMethods->xWrite(real(raw), bytes, size, offset);
  }
  static int truncate(sqlite3_file* raw, sqlite3_int64 size) {
    CrashVfs& self = *file(raw).vfs;
    if (int code = self.refuse_write(0)) return code;
    sqlite3_int64 now = 0;
    real(raw)->pMethods->xFileSize(real(raw), &now);
    Write write = self.remember(raw, size, now - size);
    write.truncates = true;
    self.files_[*file(raw).path].push_back(std::move(write));
    return real(raw)->pMethods->xTruncate(real(raw), size);
  }
  static int sync(sqlite3_file* raw, int) {
    CrashVfs& self = *file(raw).vfs;
    if (self.off_) return SQLITE_IOERR_FSYNC;
    Pending& pending = self.files_[*file(raw).path];
    if (self.strikes(At::sync)) {
      if (self.fault_ == Fault::power_loss)
        self.lose_power();
      else
        for (Write& write : pending) write.lost = true;
      return SQLITE_IOERR_FSYNC;
    }
    // From the first lost one on all stay unsafe: their order could not be told otherwise.
    size_t safe = 0;
    while (safe < pending.size() && !pending[safe].lost) ++safe;
    pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(safe));
    return SQLITE_OK;  // this disk is safe by our own bookkeeping; the real one need not be troubled
  }

  static void put(int fd, const std::string& bytes, int64_t offset) {
    if (bytes.empty()) return;
    EXPECT_EQ(::pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  }
  void drop(const std::string& path, const Pending& pending) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd || pending.empty()) return;
    for (auto write = pending.rbegin(); write != pending.rend(); ++write) {
      put(fd.get(), write->before, write->offset);
      EXPECT_EQ(::ftruncate(fd.get(), write->size_before), 0);
    }
    std::mt19937_64 lots(static_cast<uint64_t>(n_) * 2654435761u + pending.size());
    for (size_t i = 0; i < pending.size(); ++i) {
      const Write& write = pending[i];
      bool last = i + 1 == pending.size();
      bool kept = loss_ == Loss::every_other ? i % 2 == 0 : loss_ == Loss::second_half_of_the_last;
      if (loss_ == Loss::some) kept = lots() % 2 == 0;
      if (!kept) continue;
      if (write.truncates) {
        EXPECT_EQ(::ftruncate(fd.get(), write.offset), 0);
        continue;
      }
      put(fd.get(),
          last && loss_ == Loss::second_half_of_the_last ? write.after.substr(0, write.after.size() / 2) : write.after,
          write.offset);
    }
  }

  static const sqlite3_io_methods& methods() {
    static const sqlite3_io_methods all = [] {
      sqlite3_io_methods m{};
      m.iVersion = 2;
      m.xClose = [](sqlite3_file* f) {
        delete file(f).path;
        return real(f)->pMethods->xClose(real(f));
      };
      m.xRead = [](sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
        return off(f) ? SQLITE_IOERR_READ : real(f)->pMethods->xRead(real(f), out, size, at);
      };
      m.xWrite = &write;
      m.xTruncate = &truncate;
      m.xSync = &sync;
      m.xFileSize = [](sqlite3_file* f, sqlite3_int64* out) {
        return off(f) ? SQLITE_IOERR_FSTAT : real(f)->pMethods->xFileSize(real(f), out);
      };
      m.xLock = [](sqlite3_file* f, int kind) {
        return off(f) ? SQLITE_IOERR_LOCK : real(f)->pMethods->xLock(real(f), kind);
      };
      m.xUnlock = [](sqlite3_file* f, int kind) { return real(f)->pMethods->xUnlock(real(f), kind); };
      m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
        return real(f)->pMethods->xCheckReservedLock(real(f), out);
      };
      m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
        return off(f) ? SQLITE_NOTFOUND : real(f)->pMethods->xFileControl(real(f), op, arg);
      };
      m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
      m.xDeviceCharacteristics = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
      m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
        return off(f) ? SQLITE_IOERR_SHMMAP : real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
      };
      m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
        return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
      };
      m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
      m.xShmUnmap = [](sqlite3_file* f, int del) { return real(f)->pMethods->xShmUnmap(real(f), del); };
      return m;
    }();
    return all;
  }

  std::string name_;
  sqlite3_vfs* real_;
  sqlite3_vfs vfs_{};
  std::map<std::string, Pending> files_;  // by path, as SQLite writes it
  Fault fault_ = Fault::none;
  At at_ = At::write;
  Loss loss_ = Loss::all;
  int64_t n_ = 0, writes_ = 0, syncs_ = 0, credit_ = 0;
  std::string reserve_;
  bool off_ = false, full_ = false, struck_ = false;
};

}  // namespace muster
