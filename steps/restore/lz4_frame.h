// LZ4 frames in files, one a file, read as streams. The only place that sees liblz4.
//
// Memory: bounded by the frame's block size (at most 4 MB) and our two buffers, whatever the file's length.
// Errors: `corrupt` for a file that is no LZ4 frame, is cut, carries no content checksum, fails one of its checksums or
//         goes on after its end; what the file's own read said. Bytes handed out before the end are not yet proven:
//         only an empty answer of next() says that the content checksum fits.
#pragma once

#include <memory>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/world/files.h"

namespace muster {

class Lz4FrameReader {
 public:
  Lz4FrameReader();
  ~Lz4FrameReader();
  Lz4FrameReader(Lz4FrameReader&&) noexcept;

  // Begins with a file; buffers are used again, since a replica has thousands of small ones.
  void open(std::unique_ptr<ReadFile> file, uint64_t size_bytes);
  // The next decoded bytes, valid until the next call; empty once the whole frame has been proven.
  [[nodiscard]] Result<std::string_view> next();
  // Compressed bytes taken from the file so far.
  [[nodiscard]] uint64_t consumed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster
