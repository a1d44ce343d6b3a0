#include "interpreter/checker/typing.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace muster {
namespace {

std::string shown(const Value& value) {
  std::string text = to_text(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return value.is<std::string>() ? "`" + text + "`" : std::string(type_name(value)) + " `" + text + "`";
}

TypeError wrong(const Value& value, FieldType type, std::string_view name) {
  return {
      "wrong-type",
      "`" + std::string(name) + "` must be " + std::string(words_for(type)) + ", and " + shown(value) + " stands here",
      ""};
}

tl::expected<Value, TypeError> as_text(Value value, FieldType type, std::string_view name) {
  if (value.is<std::string>()) return value;
  if (value.is<List>() || value.is<Map>()) return tl::unexpected(wrong(value, type, name));
  return Value(to_text(value));
}

tl::expected<Value, TypeError> as_duration(const Value& value, std::string_view name, bool written) {
  if (value.is<Duration>()) return value;
  if (const int64_t* seconds = value.find<int64_t>(); seconds && std::abs(*seconds) < 9'000'000'000'000)
    return Value(Duration::seconds(*seconds));
  if (const double* seconds = value.find<double>(); seconds && std::abs(*seconds) < 9e12)
    return Value(Duration{static_cast<int64_t>(*seconds * 1e6)});
  const std::string* text = value.find<std::string>();
  if (!text) return tl::unexpected(wrong(value, FieldType::duration, name));
  if (auto duration = parse_duration(*text)) return Value(*duration);
  bool bare = parse_number(*text).has_value();
  if (bare && written)
    return tl::unexpected(TypeError{"bad-duration", "`" + *text + "` has no unit",
                                    "write `" + *text + "s` for seconds, `" + *text + "m` for minutes"});
  return tl::unexpected(
      TypeError{"bad-duration", "`" + std::string(name) + "` must be a duration, and " + shown(value) + " stands here",
                "write it as `500ms`, `30s`, `2m`, `24h`, `7d` or `1h30m`"});
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  // from_chars also takes `inf` and `nan`, which are words here.
  if (text.empty() || text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

Value plain_value(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return Null{};
  if (auto boolean = parse_boolean(text)) return *boolean;
  if (auto integer = parse_integer(text)) return *integer;
  if (text.starts_with("0x") || text.starts_with("0o")) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    auto [stop, error] = std::from_chars(text.data() + 2, end, number, text[1] == 'x' ? 16 : 8);
    if (text.size() > 2 && error == std::errc{} && stop == end &&
        number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return static_cast<int64_t>(number);
  }
  if (auto number = parse_number(text)) return *number;
  if (text == ".inf" || text == "+.inf") return std::numeric_limits<double>::infinity();
  if (text == "-.inf") return -std::numeric_limits<double>::infinity();
  if (text == ".nan") return std::numeric_limits<double>::quiet_NaN();
  return text;
}

std::string_view words_for(FieldType type) {
  switch (type) {
    case FieldType::any:
      return "a value";
    case FieldType::text:
      return "text";
    case FieldType::script:
      return "text";
    case FieldType::path:
      return "a path";
    case FieldType::url:
      return "a URL";
    case FieldType::integer:
      return "a whole number";
    case FieldType::number:
      return "a number";
    case FieldType::boolean:
      return "true or false";
    case FieldType::duration:
      return "a duration";
    case FieldType::timestamp:
      return "a moment like `2026-01-15T10:00:00Z`";
    case FieldType::choice:
      return "one of the words it knows";
    case FieldType::connection:
      return "the name of a connection";
    case FieldType::function:
      return "the name of a function";
    case FieldType::list:
      return "a list";
    case FieldType::map:
      return "a map";
    case FieldType::object:
      return "a map";
    case FieldType::scalar_or_list:
      return "a value or a list";
  }
  return "";
}

tl::expected<Value, TypeError> typed_scalar(Value value, FieldType type, std::string_view name, bool written) {
  if (value.is<Secret>() || value.is<Unknown>()) return value;
  const std::string* text = value.find<std::string>();
  switch (type) {
    case FieldType::integer:
      if (value.is<int64_t>()) return value;
      if (const double* number = value.find<double>();
          number && std::floor(*number) == *number && std::abs(*number) < 9e15)
        return Value(static_cast<int64_t>(*number));
      if (text)
        if (auto integer = parse_integer(*text)) return Value(*integer);
      break;
    case FieldType::number:
      if (value.is<int64_t>() || value.is<double>()) return value;
      if (text) {
        if (auto integer = parse_integer(*text)) return Value(*integer);
        if (auto number = parse_number(*text)) return Value(*number);
      }
      break;
    case FieldType::boolean:
      if (value.is<bool>()) return value;
      if (text)
        if (auto boolean = parse_boolean(*text)) return Value(*boolean);
      break;
    case FieldType::duration:
      return as_duration(value, name, written);
    case FieldType::timestamp:
      if (value.is<Timestamp>()) return value;
      if (text)
        if (auto moment = parse_timestamp(*text)) return Value(*moment);
      break;
    case FieldType::any:
      return value;
    default:
      return as_text(std::move(value), type, name);
  }
  return tl::unexpected(wrong(value, type, name));
}

}  // namespace muster
