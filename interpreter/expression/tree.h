// The tree of an expression: what parser, evaluator and checker share.
//
// Immutable once parsed. Spans are places in the file; `text_begin`, `text_end` are bytes of Expression::text. Both
// include the parentheses around a node; `pieces` do not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/base/source_file.h"
#include "interpreter/base/value.h"

namespace muster {

enum class Operator {
  or_,
  and_,  // short-circuit
  less,
  greater,
  less_equal,
  greater_equal,
  unequal,
  equal,
  bit_or,
  bit_xor,
  bit_and,
  shift_left,
  shift_right,
  concat,
  add,
  subtract,
  multiply,
  divide,
  floor_divide,
  modulo,
  power,
  not_,
  length,
  negate,
  bit_not,  // unary
};
// As it is written: `~=`, `..`, `not`.
[[nodiscard]] std::string_view name_of(Operator op);

struct ExpressionNode {
  enum class Kind {
    constant,   // a literal: nil, boolean, number, text
    name,       // a free name with constant fields: `steps.points.latest`; `pieces` are the places of the names
    parameter,  // a parameter of a function around it
    index,      // children: what, key
    call,       // `text` is the helper or a script's function, `path` its names; children: arguments
    unary,      // children: operand
    binary,     // children: left, right
    table,      // children: values; keys beside them (nullptr: by position)
    function,   // parameters; children: body
  };
  Kind kind = Kind::constant;
  Span at;
  uint32_t text_begin = 0, text_end = 0;
  Value constant;
  Operator op = Operator::and_;
  std::string text;
  std::vector<std::string> path;        // of a name, of what is called
  std::vector<Span> pieces;             // the place of each name of `path`
  std::vector<std::string> parameters;  // of a function
  std::vector<std::shared_ptr<const ExpressionNode>> children;
  std::vector<std::shared_ptr<const ExpressionNode>> keys;
  int height = 1;  // nodes from here to the deepest one below: at most 200, so that everybody may walk by recursion
};

using NodePtr = std::shared_ptr<const ExpressionNode>;

}  // namespace muster
