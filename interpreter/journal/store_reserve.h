// Room on the store's disk that is kept for the one moment in which there is none: what has happened is still recorded.
//
// STORE.reserve is a file whose blocks are taken beforehand and that holds nothing. No effect is begun while it is not
// there; on a full disk it is given up, so that outcomes, and the word that the run stops, find room.
// Errors: `storage` when it cannot be filled.
// Source: docs/journal.md, "A full disk".
#pragma once

#include <cstdint>
#include <string>

#include "interpreter/base/result.h"

namespace muster {

constexpr int64_t reserve_size = 4 << 20;

class StoreReserve {
 public:
  StoreReserve(const std::string& store, int64_t bytes) : path_(store + ".reserve"), bytes_(bytes) {}
  // A look, no more: a microsecond.
  [[nodiscard]] bool is_full() const;
  // Fills it where it is not full. What it holds is nobody's: two processes may do so at once.
  [[nodiscard]] Result<void> fill() const;
  // Gives its room back to the disk; false: there was none.
  bool release() const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  int64_t bytes_;
};

}  // namespace muster
