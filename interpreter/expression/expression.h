// The expression language: Lua 5.4's expression syntax, parsed once at load into our own tree.
//
// Checker (names read), plan (known or not), claims (values of the parts) and dry run (unknown) all work on this tree.
// No statements, no loops; `function(x) return e end` is the only function. A Tree is immutable and may be shared.
// Errors: parsing adds Diagnostics (code `expression-syntax` and the traps of docs/language.md) and gives nothing.
// Source: docs/language.md "Ground rules" 2 and "Lua"; the Lua 5.4 reference manual, section 3.4.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"
#include "interpreter/base/value.h"

namespace muster {

struct ExpressionNode;  // tree.h, inside this room and for checkers of types

struct Tree {
  std::shared_ptr<const ExpressionNode> root;
};

// A free name with the constant fields behind it: `steps.points.latest.at`, `inputs.database`, `now`. What it views
// belongs to the tree that it was read from.
struct Read {
  std::span<const std::string> path;
  Span at;                       // the whole dotted name
  std::span<const Span> pieces;  // each name of the path
  bool called = false;           // it stands in front of a call: `contains(...)`
  bool is_whole = true;          // false: a computed index follows (`steps[name]`, `inputs.list[1]`)
};

struct Expression {
  Span at;
  std::string text;  // as written
  Tree tree;
  std::vector<Read> reads;  // every free name read, in the order of the text
};

// Parses one expression that fills the whole text.
[[nodiscard]] std::optional<Expression> parse_expression(const LocatedText& text, Diagnostics& problems);

// The names of the pure helpers (`contains`, `len`, ...), sorted; they may be called and not read.
[[nodiscard]] const std::vector<std::string_view>& helper_names();

}  // namespace muster
