// The tree of an expression: what parser, evaluator and checker share.
//
// Immutable once parsed. Spans are places in the file; `text_begin`, `text_end` are bytes of Expression::text. Both
// include the parentheses around a node; `pieces` do not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "interpreter/base/boxed.h"
#include "interpreter/base/source_file.h"
#include "interpreter/base/value.h"

namespace muster {

enum class Operator : uint8_t {
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

struct ExpressionNode;
using NodePtr = std::shared_ptr<const ExpressionNode>;

// A playbook of 10,000 steps has 40,000 of them: what few have stands beside.
struct ExpressionNode {
  enum class Kind : uint8_t {
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
  Operator op = Operator::and_;
  int16_t height = 1;  // nodes from here to the deepest one below: at most 200, so that everybody may walk by recursion
  Span at;
  uint32_t text_begin = 0, text_end = 0;
  std::string text;
  std::vector<std::string> path;  // of a name, of what is called
  std::vector<Span> pieces;       // the place of each name of `path`
  std::vector<NodePtr> children;
  Boxed<Value> literal;                        // of a constant; none: nil
  Boxed<std::vector<std::string>> parameters;  // of a function
  Boxed<std::vector<NodePtr>> keys;            // of a table where one has a key

  [[nodiscard]] const Value& constant() const {
    static const Value nil;
    return literal ? *literal : nil;
  }
  // The key beside a child; nullptr: it stands by position.
  [[nodiscard]] const ExpressionNode* key(size_t child) const { return keys ? (*keys)[child].get() : nullptr; }
};

}  // namespace muster
