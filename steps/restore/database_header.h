// The first 100 bytes of a SQLite database.
//
// Errors: `corrupt` for bytes that are not the beginning of a SQLite database.
// Source: sqlite.org/fileformat2.html, "The Database Header".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

struct DatabaseHeader {
  static constexpr size_t bytes = 100;
  uint32_t page_size = 0;  // 512 to 65536
  uint32_t page_count = 0;
  uint32_t user_version = 0;
  uint32_t application_id = 0;
};

[[nodiscard]] Result<DatabaseHeader> parse_database_header(std::string_view first_bytes);

}  // namespace muster
