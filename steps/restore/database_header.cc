#include "steps/restore/database_header.h"

namespace muster {

namespace {

constexpr std::string_view magic("SQLite format 3\0", 16);

uint32_t big_endian(std::string_view bytes, size_t at, size_t count) {
  uint32_t n = 0;
  for (size_t i = 0; i < count; ++i) n = n << 8 | static_cast<unsigned char>(bytes[at + i]);
  return n;
}

}  // namespace

Result<DatabaseHeader> parse_database_header(std::string_view first_bytes) {
  if (first_bytes.size() < DatabaseHeader::bytes || first_bytes.substr(0, magic.size()) != magic) {
    return fail(ErrorCode::corrupt, "this is not a SQLite database");
  }
  DatabaseHeader header;
  header.page_size = big_endian(first_bytes, 16, 2);
  if (header.page_size == 1) header.page_size = 65536;
  if (header.page_size < 512 || (header.page_size & (header.page_size - 1)) != 0) {
    return fail(ErrorCode::corrupt, "the database's page size, " + std::to_string(header.page_size) +
                                        ", is not a power of two from 512 to 65536");
  }
  header.page_count = big_endian(first_bytes, 28, 4);
  header.user_version = big_endian(first_bytes, 60, 4);
  header.application_id = big_endian(first_bytes, 68, 4);
  return header;
}

}  // namespace muster
