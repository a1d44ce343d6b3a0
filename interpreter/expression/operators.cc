#include "interpreter/expression/operators.h"

#include <cmath>
#include <cstring>
#include <optional>

#include "interpreter/expression/lexer.h"

namespace muster {
namespace {

double as_double(const Value& number) {
  return number.is<int64_t>() ? static_cast<double>(number.get<int64_t>()) : number.get<double>();
}

// Whole floats count as integers for bit operators, as in Lua.
bool as_bits(const Value& number, int64_t& out) {
  if (const auto* i = number.find<int64_t>()) {
    out = *i;
    return true;
  }
  double d = number.get<double>();
  if (std::floor(d) != d || d < -9223372036854775808.0 || d >= 9223372036854775808.0) return false;
  out = static_cast<int64_t>(d);
  return true;
}

int64_t wrap(uint64_t u) { return static_cast<int64_t>(u); }

Value integer_arithmetic(Operator op, int64_t a, int64_t b, bool& divided_by_zero) {
  auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  switch (op) {
    case Operator::add:
      return wrap(ua + ub);
    case Operator::subtract:
      return wrap(ua - ub);
    case Operator::multiply:
      return wrap(ua * ub);
    case Operator::floor_divide:
    case Operator::modulo: {
      if (b == 0) {
        divided_by_zero = true;
        return {};
      }
      if (b == -1) return op == Operator::modulo ? Value(0) : Value(wrap(0 - ua));  // the least integer has no opposite
      int64_t quotient = a / b, rest = a % b;
      if (rest != 0 && (rest ^ b) < 0) {
        rest += b;
        --quotient;
      }
      return op == Operator::modulo ? Value(rest) : Value(quotient);
    }
    default:
      return {};
  }
}

Value float_arithmetic(Operator op, double a, double b) {
  switch (op) {
    case Operator::add:
      return a + b;
    case Operator::subtract:
      return a - b;
    case Operator::multiply:
      return a * b;
    case Operator::divide:
      return a / b;
    case Operator::floor_divide:
      return std::floor(a / b);
    case Operator::power:
      return std::pow(a, b);
    default: {
      double rest = std::fmod(a, b);
      if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
      return rest;
    }
  }
}

std::string what(const Value& value) { return article_and_type(value); }

tl::unexpected<std::string> no(std::string message) { return tl::unexpected(std::move(message)); }

constexpr std::string_view secret_rule =
    "a secret may be joined with text, and nothing else; `is_set(…)` is the one question";

// A moment and seconds. The years 0 to 9999 are what RFC 3339 can write.
tl::expected<Value, std::string> moved(Timestamp moment, const Value& seconds, bool back) {
  double us = as_double(seconds) * (back ? -1e6 : 1e6);
  if (std::fabs(us) < 1e18) {
    std::optional<Timestamp> there = timestamp_at(moment, static_cast<int64_t>(std::llround(us)));
    if (there) return Value(*there);
  }
  return no("a moment outside the years 0 to 9999");
}

tl::expected<Value, std::string> arithmetic(Operator op, const Value& left, const Value& right) {
  const auto* ta = left.find<Timestamp>();
  const auto* tb = right.find<Timestamp>();
  if (ta || tb) {
    if (ta && tb && op == Operator::subtract) {
      int64_t us = 0;
      if (__builtin_sub_overflow(ta->us, tb->us, &us)) return no("two moments that are too far apart");
      return as_number(Value(Duration{us}), false);
    }
    Value other = as_number(ta ? right : left, false);
    if (!other.is_null() && (op == Operator::add || (op == Operator::subtract && ta)))
      return moved(ta ? *ta : *tb, other, op == Operator::subtract);
    return no("`" + std::string(name_of(op)) + "` of " + what(left) + " and " + what(right) + " has no meaning");
  }
  Value a = as_number(left, true), b = as_number(right, true);
  if (a.is_null() || b.is_null()) return no("arithmetic on " + what(a.is_null() ? left : right));
  if (a.is<int64_t>() && b.is<int64_t>() && op != Operator::divide && op != Operator::power) {
    bool zero = false;
    Value value = integer_arithmetic(op, a.get<int64_t>(), b.get<int64_t>(), zero);
    if (zero) return no(op == Operator::modulo ? "`%` by zero" : "`//` by zero");
    return value;
  }
  return float_arithmetic(op, as_double(a), as_double(b));
}

tl::expected<Value, std::string> bits(Operator op, const Value& left, const Value& right) {
  // Lua turns texts into numbers for arithmetic only.
  Value a = as_number(left, false), b = as_number(right, false);
  if (a.is_null() || b.is_null()) return no("bit operation on " + what(a.is_null() ? left : right));
  int64_t x = 0, y = 0;
  if (!as_bits(a, x) || !as_bits(b, y)) return no("a number without a whole value has no bits");
  auto ux = static_cast<uint64_t>(x);
  auto shift = [&](int64_t by) -> uint64_t {
    if (by <= -64 || by >= 64) return 0;
    return by >= 0 ? ux << by : ux >> -by;
  };
  switch (op) {
    case Operator::bit_and:
      return Value(x & y);
    case Operator::bit_or:
      return Value(x | y);
    case Operator::bit_xor:
      return Value(x ^ y);
    case Operator::shift_left:
      return Value(wrap(shift(y)));
    default:
      return Value(wrap(y == INT64_MIN ? 0 : shift(-y)));
  }
}

bool can_concat(const Value& v) {
  return v.is<std::string>() || v.is<int64_t>() || v.is<double>() || v.is<Secret>() || v.is<Timestamp>() ||
         v.is<Duration>();
}

tl::expected<Value, std::string> concat(const Value& a, const Value& b) {
  if (!can_concat(a) || !can_concat(b)) return no("`..` of " + what(can_concat(a) ? b : a));
  if (!a.is<Secret>() && !b.is<Secret>()) return Value(to_text(a) + to_text(b));
  auto open = [](const Value& v) {
    const auto* secret = v.find<Secret>();
    return secret ? std::string(secret->reveal(SecretSink::concatenation)) : to_text(v);
  };
  const auto* first = a.find<Secret>();
  return Value(Secret(first ? first->name() : b.find<Secret>()->name(), open(a) + open(b)));
}

}  // namespace

std::string article_and_type(const Value& value) {
  if (value.is_null()) return "nil";
  std::string_view type = type_name(value);
  return (type.front() == 'i' || type.front() == 'u' ? "an " : "a ") + std::string(type);
}

std::string_view rule_of_secrets() { return secret_rule; }

bool is_true(const Value& value) {
  if (value.is_null()) return false;
  const bool* b = value.find<bool>();
  return !b || *b;
}

Value as_number(const Value& value, bool text_too) {
  if (value.is<int64_t>() || value.is<double>()) return value;
  if (const auto* d = value.find<Duration>()) {
    if (d->us % 1'000'000 == 0) return Value(d->us / 1'000'000);
    return Value(d->as_seconds());
  }
  const auto* text = text_too ? value.find<std::string>() : nullptr;
  if (!text) return {};
  std::string_view trimmed = *text;
  auto space = [](char c) { return std::strchr(" \t\n\r\f\v", c) != nullptr && c != '\0'; };
  while (!trimmed.empty() && space(trimmed.front())) trimmed.remove_prefix(1);
  while (!trimmed.empty() && space(trimmed.back())) trimmed.remove_suffix(1);
  bool negative = !trimmed.empty() && trimmed.front() == '-';
  if (!trimmed.empty() && (trimmed.front() == '-' || trimmed.front() == '+')) trimmed.remove_prefix(1);
  Value number = read_number(trimmed);
  if (!negative || number.is_null()) return number;
  if (const auto* i = number.find<int64_t>()) return Value(wrap(0 - static_cast<uint64_t>(*i)));
  return Value(-number.get<double>());
}

tl::expected<int, std::string> compare(const Value& left, const Value& right) {
  auto order = [](auto x, auto y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (left.is<Timestamp>() && right.is<Timestamp>()) return order(left.get<Timestamp>().us, right.get<Timestamp>().us);
  if (left.is<Timestamp>() != right.is<Timestamp>()) {
    const Value& other = left.is<Timestamp>() ? right : left;
    if (other.is<std::string>())
      return no("a timestamp and a string have no order: write `timestamp(…)` around the text");
    return no("a timestamp and " + what(other) + " have no order");
  }
  if (left.is<std::string>() && right.is<std::string>())
    return order(left.get<std::string>().compare(right.get<std::string>()), 0);
  Value a = as_number(left, false), b = as_number(right, false);
  if (a.is_null() || b.is_null()) {
    if (left.is<Secret>() || right.is<Secret>()) return no(std::string(secret_rule));
    return no(type_name(left) == type_name(right)
                  ? "two values of type " + std::string(type_name(left)) + " have no order"
                  : what(left) + " and " + what(right) + " have no order");
  }
  if (a.is<int64_t>() && b.is<int64_t>()) return order(a.get<int64_t>(), b.get<int64_t>());
  if (a.is<double>() && b.is<double>())
    return std::isnan(a.get<double>()) || std::isnan(b.get<double>()) ? 2 : order(a.get<double>(), b.get<double>());
  // Mixed: exact even where a float cannot hold the integer.
  bool swapped = a.is<double>();
  int64_t i = swapped ? b.get<int64_t>() : a.get<int64_t>();
  double d = swapped ? a.get<double>() : b.get<double>();
  int result = 0;
  if (std::isnan(d)) return 2;
  if (d >= 9223372036854775808.0) {
    result = -1;
  } else if (d < -9223372036854775808.0) {
    result = 1;
  } else {
    auto whole = static_cast<int64_t>(std::floor(d));
    result = i < whole ? -1 : i > whole ? 1 : (static_cast<double>(whole) < d ? -1 : 0);
  }
  return swapped ? -result : result;
}

tl::expected<bool, std::string> equals(const Value& a, const Value& b) {
  if (holds_secret(a) || holds_secret(b)) return no(std::string(secret_rule));
  // A moment never equals text, which is hardly what somebody asks who writes the moment down.
  if (a.is<Timestamp>() != b.is<Timestamp>()) {
    const auto* text = (a.is<Timestamp>() ? b : a).find<std::string>();
    if (text && parse_timestamp(*text))
      return no("a timestamp never equals a string: write `timestamp(\"" + *text + "\")`");
  }
  return same(a, b);
}

tl::expected<Value, std::string> apply_binary(Operator op, const Value& a, const Value& b) {
  if ((a.is<Secret>() || b.is<Secret>()) && op != Operator::concat) return no(std::string(secret_rule));
  switch (op) {
    case Operator::equal:
    case Operator::unequal: {
      tl::expected<bool, std::string> equal = equals(a, b);
      if (!equal) return no(equal.error());
      return Value(*equal == (op == Operator::equal));
    }
    case Operator::less:
    case Operator::greater:
    case Operator::less_equal:
    case Operator::greater_equal: {
      tl::expected<int, std::string> order = compare(a, b);
      if (!order) return no(order.error());
      if (*order == 2) return Value(false);  // not a number: neither more nor less
      if (op == Operator::less) return Value(*order < 0);
      if (op == Operator::greater) return Value(*order > 0);
      return Value(op == Operator::less_equal ? *order <= 0 : *order >= 0);
    }
    case Operator::concat:
      return concat(a, b);
    case Operator::bit_and:
    case Operator::bit_or:
    case Operator::bit_xor:
    case Operator::shift_left:
    case Operator::shift_right:
      return bits(op, a, b);
    default:
      return arithmetic(op, a, b);
  }
}

tl::expected<Value, std::string> apply_unary(Operator op, const Value& a) {
  if (a.is<Secret>()) return no(std::string(secret_rule));
  switch (op) {
    case Operator::length:
      if (const auto* text = a.find<std::string>()) return Value(static_cast<int64_t>(text->size()));
      if (const auto* list = a.find<List>()) return Value(static_cast<int64_t>(list->size()));
      if (a.is<Map>()) return Value(0);  // a table without list items
      return no("`#` of " + what(a));
    case Operator::negate: {
      Value number = as_number(a, true);
      if (number.is_null()) return no("arithmetic on " + what(a));
      if (const auto* i = number.find<int64_t>()) return Value(wrap(0 - static_cast<uint64_t>(*i)));
      return Value(-number.get<double>());
    }
    case Operator::bit_not: {
      Value number = as_number(a, false);
      int64_t x = 0;
      if (number.is_null()) return no("bit operation on " + what(a));
      if (!as_bits(number, x)) return no("a number without a whole value has no bits");
      return Value(~x);
    }
    default:
      return Value(!is_true(a));
  }
}

}  // namespace muster
