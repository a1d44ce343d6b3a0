#include "steps/archive/compression.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "interpreter/base/handle.h"

namespace muster {

namespace {

constexpr size_t piece = 1 << 18;
constexpr int gzip_window = 15 + 16;  // zlib's way of asking for gzip's own frame
constexpr int zstd_level = 3;
// The window that a frame may ask for: what `zstd` itself grants without being told.
constexpr int zstd_window_log = 27;
// A database full of zeros packs well; nobody's packs better than this beyond the first 64 MiB.
constexpr uint64_t most_growth = 1000;
constexpr uint64_t growth_begins = uint64_t{64} << 20;

Result<void> check_growth(uint64_t in, uint64_t out) {
  if (out <= growth_begins || out / most_growth <= in) return {};
  return fail(ErrorCode::refused, "it unpacks to more than " + std::to_string(most_growth) + " times its size",
              "no backup does: take it for a hostile file");
}

tl::unexpected<Error> cut(std::string_view what) {
  return fail(ErrorCode::corrupt, "the " + std::string(what) + " data is cut: its end is missing");
}

class Gzip final : public ByteSink {
 public:
  explicit Gzip(ByteSink& next) : next_(next) {
    is_ready_ = deflateInit2(&stream_, 6, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK;
  }
  ~Gzip() override { deflateEnd(&stream_); }
  Gzip(const Gzip&) = delete;
  Gzip& operator=(const Gzip&) = delete;
  Result<void> add(std::string_view bytes) override { return run(bytes, Z_NO_FLUSH); }
  Result<void> end() override {
    if (Result<void> done = run({}, Z_FINISH); !done) return done;
    return next_.end();
  }

 private:
  Result<void> run(std::string_view bytes, int flush) {
    if (!is_ready_) return fail(ErrorCode::storage, "there is no memory for gzip");
    while (true) {
      size_t taken = std::min(bytes.size(), size_t{1} << 30);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib's own want of const
      stream_.avail_in = static_cast<uInt>(taken);
      int rc = Z_OK;
      do {
        stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
        stream_.avail_out = static_cast<uInt>(out_.size());
        rc = deflate(&stream_, flush);
        if (rc == Z_STREAM_ERROR) return fail(ErrorCode::storage, "gzip failed");
        size_t made = out_.size() - stream_.avail_out;
        if (made > 0) {
          if (Result<void> put = next_.add({out_.data(), made}); !put) return put;
        }
      } while (stream_.avail_out == 0 || (flush == Z_FINISH && rc != Z_STREAM_END));
      bytes.remove_prefix(taken);
      if (bytes.empty()) return {};
    }
  }
  ByteSink& next_;
  z_stream stream_{};
  bool is_ready_ = false;
  std::string out_ = std::string(piece, '\0');
};

class Gunzip final : public ByteSink {
 public:
  explicit Gunzip(ByteSink& next) : next_(next) { is_ready_ = inflateInit2(&stream_, gzip_window) == Z_OK; }
  ~Gunzip() override { inflateEnd(&stream_); }
  Gunzip(const Gunzip&) = delete;
  Gunzip& operator=(const Gunzip&) = delete;
  Result<void> add(std::string_view bytes) override {
    if (!is_ready_) return fail(ErrorCode::storage, "there is no memory for gzip");
    in_ += bytes.size();
    while (!bytes.empty()) {
      if (is_done_) {
        // Members may follow each other; anything else behind the end is nobody's.
        if (inflateReset(&stream_) != Z_OK) return fail(ErrorCode::storage, "gzip failed");
        is_done_ = false;
      }
      size_t taken = std::min(bytes.size(), size_t{1} << 30);
      stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      stream_.avail_in = static_cast<uInt>(taken);
      do {
        stream_.next_out = reinterpret_cast<Bytef*>(buffer_.data());
        stream_.avail_out = static_cast<uInt>(buffer_.size());
        int rc = inflate(&stream_, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
          return fail(ErrorCode::corrupt,
                      std::string("the gzip data is damaged: ") + (stream_.msg ? stream_.msg : "not gzip"));
        }
        size_t made = buffer_.size() - stream_.avail_out;
        out_ += made;
        if (Result<void> sane = check_growth(in_, out_); !sane) return sane;
        if (made > 0) {
          if (Result<void> put = next_.add({buffer_.data(), made}); !put) return put;
        }
        is_done_ = rc == Z_STREAM_END;
      } while (!is_done_ && (stream_.avail_in > 0 || stream_.avail_out == 0));
      bytes.remove_prefix(taken - stream_.avail_in);
    }
    return {};
  }
  Result<void> end() override {
    if (!is_done_) return cut("gzip");
    return next_.end();
  }

 private:
  ByteSink& next_;
  z_stream stream_{};
  bool is_ready_ = false, is_done_ = false;
  uint64_t in_ = 0, out_ = 0;
  std::string buffer_ = std::string(piece, '\0');
};

using Packer = Handle<ZSTD_CCtx, &ZSTD_freeCCtx>;
using Unpacker = Handle<ZSTD_DCtx, &ZSTD_freeDCtx>;

class Zstd final : public ByteSink {
 public:
  explicit Zstd(ByteSink& next) : next_(next), context_(ZSTD_createCCtx()) {
    if (!context_) return;
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, zstd_level);
    ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
  }
  Result<void> add(std::string_view bytes) override { return run(bytes, ZSTD_e_continue); }
  Result<void> end() override {
    if (Result<void> done = run({}, ZSTD_e_end); !done) return done;
    return next_.end();
  }

 private:
  Result<void> run(std::string_view bytes, ZSTD_EndDirective how) {
    if (!context_) return fail(ErrorCode::storage, "there is no memory for zstd");
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    while (true) {
      ZSTD_outBuffer out{out_.data(), out_.size(), 0};
      size_t left = ZSTD_compressStream2(context_.get(), &out, &in, how);
      if (ZSTD_isError(left) != 0) return fail(ErrorCode::storage, std::string("zstd: ") + ZSTD_getErrorName(left));
      if (out.pos > 0) {
        if (Result<void> put = next_.add({out_.data(), out.pos}); !put) return put;
      }
      bool is_done = how == ZSTD_e_end ? left == 0 : in.pos == in.size;
      if (is_done) return {};
    }
  }
  ByteSink& next_;
  Packer context_;
  std::string out_ = std::string(piece, '\0');
};

class Unzstd final : public ByteSink {
 public:
  explicit Unzstd(ByteSink& next) : next_(next), context_(ZSTD_createDCtx()) {
    if (context_) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, zstd_window_log);
  }
  Result<void> add(std::string_view bytes) override {
    if (!context_) return fail(ErrorCode::storage, "there is no memory for zstd");
    in_ += bytes.size();
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool is_full = false;
    while (in.pos < in.size || is_full) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      size_t left = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(left) != 0)
        return fail(ErrorCode::corrupt, std::string("the zstd data is damaged: ") + ZSTD_getErrorName(left));
      is_done_ = left == 0;
      is_full = out.pos == out.size && !is_done_;
      out_ += out.pos;
      if (Result<void> sane = check_growth(in_, out_); !sane) return sane;
      if (out.pos > 0) {
        if (Result<void> put = next_.add({buffer_.data(), out.pos}); !put) return put;
      }
    }
    return {};
  }
  Result<void> end() override {
    if (!is_done_) return cut("zstd");
    return next_.end();
  }

 private:
  ByteSink& next_;
  Unpacker context_;
  bool is_done_ = false;
  uint64_t in_ = 0, out_ = 0;
  std::string buffer_ = std::string(piece, '\0');
};

class Passing final : public ByteSink {
 public:
  explicit Passing(ByteSink& next) : next_(next) {}
  Result<void> add(std::string_view bytes) override { return next_.add(bytes); }
  Result<void> end() override { return next_.end(); }

 private:
  ByteSink& next_;
};

}  // namespace

std::string_view suffix_of(Compression compression) {
  switch (compression) {
    case Compression::gzip:
      return ".gz";
    case Compression::zstd:
      return ".zst";
    case Compression::none:
      break;
  }
  return "";
}

std::unique_ptr<ByteSink> compress_into(Compression compression, ByteSink& next) {
  if (compression == Compression::gzip) return std::make_unique<Gzip>(next);
  if (compression == Compression::zstd) return std::make_unique<Zstd>(next);
  return std::make_unique<Passing>(next);
}

std::unique_ptr<ByteSink> decompress_into(Compression compression, ByteSink& next) {
  if (compression == Compression::gzip) return std::make_unique<Gunzip>(next);
  if (compression == Compression::zstd) return std::make_unique<Unzstd>(next);
  return std::make_unique<Passing>(next);
}

}  // namespace muster
