#include <algorithm>
#include <charconv>
#include <optional>

#include "steps/archive/tar_format.h"

namespace muster {

namespace {

constexpr size_t block = 512;
constexpr uint64_t most_extension_bytes = 1 << 20;
constexpr uint64_t most_entries = 500'000;
constexpr uint64_t most_file_bytes = uint64_t{1} << 50;

tl::unexpected<Error> damaged(const std::string& what) {
  return fail(ErrorCode::corrupt, "the tar archive is damaged: " + what);
}

// A field up to its first NUL; nothing where bytes stand behind one.
std::optional<std::string> text_field(std::string_view header, size_t at, size_t width) {
  std::string_view field = header.substr(at, width);
  size_t end = std::min(field.find('\0'), field.size());
  for (char c : field.substr(end))
    if (c != '\0') return std::nullopt;
  return std::string(field.substr(0, end));
}

// Octal digits, or GNU's binary form where the first bit is set.
std::optional<uint64_t> number_field(std::string_view header, size_t at, size_t width) {
  std::string_view field = header.substr(at, width);
  if ((field[0] & '\x80') != 0) {
    if (field[0] != '\x80') return std::nullopt;  // negative, or beyond 64 bits
    uint64_t number = 0;
    for (char c : field.substr(1)) {
      if (number >> 56 != 0) return std::nullopt;
      number = number << 8 | static_cast<unsigned char>(c);
    }
    return number;
  }
  while (!field.empty() && field.front() == ' ') field.remove_prefix(1);
  while (!field.empty() && (field.back() == ' ' || field.back() == '\0')) field.remove_suffix(1);
  uint64_t number = 0;
  for (char c : field) {
    if (c < '0' || c > '7' || number >> 61 != 0) return std::nullopt;
    number = number * 8 + static_cast<uint64_t>(c - '0');
  }
  return number;
}

bool has_right_sum(std::string_view header) {
  std::optional<uint64_t> written = number_field(header, 148, 8);
  uint64_t sum = 8 * ' ';
  for (size_t i = 0; i < block; ++i)
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(header[i]);
  return written == sum;
}

std::optional<Timestamp> pax_time(std::string_view text) {
  bool is_before = text.starts_with('-');
  if (is_before) text.remove_prefix(1);
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || seconds > 253402300799) return std::nullopt;
  std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  int64_t us = seconds * 1'000'000;
  if (rest.starts_with('.')) {
    int64_t unit = 100'000;
    for (char c : rest.substr(1)) {
      if (c < '0' || c > '9') return std::nullopt;
      us += (c - '0') * unit;
      unit /= 10;
    }
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  return Timestamp{is_before ? -us : us};
}

}  // namespace

Result<void> TarReader::add(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::header:
      case State::after_end: {
        size_t taken = std::min(bytes.size(), block - block_.size());
        block_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        if (block_.size() < block) return {};
        if (Result<void> done = take_header(); !done) return done;
        block_.clear();
        break;
      }
      case State::content: {
        size_t taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
        if (Result<void> given = handler_.content(bytes.substr(0, taken)); !given) return given;
        bytes.remove_prefix(taken);
        left_ -= taken;
        if (left_ == 0) {
          if (Result<void> done = finish_file(); !done) return done;
        }
        break;
      }
      case State::extension: {
        size_t taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), left_));
        extension_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
        left_ -= taken;
        if (left_ == 0) {
          if (Result<void> done = take_extension(); !done) return done;
          state_ = padding_ > 0 ? State::padding : State::header;
        }
        break;
      }
      case State::padding: {
        size_t taken = static_cast<size_t>(std::min<uint64_t>(bytes.size(), padding_));
        bytes.remove_prefix(taken);
        padding_ -= taken;
        if (padding_ == 0) state_ = State::header;
        break;
      }
    }
  }
  return {};
}

Result<void> TarReader::end() {
  if (state_ == State::after_end && block_.empty()) return {};
  return fail(ErrorCode::corrupt, "the tar archive is cut: its end is missing");
}

Result<void> TarReader::finish_file() {
  if (Result<void> done = handler_.end_of_file(entry_); !done) return done;
  state_ = padding_ > 0 ? State::padding : State::header;
  return {};
}

Result<void> TarReader::take_header() {
  bool is_zero = block_.find_first_not_of('\0') == std::string::npos;
  if (state_ == State::after_end) {
    return is_zero ? Result<void>() : damaged("bytes stand behind its end");
  }
  if (is_zero) {
    if (!pax_.empty() || !long_name_.empty() || !long_link_.empty()) return damaged("an entry is missing");
    if (++zero_blocks_ == 2) state_ = State::after_end;
    return {};
  }
  if (zero_blocks_ > 0) return damaged("an entry stands behind its end");
  std::string_view header = block_;
  if (!has_right_sum(header)) return damaged("the checksum of entry " + std::to_string(entries_ + 1) + " is wrong");
  if (header.substr(257, 5) != "ustar") return damaged("entry " + std::to_string(entries_ + 1) + " is not ustar");
  if (++entries_ > most_entries)
    return fail(ErrorCode::refused, "the archive has more than " + std::to_string(most_entries) + " entries");
  std::optional<uint64_t> size = number_field(header, 124, 12), mode = number_field(header, 100, 8),
                          time = number_field(header, 136, 12);
  std::optional<std::string> name = text_field(header, 0, 100), link = text_field(header, 157, 100);
  if (!name || !link) return fail(ErrorCode::refused, "an entry's name holds a NUL byte");
  if (!size || !mode) return damaged("`" + *name + "` has no size or mode");
  char kind = header[156];
  if (kind == 'x' || kind == 'g' || kind == 'L' || kind == 'K') {
    if (*size == 0 || *size > most_extension_bytes)
      return fail(ErrorCode::refused, "an extended header of the archive has " + std::to_string(*size) + " bytes");
    extension_kind_ = kind;
    extension_.clear();
    left_ = *size;
    padding_ = (block - *size % block) % block;
    state_ = State::extension;
    return {};
  }
  entry_ = {};
  bool is_posix = header.substr(257, 6) == std::string_view("ustar\0", 6);
  if (is_posix) {
    std::optional<std::string> prefix = text_field(header, 345, 155);
    if (!prefix) return fail(ErrorCode::refused, "an entry's name holds a NUL byte");
    if (!prefix->empty()) *name = *prefix + "/" + *name;
  }
  entry_.name = long_name_.empty() ? *name : long_name_;
  entry_.link = long_link_.empty() ? *link : long_link_;
  entry_.size = *size;
  entry_.modified = {static_cast<int64_t>(std::min<uint64_t>(time.value_or(0), 253402300799)) * 1'000'000};
  for (const auto& [key, value] : pax_) {
    if (key.starts_with("GNU.sparse"))
      return fail(ErrorCode::refused, "`" + entry_.name + "` is a sparse file, which is not unpacked");
    if (key == "path") entry_.name = value;
    if (key == "linkpath") entry_.link = value;
    if (key == "mtime") {
      std::optional<Timestamp> at = pax_time(value);
      if (!at) return damaged("`" + entry_.name + "` has the time `" + value + "`");
      entry_.modified = *at;
    }
    if (key == "size") {
      auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), entry_.size);
      if (error != std::errc() || end != value.data() + value.size())
        return damaged("`" + entry_.name + "` has the size `" + value + "`");
    }
  }
  pax_.clear();
  long_name_.clear();
  long_link_.clear();
  if (entry_.name.find('\0') != std::string::npos || entry_.link.find('\0') != std::string::npos)
    return fail(ErrorCode::refused, "an entry's name holds a NUL byte");
  if (entry_.name.empty()) return damaged("an entry has no name");
  if ((*mode & 07000) != 0)
    return fail(ErrorCode::refused, "`" + entry_.name + "` is setuid, setgid or sticky, which no backup needs");
  entry_.mode = static_cast<uint32_t>(*mode & 0777);
  switch (kind) {
    case '0':
    case '\0':
    case '7':
      // Before pax a directory was a file whose name ends so.
      entry_.kind = entry_.name.ends_with('/') ? TarKind::directory : TarKind::file;
      break;
    case '5':
      entry_.kind = TarKind::directory;
      break;
    case '2':
      entry_.kind = TarKind::symlink;
      break;
    case '1':
      return fail(ErrorCode::refused, "`" + entry_.name + "` is a hard link, which is not unpacked");
    case '3':
    case '4':
    case '6':
      return fail(ErrorCode::refused, "`" + entry_.name + "` is a device or a pipe, which is not unpacked");
    case 'S':
      return fail(ErrorCode::refused, "`" + entry_.name + "` is a sparse file, which is not unpacked");
    default:
      return fail(ErrorCode::refused, "`" + entry_.name + "` is an entry of a kind that is not unpacked");
  }
  if (entry_.size > most_file_bytes)
    return fail(ErrorCode::refused, "`" + entry_.name + "` claims to have " + std::to_string(entry_.size) + " bytes");
  if (entry_.kind != TarKind::file && entry_.size != 0) return damaged("`" + entry_.name + "` has content");
  if (entry_.kind != TarKind::symlink) entry_.link.clear();
  if (Result<void> begun = handler_.entry(entry_); !begun) return begun;
  if (entry_.kind != TarKind::file) return {};
  left_ = entry_.size;
  padding_ = (block - entry_.size % block) % block;
  state_ = State::content;
  return left_ == 0 ? finish_file() : Result<void>();
}

Result<void> TarReader::take_extension() {
  if (extension_kind_ == 'L' || extension_kind_ == 'K') {
    while (extension_.ends_with('\0')) extension_.pop_back();
    (extension_kind_ == 'L' ? long_name_ : long_link_) = extension_;
    return {};
  }
  std::string_view text = extension_;
  while (!text.empty()) {
    size_t size = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
    size_t digits = static_cast<size_t>(end - text.data());
    if (error != std::errc() || size <= digits + 2 || size > text.size() || text[digits] != ' ' ||
        text[size - 1] != '\n') {
      return damaged("an extended header cannot be read");
    }
    std::string_view line = text.substr(digits + 1, size - digits - 2);
    size_t equals = line.find('=');
    if (equals == std::string_view::npos) return damaged("an extended header cannot be read");
    std::string key(line.substr(0, equals));
    // What a global header says of names and sizes would hold for every entry: nobody means that.
    bool is_said = key == "path" || key == "linkpath" || key == "size" || key == "mtime" || key.starts_with("GNU.");
    if (extension_kind_ == 'x' && is_said) pax_[key] = std::string(line.substr(equals + 1));
    if (extension_kind_ == 'g' && is_said && key != "mtime")
      return fail(ErrorCode::refused, "a global header of the archive sets `" + key + "`");
    text.remove_prefix(size);
  }
  return {};
}

}  // namespace muster
