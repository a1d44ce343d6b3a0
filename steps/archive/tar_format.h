// The tar format, as far as backups need it: ustar with pax and GNU long names; nothing that reaches outside.
//
// Units:  bytes; times in microseconds.
// Errors: TarReader: `corrupt` for what is damaged or cut, `refused` for entries that have no business in a backup:
//         hard links, devices, pipes, sparse files, setuid, setgid and sticky bits, names with NUL.
// Source: POSIX.1-2017 pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format"; docs/reliability.md B63.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "interpreter/base/time.h"
#include "steps/archive/byte_sink.h"

namespace muster {

enum class TarKind { file, directory, symlink };

struct TarEntry {
  TarKind kind = TarKind::file;
  std::string name;  // as written; directories may end in `/`
  std::string link;  // of a symlink
  uint64_t size = 0;
  uint32_t mode = 0644;
  Timestamp modified;
};

// Writes entries one after the other; the content of a file goes through add(), exactly `size` bytes of it.
class TarWriter {
 public:
  explicit TarWriter(ByteSink& next) : next_(next) {}
  [[nodiscard]] Result<void> begin(const TarEntry& entry);
  [[nodiscard]] Result<void> add(std::string_view bytes);
  [[nodiscard]] Result<void> finish_entry();
  [[nodiscard]] Result<void> end();

 private:
  ByteSink& next_;
  uint64_t left_ = 0, size_ = 0;
};

// Takes an archive's bytes apart.
class TarReader final : public ByteSink {
 public:
  struct Handler {
    std::function<Result<void>(const TarEntry&)> entry;        // an entry begins
    std::function<Result<void>(std::string_view)> content;     // of the file that has begun
    std::function<Result<void>(const TarEntry&)> end_of_file;  // all its content has come
  };
  explicit TarReader(Handler handler) : handler_(std::move(handler)) {}
  Result<void> add(std::string_view bytes) override;
  Result<void> end() override;

 private:
  enum class State { header, content, padding, extension, after_end };
  Result<void> take_header();
  Result<void> take_extension();
  Result<void> finish_file();

  Handler handler_;
  State state_ = State::header;
  std::string block_;      // a header that is not whole yet
  std::string extension_;  // of an `x`, `g`, `L` or `K` entry
  char extension_kind_ = 0;
  uint64_t left_ = 0;  // of the content
  uint64_t padding_ = 0;
  int zero_blocks_ = 0;
  uint64_t entries_ = 0;
  TarEntry entry_;
  std::string long_name_, long_link_;
  std::map<std::string, std::string> pax_;
};

}  // namespace muster
