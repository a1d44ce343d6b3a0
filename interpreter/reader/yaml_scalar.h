// Where a scalar stands in the source, and where each byte of its decoded text came from.
//
// The library gives a scalar's text and its first byte only. Its source is read once more beside the text; where both
// do not agree (a rule of YAML that we read differently), only the beginning is known and `exact` is false.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/source_file.h"
#include "interpreter/reader/yaml_tree.h"

namespace muster {

struct ScalarPlace {
  YamlNode::Style style = YamlNode::Style::plain;
  uint32_t begin = 0;
  uint32_t end = 0;
  bool exact = true;
  bool verbatim = false;                       // the text is the source's bytes: all, or those between the quotes
  std::vector<LocatedText::Segment> segments;  // empty: the text stands at `begin` unchanged
};

[[nodiscard]] ScalarPlace place_scalar(std::string_view source, uint32_t begin, std::string_view text);

// Whether the quote that opens at `begin` is closed. The library takes a text that goes on to the end of the file.
[[nodiscard]] bool is_closed_quote(std::string_view source, uint32_t begin);

// The library writes `\N` and `\_` of double-quoted text as one byte, which is no UTF-8: here they are whole. Empty:
// there was nothing to mend.
[[nodiscard]] std::string with_whole_escapes(std::string_view text);

// The first byte of a node's content behind its anchor and tag.
[[nodiscard]] uint32_t skip_properties(std::string_view source, uint32_t at);

}  // namespace muster
