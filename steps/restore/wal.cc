#include "steps/restore/wal.h"

#include <algorithm>

namespace muster {

namespace {

constexpr size_t header_bytes = 32;
constexpr size_t frame_header_bytes = 24;
constexpr uint32_t magic = 0x377f0682;  // the last bit says in which byte order the checksums count
constexpr uint32_t version = 3007000;

uint32_t big_endian(std::string_view bytes, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])); };
  return byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
}

uint32_t little_endian(std::string_view bytes, size_t at) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + i])); };
  return byte(3) << 24 | byte(2) << 16 | byte(1) << 8 | byte(0);
}

tl::unexpected<Error> corrupt(std::string message) { return fail(ErrorCode::corrupt, std::move(message)); }

}  // namespace

void WalDecoder::chain(std::string_view bytes) {
  uint32_t s0 = sum1_, s1 = sum2_;
  if (big_endian_sums_) {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      s0 += big_endian(bytes, i) + s1;
      s1 += big_endian(bytes, i + 4) + s0;
    }
  } else {
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      s0 += little_endian(bytes, i) + s1;
      s1 += little_endian(bytes, i + 4) + s0;
    }
  }
  sum1_ = s0;
  sum2_ = s1;
}

Result<void> WalDecoder::take_header(std::string_view header) {
  uint32_t found = big_endian(header, 0);
  if ((found & ~1u) != magic) return corrupt("the log's header has no WAL magic number");
  big_endian_sums_ = (found & 1) != 0;
  if (big_endian(header, 4) != version) return corrupt("the log's header has an unknown WAL version");
  if (big_endian(header, 8) != page_size_) {
    return corrupt("the log's pages have " + std::to_string(big_endian(header, 8)) + " bytes, the database's " +
                   std::to_string(page_size_));
  }
  salt1_ = big_endian(header, 16);
  salt2_ = big_endian(header, 20);
  chain(header.substr(0, 24));
  if (sum1_ != big_endian(header, 24) || sum2_ != big_endian(header, 28)) {
    return corrupt("the checksum of the log's header does not fit");
  }
  has_header_ = true;
  return {};
}

Result<void> WalDecoder::take_frame(std::string_view frame, const FrameSink& sink) {
  WalFrame out;
  out.number = frames_ + 1;
  out.page = big_endian(frame, 0);
  out.commit_pages = big_endian(frame, 4);
  out.content = frame.substr(frame_header_bytes);
  std::string which = "frame " + std::to_string(out.number);
  if (big_endian(frame, 8) != salt1_ || big_endian(frame, 12) != salt2_) {
    return corrupt("the salts of " + which + " are not those of the log's header: it belongs to another log");
  }
  chain(frame.substr(0, 8));
  chain(out.content);
  if (sum1_ != big_endian(frame, 16) || sum2_ != big_endian(frame, 20)) {
    return corrupt("the checksum of " + which + " does not fit");
  }
  if (out.page == 0) return corrupt(which + " has no page number");
  frames_ = out.number;
  if (out.commit_pages > 0) {
    committed_frames_ = frames_;
    commit_pages_ = out.commit_pages;
  }
  return sink(out);
}

Result<void> WalDecoder::add(std::string_view bytes, const FrameSink& sink) {
  bytes_ += bytes.size();
  while (!bytes.empty()) {
    size_t need = has_header_ ? frame_header_bytes + page_size_ : header_bytes;
    std::string_view whole;
    if (carry_.empty() && bytes.size() >= need) {
      whole = bytes.substr(0, need);
      bytes.remove_prefix(need);
    } else {
      size_t taken = std::min(need - carry_.size(), bytes.size());
      carry_.append(bytes.substr(0, taken));
      bytes.remove_prefix(taken);
      if (carry_.size() < need) return {};
      whole = carry_;
    }
    Result<void> done = has_header_ ? take_frame(whole, sink) : take_header(whole);
    if (!done) return done;
    carry_.clear();
  }
  return {};
}

Result<void> PageWriter::write(const WalFrame& frame) {
  uint64_t offset = static_cast<uint64_t>(frame.page - 1) * page_size_;
  if (Result<void> written = file_.write_at(offset, frame.content); !written) return written;
  size_bytes_ = std::max(size_bytes_, offset + page_size_);
  if (frame.commit_pages == 0) return {};
  uint64_t committed = static_cast<uint64_t>(frame.commit_pages) * page_size_;
  if (committed == size_bytes_) return {};
  // Shorter: pages beyond the new end are gone. Longer: the lock page at 1 GiB is never written, and may be the last.
  size_bytes_ = committed;
  return file_.truncate(committed);
}

}  // namespace muster
