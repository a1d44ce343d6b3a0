#include <cmath>
#include <cstdio>
#include <cstring>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/expression/helper_functions.h"

namespace muster::helper {

// memmem searches in linear time.
size_t find_text(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found ? static_cast<size_t>(static_cast<const char*>(found) - text.data()) : std::string_view::npos;
}

Answer lines(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("lines", "text", *call.values[0]);
  List out;
  for (size_t at = 0; at < text->size();) {
    size_t end = std::min(text->find('\n', at), text->size());
    size_t stop = end > at && (*text)[end - 1] == '\r' ? end - 1 : end;
    out.push_back(text->substr(at, stop - at));
    at = end + 1;
  }
  if (!call.spend(static_cast<int64_t>(out.size()), static_cast<int64_t>(text->size()))) return spent();
  return Value(std::move(out));
}

Answer split(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  const auto* by = text_at(call, 1);
  if (!text || !by) return want("split", "text", *call.values[text ? 1 : 0]);
  if (by->empty()) return no("`split` wants text to split by, and got the empty text");
  List out;
  size_t at = 0;
  for (size_t end; (end = find_text(*text, *by, at)) != std::string::npos; at = end + by->size())
    out.push_back(text->substr(at, end - at));
  out.push_back(text->substr(at));
  if (!call.spend(static_cast<int64_t>(out.size()), static_cast<int64_t>(text->size()))) return spent();
  return Value(std::move(out));
}

Answer trim(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("trim", "text", *call.values[0]);
  size_t begin = text->find_first_not_of(" \t\r\n\f\v");
  if (begin == std::string::npos) return Value("");
  return Value(text->substr(begin, text->find_last_not_of(" \t\r\n\f\v") - begin + 1));
}

Answer lower(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("lower", "text", *call.values[0]);
  std::string out = *text;
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return Value(std::move(out));
}

Answer upper(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("upper", "text", *call.values[0]);
  std::string out = *text;
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return Value(std::move(out));
}

Answer json(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("json", "text", *call.values[0]);
  if (!call.spend(static_cast<int64_t>(text->size() / 16), static_cast<int64_t>(text->size()))) return spent();
  Result<Value> value = parse_json(*text);
  if (!value) return no(value.error().message);
  return std::move(*value);
}
Answer to_json(const HelperCall& call) { return Value(print_json(*call.values[0])); }

Answer sha256(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("sha256", "text", *call.values[0]);
  if (!call.spend(static_cast<int64_t>(text->size() / 64), 0)) return spent();
  return Value(sha256_hex(*text));
}

Answer base64(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want("base64", "text", *call.values[0]);
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < text->size(); i += 3) {
    size_t left = std::min<size_t>(3, text->size() - i);
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | (j < left ? static_cast<unsigned char>((*text)[i + j]) : 0u);
    for (size_t j = 0; j < 4; ++j) out.push_back(j <= left ? digits[bits >> (18 - 6 * j) & 63] : '=');
  }
  return Value(std::move(out));
}

namespace {

// At most two digits; none is 0.
int small_number(std::string_view digits) {
  int out = 0;
  for (char c : digits) out = out * 10 + (c - '0');
  return out;
}

// The bytes of the first `characters` of a text.
size_t bytes_of(std::string_view text, size_t characters) {
  size_t at = 0;
  for (; at < text.size(); ++at)
    if ((static_cast<unsigned char>(text[at]) & 0xC0) != 0x80 && characters-- == 0) break;
  return at;
}

}  // namespace

// `%s %d %i %f %.2f %x %5d %%`: the conversions are our own, so no format can read what was not given.
Answer format(const HelperCall& call) {
  const auto* form = text_at(call, 0);
  if (!form) return want("format", "text", *call.values[0]);
  std::string out;
  size_t next = 1;
  for (size_t i = 0; i < form->size(); ++i) {
    if ((*form)[i] != '%') {
      out.push_back((*form)[i]);
      continue;
    }
    if (++i >= form->size()) return no("`format` found a `%` at the end: a percent sign is written `%%`");
    if ((*form)[i] == '%') {
      out.push_back('%');
      continue;
    }
    std::string flags;
    while (i < form->size() && std::string_view("-+ 0").find((*form)[i]) != std::string_view::npos && flags.size() < 4)
      flags.push_back((*form)[i++]);
    std::string width, precision;
    while (i < form->size() && (*form)[i] >= '0' && (*form)[i] <= '9') width.push_back((*form)[i++]);
    if (i < form->size() && (*form)[i] == '.') {
      ++i;
      precision = "0";
      while (i < form->size() && (*form)[i] >= '0' && (*form)[i] <= '9') precision.push_back((*form)[i++]);
    }
    if (width.size() > 2 || precision.size() > 3) return no("`format` takes widths up to 99");
    if (i >= form->size()) return no("`format` found a conversion without its letter");
    if (next >= call.values.size()) return no("`format` has more conversions than values");
    const Value& value = *call.values[next++];
    char letter = (*form)[i];
    char buffer[512];
    std::string spec = "%" + flags + width + (precision.empty() ? "" : "." + precision);
    if (letter == 's') {
      std::string text = to_text(value);
      if (!precision.empty()) text.resize(bytes_of(text, static_cast<size_t>(small_number(precision))));
      auto wide = static_cast<size_t>(small_number(width));
      size_t have = character_count(text);
      std::string pad(wide > have ? wide - have : 0, ' ');
      out += flags.find('-') == std::string::npos ? pad + text : text + pad;
      continue;
    }
    Value number = as_number(value, false);
    if (number.is_null())
      return no("`format` wants a number for `%" + std::string(1, letter) + "`, and got " + article_and_type(value));
    if (letter == 'd' || letter == 'i' || letter == 'x' || letter == 'X') {
      double d = number.is<double>() ? number.get<double>() : 0;
      if (number.is<double>() && (std::floor(d) != d || std::fabs(d) > 9e18))
        return no("`format` wants a whole number for `%" + std::string(1, letter) + "`");
      long long whole = number.is<int64_t>() ? number.get<int64_t>() : static_cast<long long>(d);
      spec += "ll";
      spec.push_back(letter == 'i' ? 'd' : letter);
      std::snprintf(buffer, sizeof buffer, spec.c_str(), whole);
    } else if (letter == 'f' || letter == 'e' || letter == 'g') {
      spec.push_back(letter);
      std::snprintf(buffer, sizeof buffer, spec.c_str(),
                    number.is<int64_t>() ? static_cast<double>(number.get<int64_t>()) : number.get<double>());
    } else {
      return no("`format` does not know `%" + std::string(1, letter) + "`: `%s %d %x %f %e %g %%` are known");
    }
    out += buffer;
  }
  if (next < call.values.size()) return no("`format` has more values than conversions");
  return Value(std::move(out));
}

}  // namespace muster::helper
