#include "steps/restore/lz4_frame.h"

#include <lz4frame.h>

#include <algorithm>
#include <string>

#include "interpreter/base/handle.h"

namespace muster {

namespace {

constexpr size_t input_bytes = 128 << 10;
constexpr size_t output_bytes = 256 << 10;
constexpr std::string_view frame_magic("\x04\x22\x4d\x18", 4);
// Magic, flags, block size, header checksum: what even the shortest frame header has.
constexpr size_t shortest_header = 7;

using Context = Handle<LZ4F_dctx, &LZ4F_freeDecompressionContext>;

tl::unexpected<Error> corrupt(std::string message) { return fail(ErrorCode::corrupt, std::move(message)); }

}  // namespace

struct Lz4FrameReader::State {
  std::unique_ptr<ReadFile> file;
  Context context;
  std::string input;
  std::string_view rest;  // of `input`, not yet decoded
  std::unique_ptr<char[]> output;
  size_t piece_bytes = input_bytes;
  uint64_t consumed = 0;
  bool has_header = false;
  bool at_end_of_file = false;
  bool output_was_full = false;  // more may come out without more going in
  bool ended = false;

  Result<void> fill(size_t at_least) {
    std::string kept(rest);
    while (kept.size() < at_least && !at_end_of_file) {
      Result<std::string> more = file->read(piece_bytes);
      if (!more) return pass(more.error());
      if (more->empty()) at_end_of_file = true;
      consumed += more->size();
      if (kept.empty()) {
        kept = std::move(*more);
      } else {
        kept += *more;
      }
    }
    input = std::move(kept);
    rest = input;
    return {};
  }

  Result<void> read_header() {
    if (!context) {
      LZ4F_dctx* raw = nullptr;
      if (LZ4F_isError(LZ4F_createDecompressionContext(&raw, LZ4F_VERSION))) {
        return fail(ErrorCode::storage, "no memory for the LZ4 decoder");
      }
      context.reset(raw);
      output = std::make_unique_for_overwrite<char[]>(output_bytes);
    }
    LZ4F_resetDecompressionContext(context.get());
    if (Result<void> filled = fill(LZ4F_HEADER_SIZE_MAX); !filled) return filled;
    if (rest.empty()) return corrupt("the file is empty");
    if (rest.substr(0, frame_magic.size()) != frame_magic.substr(0, rest.size())) {
      return corrupt("this is not an LZ4 frame");
    }
    if (rest.size() < shortest_header) return corrupt("the file is cut within the frame's header");
    LZ4F_frameInfo_t info{};
    size_t used = rest.size();
    size_t hint = LZ4F_getFrameInfo(context.get(), &info, rest.data(), &used);
    if (LZ4F_isError(hint)) {
      return corrupt(std::string("the frame's header is damaged (") + LZ4F_getErrorName(hint) + ")");
    }
    if (info.frameType != LZ4F_frame) return corrupt("this is not an LZ4 frame with content");
    if (info.contentChecksumFlag != LZ4F_contentChecksumEnabled) {
      return corrupt("the frame has no content checksum, so its bytes cannot be proven");
    }
    rest.remove_prefix(used);
    has_header = true;
    return {};
  }
};

Lz4FrameReader::Lz4FrameReader() : state_(std::make_unique<State>()) {}
Lz4FrameReader::~Lz4FrameReader() = default;
Lz4FrameReader::Lz4FrameReader(Lz4FrameReader&&) noexcept = default;

void Lz4FrameReader::open(std::unique_ptr<ReadFile> file, uint64_t size_bytes) {
  State& state = *state_;
  state.file = std::move(file);
  state.piece_bytes = static_cast<size_t>(std::clamp<uint64_t>(size_bytes, 64, input_bytes));
  state.input.clear();
  state.rest = {};
  state.consumed = 0;
  state.has_header = state.at_end_of_file = state.output_was_full = state.ended = false;
}

uint64_t Lz4FrameReader::consumed() const { return state_->consumed; }

Result<std::string_view> Lz4FrameReader::next() {
  State& state = *state_;
  if (!state.has_header) {
    if (Result<void> header = state.read_header(); !header) return pass(header.error());
  }
  while (!state.ended) {
    if (state.rest.empty() && !state.output_was_full) {
      if (Result<void> filled = state.fill(1); !filled) return pass(filled.error());
      if (state.rest.empty()) return corrupt("the file is cut: the frame does not end");
    }
    size_t in = state.rest.size();
    size_t out = output_bytes;
    size_t hint = LZ4F_decompress(state.context.get(), state.output.get(), &out, state.rest.data(), &in, nullptr);
    if (LZ4F_isError(hint)) return corrupt(std::string("the frame is damaged (") + LZ4F_getErrorName(hint) + ")");
    state.rest.remove_prefix(in);
    state.output_was_full = out == output_bytes;
    state.ended = hint == 0;
    if (out > 0) return std::string_view(state.output.get(), out);
  }
  if (Result<void> filled = state.fill(1); !filled) return pass(filled.error());
  if (!state.rest.empty()) return corrupt("the file goes on after the frame's end");
  return std::string_view();
}

}  // namespace muster
