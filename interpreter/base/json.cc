#include "interpreter/base/json.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "interpreter/base/utf8.h"

namespace muster {
namespace {

constexpr size_t depth_limit = 200;

// Builds values as the parser goes, so that a deep text is refused before anything recursive walks it.
class Builder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put(Value()); }
  bool boolean(bool b) override { return put(Value(b)); }
  bool number_integer(number_integer_t i) override { return put(Value(static_cast<int64_t>(i))); }
  bool number_unsigned(number_unsigned_t u) override {
    if (u > static_cast<uint64_t>(INT64_MAX)) return put(Value(static_cast<double>(u)));
    return put(Value(static_cast<int64_t>(u)));
  }
  bool number_float(number_float_t d, const string_t&) override { return put(Value(d)); }
  bool string(string_t& s) override { return put(Value(std::move(s))); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Value(Map{})); }
  bool start_array(size_t) override { return open(Value(List{})); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    keys_.back() = std::move(name);
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) override {
    problem = error.what();
    at = position;
    return false;
  }

  Value value;
  std::string problem;
  size_t at = 0;

 private:
  bool put(Value v) {
    if (open_.empty()) {
      value = std::move(v);
    } else if (List* list = open_.back().find<List>()) {
      list->push_back(std::move(v));
    } else {
      open_.back().find<Map>()->insert_or_assign(keys_.back(), std::move(v));
    }
    return true;
  }
  bool open(Value v) {
    if (open_.size() >= depth_limit) {
      problem = "nested deeper than " + std::to_string(depth_limit);
      return false;
    }
    open_.push_back(std::move(v));
    keys_.emplace_back();
    return true;
  }
  bool close() {
    Value v = std::move(open_.back());
    open_.pop_back();
    keys_.pop_back();
    return put(std::move(v));
  }

  std::vector<Value> open_;
  std::vector<std::string> keys_;
};

void quote(std::string& out, std::string_view text) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string mended;
  if (first_invalid_utf8(text)) {
    // One U+FFFD for each byte that is no part of a character.
    for (size_t i = 0; i < text.size();) {
      size_t bad = first_invalid_utf8(text.substr(i)).value_or(text.size() - i);
      mended.append(text.substr(i, bad));
      i += bad;
      if (i < text.size()) {
        mended += "\xEF\xBF\xBD";
        ++i;
      }
    }
    text = mended;
  }
  out.push_back('"');
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
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
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
          out.push_back(digits[static_cast<unsigned char>(c) & 15]);
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

// A whole number prints without `.0`, except where the difference must survive.
void number(std::string& out, double d, bool exact) {
  if (!std::isfinite(d)) {
    out += "null";  // JSON has no word for it
    return;
  }
  if (d == 0 && !exact) d = 0;  // no `-0`
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, d);
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  out += text;
  if (exact && text.find_first_of(".e") == std::string_view::npos) out += ".0";
}

enum class Form { plain, exact };

// `indent` < 0: one line.
void print(std::string& out, const Value& value, Form form, int indent) {
  auto line = [&](int depth) {
    if (indent < 0) return;
    out.push_back('\n');
    out.append(static_cast<size_t>(depth) * 2, ' ');
  };
  int inner = indent < 0 ? -1 : indent + 1;
  std::visit(overloaded{
                 [&](Null) { out += "null"; },
                 [&](bool b) { out += b ? "true" : "false"; },
                 [&](int64_t i) { out += std::to_string(i); },
                 [&](double d) {
                   if (form == Form::exact && !std::isfinite(d)) {
                     out += std::isnan(d) ? "{\"$number\":\"nan\"}"
                            : d > 0       ? "{\"$number\":\"inf\"}"
                                          : "{\"$number\":\"-inf\"}";
                   } else {
                     number(out, d, form == Form::exact);
                   }
                 },
                 [&](const std::string& s) {
                   if (form == Form::exact && first_invalid_utf8(s)) {
                     static constexpr char digits[] = "0123456789abcdef";
                     out += "{\"$bytes\":\"";
                     for (char c : s) {
                       out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
                       out.push_back(digits[static_cast<unsigned char>(c) & 15]);
                     }
                     out += "\"}";
                   } else {
                     quote(out, s);
                   }
                 },
                 [&](const List& list) {
                   out.push_back('[');
                   for (size_t i = 0; i < list.size(); ++i) {
                     if (i > 0) out.push_back(',');
                     line(inner);
                     print(out, list[i], form, inner);
                   }
                   if (!list.empty()) line(indent);
                   out.push_back(']');
                 },
                 [&](const Map& map) {
                   out.push_back('{');
                   bool first = true;
                   for (const auto& [name, item] : map) {
                     if (!first) out.push_back(',');
                     first = false;
                     line(inner);
                     quote(out, form == Form::exact && !name.empty() && name[0] == '$' ? "$" + name : name);
                     out += indent < 0 ? ":" : ": ";
                     print(out, item, form, inner);
                   }
                   if (!map.empty()) line(indent);
                   out.push_back('}');
                 },
                 [&](Timestamp t) {
                   if (form == Form::exact) {
                     out += "{\"$timestamp\":" + std::to_string(t.us) + "}";
                   } else {
                     quote(out, to_text(t));
                   }
                 },
                 [&](Duration d) {
                   if (form == Form::exact) {
                     out += "{\"$duration\":" + std::to_string(d.us) + "}";
                   } else if (d.us % 1'000'000 == 0) {
                     out += std::to_string(d.us / 1'000'000);
                   } else {
                     number(out, d.as_seconds(), false);
                   }
                 },
                 [&](const Secret&) { out += "\"***\""; },
                 [&](const Unknown& u) {
                   out += form == Form::exact ? "{\"$unknown\":" : "{\"unknown\":";
                   quote(out, u.why);
                   out.push_back('}');
                 },
             },
             value.data);
}

int hex_digit(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1; }

// Turns the marked maps of `encode_value` back.
Result<Value> restore(Value value) {
  if (List* list = value.find<List>()) {
    for (Value& item : *list) {
      Result<Value> inner = restore(std::move(item));
      if (!inner) return inner;
      item = std::move(*inner);
    }
    return value;
  }
  Map* map = value.find<Map>();
  if (!map) return value;
  if (map->size() == 1) {
    const auto& [name, item] = *map->begin();
    if (name == "$timestamp" && item.is<int64_t>()) return Value(Timestamp{item.get<int64_t>()});
    if (name == "$duration" && item.is<int64_t>()) return Value(Duration{item.get<int64_t>()});
    if (name == "$unknown" && item.is<std::string>()) return Value(Unknown{item.get<std::string>()});
    if (name == "$number" && item.is<std::string>()) {
      const std::string& text = item.get<std::string>();
      return Value(text == "nan" ? std::nan("") : text == "inf" ? HUGE_VAL : -HUGE_VAL);
    }
    if (name == "$bytes" && item.is<std::string>()) {
      const std::string& text = item.get<std::string>();
      std::string bytes;
      for (size_t i = 0; i + 1 < text.size(); i += 2) {
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return fail(ErrorCode::bad_reply, "bytes that are not hexadecimal");
        bytes.push_back(static_cast<char>(high << 4 | low));
      }
      return Value(std::move(bytes));
    }
  }
  Map out;
  for (auto& [name, item] : *map) {
    Result<Value> inner = restore(std::move(item));
    if (!inner) return inner;
    out[name.size() > 1 && name[0] == '$' && name[1] == '$' ? name.substr(1) : name] = std::move(*inner);
  }
  return Value(std::move(out));
}

std::string place_of(std::string_view text, size_t at) {
  size_t line = 1, column = 1;
  for (size_t i = 0; i + 1 < at && i < text.size(); ++i) {
    if (text[i] == '\n') {
      ++line;
      column = 1;
    } else {
      ++column;
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace

Result<Value> parse_json(std::string_view text) {
  Builder builder;
  bool whole = false;
  try {
    whole = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const std::exception& error) {
    builder.problem = error.what();
  }
  if (whole) return std::move(builder.value);
  std::string cause = builder.problem;
  Error error;
  error.code = ErrorCode::bad_reply;
  error.message = builder.at > 0 ? "not valid JSON at " + place_of(text, builder.at) : "not valid JSON: " + cause;
  error.cause = cause;
  return pass(std::move(error));
}

std::string print_json(const Value& value) {
  std::string out;
  print(out, value, Form::plain, -1);
  return out;
}

std::string print_json_pretty(const Value& value) {
  std::string out;
  print(out, value, Form::plain, 0);
  return out;
}

std::string encode_value(const Value& value) {
  std::string out;
  print(out, value, Form::exact, -1);
  return out;
}

Result<Value> decode_value(std::string_view text) {
  Result<Value> parsed = parse_json(text);
  if (!parsed) return parsed;
  return restore(std::move(*parsed));
}

}  // namespace muster
