#include "interpreter/world/postgres_values.h"

#include <charconv>
#include <cmath>

#include "interpreter/base/digest.h"
#include "interpreter/base/utf8.h"

namespace muster {

namespace {

// Of pg_type, where they never change.
constexpr unsigned bool_type = 16, bytea_type = 17, int8_type = 20, int2_type = 21, int4_type = 23, oid_type = 26,
                   float4_type = 700, float8_type = 701, timestamptz_type = 1184, numeric_type = 1700;

template <class N>
std::optional<N> parsed(std::string_view text) {
  N n{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return n;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

Value bytes_value(std::string_view text) {
  if (!text.starts_with("\\x")) return std::string(text);
  std::string bytes;
  for (size_t i = 2; i + 1 < text.size(); i += 2)
    bytes += static_cast<char>(digit_of(text[i]) * 16 + digit_of(text[i + 1]));
  return first_invalid_utf8(bytes) ? Value(std::string(text.substr(2))) : Value(std::move(bytes));
}

// `2026-01-15 10:00:00.5+00`, as DateStyle ISO in UTC writes it.
Value moment_value(std::string_view text) {
  std::string rfc(text);
  if (rfc.size() > 13 && rfc[10] == ' ' && rfc.ends_with("+00")) {
    rfc[10] = 'T';
    rfc.replace(rfc.size() - 3, 3, "Z");
    if (std::optional<Timestamp> at = parse_timestamp(rfc)) return *at;
  }
  return std::string(text);  // infinity, years before 1 or after 9999
}

Value number_value(std::string_view text) {
  if (std::optional<int64_t> n = parsed<int64_t>(text)) return *n;
  // A double has 15 decimal digits for certain.
  size_t digits = 0;
  for (char c : text) digits += c >= '0' && c <= '9' ? 1 : 0;
  std::optional<double> d = digits <= 15 ? parsed<double>(text) : std::nullopt;
  return d ? Value(*d) : Value(std::string(text));
}

std::string float_text(double d) {
  if (std::isnan(d)) return "NaN";
  if (std::isinf(d)) return d > 0 ? "Infinity" : "-Infinity";
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, d);
  (void)error;
  return std::string(buffer, end);
}

PostgresBind whole_bind(int64_t n) {
  return {std::to_string(n), n >= INT32_MIN && n <= INT32_MAX ? int4_type : int8_type};
}

}  // namespace

Value value_of_postgres(std::string_view text, unsigned type) {
  switch (type) {
    case bool_type:
      return text == "t";
    case int2_type:
    case int4_type:
    case int8_type:
    case oid_type:
    case numeric_type:
      return number_value(text);
    case float4_type:
    case float8_type:
      if (std::optional<double> d = parsed<double>(text)) return *d;
      return std::string(text);  // NaN, Infinity
    case timestamptz_type:
      return moment_value(text);
    case bytea_type:
      return bytes_value(text);
    default:
      return std::string(text);
  }
}

Result<PostgresBind> bind_for_postgres(std::string_view name, const Value& value) {
  auto cannot = [&](const std::string& why) -> Result<PostgresBind> {
    return fail(ErrorCode::invalid, "`bind." + std::string(name) + "` " + why);
  };
  auto plain = [&](std::string_view text) -> Result<PostgresBind> {
    if (text.find('\0') != std::string_view::npos) return cannot("holds a NUL byte, which PostgreSQL cannot store");
    if (std::optional<size_t> at = first_invalid_utf8(text))
      return cannot("is not UTF-8: see byte " + std::to_string(*at));
    if (text.size() >= size_t{1} << 30)
      return cannot("is too big for PostgreSQL: " + std::to_string(text.size()) + " bytes");
    return PostgresBind{std::string(text), 0};
  };
  return std::visit(
      overloaded{
          [&](Null) -> Result<PostgresBind> { return PostgresBind{}; },
          [&](bool b) -> Result<PostgresBind> {
            return PostgresBind{b ? "t" : "f", bool_type};
          },
          [&](int64_t n) -> Result<PostgresBind> { return whole_bind(n); },
          [&](double d) -> Result<PostgresBind> {
            return PostgresBind{float_text(d), float8_type};
          },
          [&](const std::string& text) { return plain(text); },
          [&](Timestamp at) { return plain(to_text(at)); },
          [&](Duration d) -> Result<PostgresBind> {
            if (d.us % 1'000'000 == 0) return whole_bind(d.us / 1'000'000);
            return PostgresBind{float_text(d.as_seconds()), float8_type};
          },
          [&](const Secret& secret) { return plain(secret.reveal(SecretSink::sql_bind)); },
          [&](const List&) { return cannot("is a list: bind its items one by one, or its `to_json(...)`"); },
          [&](const Map&) { return cannot("is a map: bind its members one by one, or its `to_json(...)`"); },
          [&](const Unknown& unknown) { return cannot("is not known: " + unknown.why); },
      },
      value.data);
}

std::string copy_cell(const PostgresBind& cell) {
  if (!cell.text) return "\\N";
  std::string out;
  for (char c : *cell.text) {
    switch (c) {
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace muster
