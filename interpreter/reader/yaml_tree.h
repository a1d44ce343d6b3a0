// One YAML document as our own tree: every node knows its bytes, every scalar where each of its bytes came from.
//
// The library's events are turned into it under limits, so that no file can cost more than it weighs.
// Units:  bytes into SourceFile::text.
// Errors: Diagnostics; docs/errors.md, "YAML". Nothing is given where the text is no YAML or breaks a limit.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"

namespace muster {

struct YamlLimits {
  size_t bytes = 32u << 20;
  uint32_t depth = 64;
  uint64_t nodes = 4'000'000;  // aliases counted as often as they stand for something
  uint32_t aliases = 1'000;
  uint32_t flow_marks =
      500'000;  // commas, colons and brackets inside one pair of brackets: the library may keep them all
};

struct YamlNode {
  enum class Kind : uint8_t { null, scalar, list, map };
  enum class Style : uint8_t { plain, single_quoted, double_quoted, literal, folded, block, flow };
  Kind kind = Kind::null;
  Style style = Style::plain;
  bool written = true;   // false: a null that is only the absence of a value
  bool open = false;     // while it is being read
  bool refused = false;  // it has a tag: what it should be was not written
  uint32_t begin = 0;
  uint32_t end = 0;
  uint64_t expanded = 1;                      // nodes beneath and itself, aliases expanded
  const std::string* decoded = nullptr;       // a scalar's text where it is not the source's bytes
  std::span<const YamlNode* const> children;  // of a map: key, value, key, value

  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_plain() const { return style == Style::plain; }
  [[nodiscard]] bool is_flow() const { return style == Style::flow; }
  [[nodiscard]] bool is_quoted() const { return style == Style::single_quoted || style == Style::double_quoted; }
};

// Values that stay where they are, many to a block: a tree of millions of nodes is few allocations.
template <class T>
class Blocks {
 public:
  // Room for `count` in a row.
  T* take(size_t count) {
    if (count > left_) {
      left_ = std::max(count, block_size);
      blocks_.push_back(std::make_unique<T[]>(left_));
      next_ = blocks_.back().get();
    }
    T* taken = next_;
    next_ += count;
    left_ -= count;
    return taken;
  }

 private:
  static constexpr size_t block_size = 512;
  std::vector<std::unique_ptr<T[]>> blocks_;
  T* next_ = nullptr;
  size_t left_ = 0;
};

class YamlTree {
 public:
  [[nodiscard]] static std::optional<YamlTree> parse(const SourceFiles& files, uint32_t file, Diagnostics& problems,
                                                     const YamlLimits& limits = {});
  [[nodiscard]] const YamlNode& root() const { return *root_; }
  [[nodiscard]] std::string_view source() const { return source_; }
  [[nodiscard]] Span span(const YamlNode& node) const { return {file_, node.begin, node.end}; }
  [[nodiscard]] Span span(uint32_t begin, uint32_t end) const { return {file_, begin, end}; }
  // Where to point when all of a map or list is meant: at its first key or item.
  [[nodiscard]] Span head(const YamlNode& node) const;
  // A scalar's text, as YAML decodes it. Alive as long as the tree.
  [[nodiscard]] std::string_view text(const YamlNode& node) const;
  [[nodiscard]] LocatedText located(const YamlNode& node) const;

 private:
  friend class YamlEvents;
  uint32_t file_ = 0;
  std::string_view source_;  // alive in SourceFiles
  Blocks<YamlNode> nodes_;
  Blocks<const YamlNode*> links_;  // the children of all nodes
  std::deque<std::string> decoded_;
  const YamlNode* root_ = nullptr;
};

}  // namespace muster
