// A SQLite write-ahead log, proven frame by frame.
//
// Units:  bytes; page numbers count from 1; numbers in the log are big-endian.
// Errors: `corrupt` for anything that SQLite itself would silently take for the end of the log: a header or frame whose
//         salts or chained checksum do not fit, a page size other than the database's, a page number of 0.
// Source: sqlite.org/fileformat2.html, "The Write-Ahead Log"; docs/actions/restore.md, "What is refused".
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/world/files.h"

namespace muster {

struct WalFrame {
  uint64_t number = 0;  // from 1
  uint32_t page = 0;
  uint32_t commit_pages = 0;  // the database's size in pages after this frame; 0: no commit
  std::string_view content;   // valid during the call only
};

using FrameSink = std::function<Result<void>(const WalFrame&)>;

// Takes the bytes of one log in any pieces and gives its frames, each once it has been proven.
class WalDecoder {
 public:
  explicit WalDecoder(uint32_t page_size) : page_size_(page_size) {}

  [[nodiscard]] Result<void> add(std::string_view bytes, const FrameSink& sink);
  // Whether the bytes so far end between two frames (or are none at all).
  [[nodiscard]] bool is_between_frames() const { return carry_.empty(); }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] uint64_t frames() const { return frames_; }
  [[nodiscard]] uint64_t committed_frames() const { return committed_frames_; }
  // The database's size in pages after the last commit; 0 without one.
  [[nodiscard]] uint32_t commit_pages() const { return commit_pages_; }
  // The first salt of its header; nothing before that has come.
  [[nodiscard]] std::optional<uint32_t> salt() const {
    return has_header_ ? std::optional<uint32_t>(salt1_) : std::nullopt;
  }

 private:
  [[nodiscard]] Result<void> take_header(std::string_view header);
  [[nodiscard]] Result<void> take_frame(std::string_view frame, const FrameSink& sink);
  void chain(std::string_view bytes);

  uint32_t page_size_;
  bool has_header_ = false;
  bool big_endian_sums_ = false;
  uint32_t salt1_ = 0, salt2_ = 0;
  uint32_t sum1_ = 0, sum2_ = 0;
  uint64_t bytes_ = 0;
  uint64_t frames_ = 0;
  uint64_t committed_frames_ = 0;
  uint32_t commit_pages_ = 0;
  std::string carry_;  // the beginning of a header or frame whose rest has not come yet
};

// Writes frames into a database file as a checkpoint would: pages in place, cut where a commit shrinks the database.
class PageWriter {
 public:
  PageWriter(WriteFile& file, uint32_t page_size, uint64_t size_bytes)
      : file_(file), page_size_(page_size), size_bytes_(size_bytes) {}
  [[nodiscard]] Result<void> write(const WalFrame& frame);
  [[nodiscard]] uint64_t size_bytes() const { return size_bytes_; }

 private:
  WriteFile& file_;
  uint32_t page_size_;
  uint64_t size_bytes_;
};

}  // namespace muster
