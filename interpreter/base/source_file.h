// The text of playbooks and where things stand in it.
//
// Units: a Span is bytes into SourceFile::text, [begin, end); lines and columns are counted from 1, columns in
// characters (Unicode scalar values), for people only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

struct Span {
  uint32_t file = 0;  // index into SourceFiles
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct SourceFile {
  std::string path;    // as people wrote it: shown in messages
  std::string text;    // its bytes, read once
  std::string digest;  // SHA-256 of text, hex
};

class SourceFiles {
 public:
  uint32_t add(SourceFile file);
  const SourceFile& at(uint32_t file) const { return files_.at(file); }
  const std::vector<SourceFile>& all() const { return files_; }
  Position position(uint32_t file, uint32_t byte) const;
  // The line that holds the byte, without its line end.
  std::string_view line(uint32_t file, uint32_t byte) const;
  std::string_view text(Span span) const;

 private:
  std::vector<SourceFile> files_;
};

// Text that was decoded from a file (a quoted or folded scalar) and still knows where each byte came from.
struct LocatedText {
  struct Segment {
    uint32_t text_at;    // from this byte of `text` on ...
    uint32_t source_at;  // ... the bytes stand at this byte of the file, until the next segment
  };
  std::string text;
  Span at;                        // the whole scalar in the file, quotes included
  std::vector<Segment> segments;  // ascending by text_at; empty: text stands at `at.begin` unchanged
  // The place in the file of text[begin, end).
  [[nodiscard]] Span span(size_t begin, size_t end) const;
};

}  // namespace muster
