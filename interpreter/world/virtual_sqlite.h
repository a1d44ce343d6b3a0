// SQLite as a simulated world has it: `CURRENT_TIMESTAMP` and `datetime('now')` are its clock's, `random()` is drawn
// from its entropy.
//
// Threads: registering and opening are safe from several threads; the clock and the entropy must be, too.
// Source: https://www.sqlite.org/c3ref/vfs.html (xCurrentTimeInt64 counts milliseconds of the Julian day).
#pragma once

#include <memory>
#include <string>

#include "interpreter/world/clock.h"
#include "interpreter/world/entropy.h"

struct sqlite3;

namespace muster {

class VirtualSqlite {
 public:
  // Both must outlive it; it must outlive every connection that was opened by it.
  VirtualSqlite(Clock& clock, Entropy& entropy);
  ~VirtualSqlite();
  VirtualSqlite(const VirtualSqlite&) = delete;
  VirtualSqlite& operator=(const VirtualSqlite&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }  // of its VFS, for sqlite3_open_v2
  // Behind opening: replaces what is random.
  void prepare(sqlite3* database) const;

 private:
  struct Vfs;
  std::string name_;
  std::unique_ptr<Vfs> vfs_;
  Entropy* entropy_;
};

}  // namespace muster
