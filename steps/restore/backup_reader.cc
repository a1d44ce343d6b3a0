#include "steps/restore/backup_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "steps/restore/lz4_frame.h"
#include "steps/restore/wal.h"

namespace muster {

namespace {

// Says which file is damaged. Errors of writing and reading name their path themselves.
Error in_file(Error error, const std::string& where, const std::string& path) {
  if (error.code != ErrorCode::corrupt) return error;
  error.message = where + " (`" + path + "`): " + error.message;
  if (error.hint.empty()) {
    error.hint = "bring the file back from another copy of the replica, or restore to a moment before it with `at`";
  }
  return error;
}

std::string where(const BackupChoice& choice, const Segment& segment) {
  return "generation " + choice.generation + ", log " + hex_name(segment.index) + ", offset " +
         hex_name(segment.offset);
}

Error stopped() { return fail(ErrorCode::interrupted, "the restore was stopped").value(); }

// Decodes files one after the other. Only when decode() has succeeded are the bytes proven that the sink got.
class Decoder {
 public:
  Decoder(FilesRead& files, std::stop_token stop) : files_(files), stop_(std::move(stop)) {}

  Result<void> decode(const std::string& path, uint64_t size_bytes,
                      const std::function<Result<void>(std::string_view)>& sink,
                      const std::function<void(uint64_t more)>& consumed = {}) {
    Result<std::unique_ptr<ReadFile>> file = files_.open(path);
    if (!file) return pass(file.error());
    reader_.open(std::move(*file), size_bytes);
    uint64_t seen = 0;
    while (true) {
      if (stop_.stop_requested()) return pass(stopped());
      Result<std::string_view> bytes = reader_.next();
      if (!bytes) return pass(bytes.error());
      if (consumed) consumed(reader_.consumed() - seen);
      seen = reader_.consumed();
      if (bytes->empty()) return {};
      if (Result<void> taken = sink(*bytes); !taken) return taken;
    }
  }

 private:
  FilesRead& files_;
  std::stop_token stop_;
  Lz4FrameReader reader_;
};

// Why a log cannot be the one behind another, by the first salts of both. SQLite counts that salt up by one where it
// goes on with a log from its beginning; where another connection begins the log behind a checkpoint it draws a new
// one, which says nothing. A salt that was drawn lies as near to the last one once in eight million times.
std::optional<std::string> not_the_next(uint32_t before, uint32_t salt) {
  constexpr int32_t near = 256;
  const auto step = static_cast<int32_t>(salt - before);
  if (step == 1 || step > near || step < -near) return std::nullopt;
  if (step == 0) return "it is that log once more";
  return step < 0 ? "it is an earlier log than that" : "it is a later log than the next one";
}

// The logs of a choice one after the other; `sink` gets each proven frame with its log's index.
class LogChain {
 public:
  using Sink = std::function<Result<void>(uint32_t index, const WalFrame&)>;
  using End = std::function<Result<void>(uint32_t index, const WalDecoder&, bool is_last)>;

  LogChain(Decoder& files, const BackupChoice& choice, uint32_t page_size)
      : files_(files), choice_(choice), page_size_(page_size) {}

  Result<void> run(const Sink& sink, const End& end, const std::function<void(uint64_t)>& consumed = {}) {
    for (const Segment& segment : choice_.segments) {
      if (decoder_ && segment.index != index_) {
        if (Result<void> ended = end_log(end, false); !ended) return ended;
      }
      if (!decoder_) {
        decoder_.emplace(page_size_);
        index_ = segment.index;
      }
      if (Result<void> joins = check_offset(segment); !joins) return joins;
      Result<void> read = files_.decode(
          segment.path, segment.size_bytes,
          [&](std::string_view bytes) {
            return decoder_->add(bytes, [&](const WalFrame& frame) { return sink(index_, frame); });
          },
          consumed);
      if (!read) return pass(in_file(read.error(), where(choice_, segment), segment.path));
      if (Result<void> follows = check_salt(segment); !follows) return follows;
      if (decoder_->bytes() == segment.offset) {
        return pass(in_file(fail(ErrorCode::corrupt, "the segment holds nothing").value(), where(choice_, segment),
                            segment.path));
      }
      last_ = &segment;
    }
    if (choice_.next) {
      // Beyond the moment asked for, so it is not read; but it must follow on what was.
      if (decoder_ && choice_.next->index == index_) {
        if (Result<void> joins = check_offset(*choice_.next); !joins) return joins;
      } else if (choice_.next->offset != 0) {
        return missing(*choice_.next, 0);
      }
    }
    return decoder_ ? end_log(end, true) : Result<void>{};
  }

 private:
  tl::unexpected<Error> missing(const Segment& found, uint64_t expected) {
    std::string file = segment_file_name(found.index, expected);
    return fail(ErrorCode::corrupt,
                "generation " + choice_.generation + ", log " + hex_name(found.index) + ": the segment at offset " +
                    hex_name(expected) + " (" + std::to_string(expected) + ") is missing: no `" + file + "` before `" +
                    segment_file_name(found.index, found.offset) + "`",
                "bring the file back from another copy of the replica, or restore to a moment before it with `at`");
  }

  Result<void> check_offset(const Segment& segment) {
    if (segment.offset == decoder_->bytes()) return {};
    if (segment.offset > decoder_->bytes()) return missing(segment, decoder_->bytes());
    return fail(ErrorCode::corrupt, where(choice_, segment) + " (`" + segment.path +
                                        "`): the segments before it already hold " + std::to_string(decoder_->bytes()) +
                                        " bytes of this log");
  }

  Result<void> check_salt(const Segment& segment) {
    if (segment.offset != 0 || !decoder_->salt()) return {};
    const std::optional<uint32_t> before = std::exchange(salt_, decoder_->salt());
    const std::optional<std::string> wrong = before ? not_the_next(*before, *salt_) : std::nullopt;
    if (!wrong) return {};
    return pass(
        in_file(fail(ErrorCode::corrupt, "it does not follow on log " + hex_name(index_ - 1) + ": " + *wrong).value(),
                where(choice_, segment), segment.path));
  }

  Result<void> end_log(const End& end, bool is_last) {
    std::string place = where(choice_, *last_);
    if (!decoder_->is_between_frames()) {
      return pass(in_file(fail(ErrorCode::corrupt, "the log is cut within a frame").value(), place, last_->path));
    }
    if (!is_last && decoder_->committed_frames() != decoder_->frames()) {
      return pass(
          in_file(fail(ErrorCode::corrupt,
                       "the log ends in an open transaction though another log follows: its last segment is missing")
                      .value(),
                  place, last_->path));
    }
    Result<void> ended = end(index_, *decoder_, is_last);
    decoder_.reset();
    return ended;
  }

  Decoder& files_;
  const BackupChoice& choice_;
  uint32_t page_size_;
  std::optional<WalDecoder> decoder_;
  uint32_t index_ = 0;
  std::optional<uint32_t> salt_;  // of the log that was begun last
  const Segment* last_ = nullptr;
};

Error in_snapshot(Error error, const BackupChoice& choice) {
  return in_file(std::move(error), "generation " + choice.generation + ", snapshot " + hex_name(choice.snapshot.index),
                 choice.snapshot.path);
}

Result<DatabaseHeader> snapshot_header(FilesRead& files, const BackupChoice& choice) {
  Result<std::unique_ptr<ReadFile>> file = files.open(choice.snapshot.path);
  if (!file) return pass(file.error());
  Lz4FrameReader reader;
  reader.open(std::move(*file), choice.snapshot.size_bytes);
  std::string first;
  while (first.size() < DatabaseHeader::bytes) {
    Result<std::string_view> bytes = reader.next();
    if (!bytes) return pass(bytes.error());
    if (bytes->empty()) break;
    first.append(bytes->substr(0, DatabaseHeader::bytes - first.size()));
  }
  return parse_database_header(first);
}

}  // namespace

Result<Survey> survey(FilesRead& files, const BackupChoice& choice, std::stop_token stop) {
  Result<DatabaseHeader> header = snapshot_header(files, choice);
  if (!header) return pass(in_snapshot(header.error(), choice));
  Survey found;
  found.header = *header;
  uint64_t page_size = header->page_size;
  // A header written by a very old SQLite has no page count; no database is smaller than its packed form by much.
  found.size_bytes =
      std::max<uint64_t>(header->page_count * page_size, header->page_count == 0 ? choice.snapshot.size_bytes : 0);
  found.peak_bytes = found.size_bytes;
  Decoder decoder(files, std::move(stop));
  LogChain chain(decoder, choice, header->page_size);
  Result<void> read = chain.run(
      [&](uint32_t, const WalFrame& frame) -> Result<void> {
        found.peak_bytes = std::max(found.peak_bytes, frame.page * page_size);
        return {};
      },
      [&](uint32_t index, const WalDecoder& log, bool) -> Result<void> {
        found.committed[index] = log.committed_frames();
        found.frames += log.committed_frames();
        if (log.commit_pages() > 0) found.size_bytes = log.commit_pages() * page_size;
        if (uint64_t open = log.frames() - log.committed_frames(); open > 0) {
          found.notes.push_back("the last " + std::to_string(open) + " pages of log " + hex_name(index) +
                                " belong to a transaction that was not committed, and were left out");
        }
        return {};
      });
  if (!read) return pass(read.error());
  found.peak_bytes = std::max(found.peak_bytes, found.size_bytes);
  return found;
}

Result<uint64_t> write_database(FilesRead& files, const BackupChoice& choice, const Survey& found, WriteFile& file,
                                std::stop_token stop, const ReadProgress& progress) {
  uint64_t total = choice.snapshot.size_bytes;
  for (const Segment& segment : choice.segments) total += segment.size_bytes;
  uint64_t done = 0;
  auto consumed = [&](uint64_t more) { progress(done += more, total); };
  uint64_t written = 0;
  Decoder decoder(files, std::move(stop));
  Result<void> snapshot = decoder.decode(
      choice.snapshot.path, choice.snapshot.size_bytes,
      [&](std::string_view bytes) {
        Result<void> put = file.write_at(written, bytes);
        written += bytes.size();
        return put;
      },
      consumed);
  if (!snapshot) return pass(in_snapshot(snapshot.error(), choice));
  uint32_t page_size = found.header.page_size;
  if (written == 0 || written % page_size != 0) {
    return pass(in_snapshot(fail(ErrorCode::corrupt, "its " + std::to_string(written) +
                                                         " bytes are not whole pages of " + std::to_string(page_size))
                                .value(),
                            choice));
  }
  PageWriter pages(file, page_size, written);
  LogChain chain(decoder, choice, page_size);
  Result<void> applied = chain.run(
      [&](uint32_t index, const WalFrame& frame) -> Result<void> {
        auto committed = found.committed.find(index);
        if (committed == found.committed.end() || frame.number > committed->second) return {};
        return pages.write(frame);
      },
      [&](uint32_t index, const WalDecoder& log, bool) -> Result<void> {
        auto committed = found.committed.find(index);
        if (committed != found.committed.end() && committed->second == log.committed_frames()) return {};
        return fail(ErrorCode::corrupt,
                    "generation " + choice.generation + ", log " + hex_name(index) + " changed while it was read");
      },
      consumed);
  if (!applied) return pass(applied.error());
  if (Result<void> synced = file.sync(); !synced) return pass(synced.error());
  return pages.size_bytes();
}

}  // namespace muster
