#include "interpreter/expression/helpers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/expression/expression.h"
#include "interpreter/expression/operators.h"
#include "interpreter/expression/regex.h"

namespace muster {
namespace {

using Answer = tl::expected<Value, std::string>;

tl::unexpected<std::string> no(std::string message) { return tl::unexpected(std::move(message)); }

std::string a_type(const Value& value) { return value.is_null() ? "nil" : "a " + std::string(type_name(value)); }

// The n-th argument as text or list, or an error that names the helper.
const std::string* text_at(const HelperCall& call, size_t n) { return n < call.values.size() ? call.values[n]->find<std::string>() : nullptr; }
const List* list_at(const HelperCall& call, size_t n) { return n < call.values.size() ? call.values[n]->find<List>() : nullptr; }

Answer want_text(const char* helper, const Value& got) { return no("`" + std::string(helper) + "` wants text, and got " + a_type(got)); }
Answer want_list(const char* helper, const Value& got) { return no("`" + std::string(helper) + "` wants a list, and got " + a_type(got)); }

bool spend(const HelperCall& call, int64_t operations, int64_t bytes = 0) { return call.spend(operations, bytes); }
Answer spent() { return no("the budget of this expression is used up"); }

Answer len(const HelperCall& call) {
  const Value& value = *call.values[0];
  if (const auto* text = value.find<std::string>()) return Value(static_cast<int64_t>(character_count(*text)));
  if (const auto* list = value.find<List>()) return Value(static_cast<int64_t>(list->size()));
  if (const auto* map = value.find<Map>()) return Value(static_cast<int64_t>(map->size()));
  return no("`len` wants text, a list or a map, and got " + a_type(value));
}

Answer contains(const HelperCall& call) {
  const Value& in = *call.values[0];
  const Value& what = *call.values[1];
  if (const auto* text = in.find<std::string>()) {
    const auto* part = what.find<std::string>();
    if (!part) return want_text("contains", what);
    return Value(text->find(*part) != std::string::npos);
  }
  if (const auto* list = in.find<List>()) {
    if (!spend(call, static_cast<int64_t>(list->size()))) return spent();
    return Value(std::any_of(list->begin(), list->end(), [&](const Value& item) { return same(item, what); }));
  }
  if (const auto* map = in.find<Map>()) {
    const auto* key = what.find<std::string>();
    return Value(key && map->count(*key) > 0);
  }
  return no("`contains` wants text, a list or a map, and got " + a_type(in));
}

Answer lines(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("lines", *call.values[0]);
  List out;
  for (size_t at = 0; at < text->size();) {
    size_t end = std::min(text->find('\n', at), text->size());
    size_t stop = end > at && (*text)[end - 1] == '\r' ? end - 1 : end;
    out.push_back(text->substr(at, stop - at));
    at = end + 1;
  }
  if (!spend(call, static_cast<int64_t>(out.size()), static_cast<int64_t>(text->size()))) return spent();
  return Value(std::move(out));
}

Answer split(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  const auto* by = text_at(call, 1);
  if (!text || !by) return want_text("split", *call.values[text ? 1 : 0]);
  if (by->empty()) return no("`split` wants text to split by, and got the empty text");
  List out;
  size_t at = 0;
  for (size_t end; (end = text->find(*by, at)) != std::string::npos; at = end + by->size()) out.push_back(text->substr(at, end - at));
  out.push_back(text->substr(at));
  if (!spend(call, static_cast<int64_t>(out.size()), static_cast<int64_t>(text->size()))) return spent();
  return Value(std::move(out));
}

Answer join(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("join", *call.values[0]);
  const auto* between = text_at(call, 1);
  std::string out;
  for (size_t i = 0; i < list->size(); ++i) {
    if ((*list)[i].is<List>() || (*list)[i].is<Map>()) return no("`join` wants texts and numbers in its list, and found " + a_type((*list)[i]));
    if (i > 0 && between) out += *between;
    out += to_text((*list)[i]);
    if (out.size() > (1u << 26) || !spend(call, 1)) return spent();
  }
  return Value(std::move(out));
}

Answer trim(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("trim", *call.values[0]);
  size_t begin = text->find_first_not_of(" \t\r\n\f\v");
  if (begin == std::string::npos) return Value("");
  return Value(text->substr(begin, text->find_last_not_of(" \t\r\n\f\v") - begin + 1));
}

Answer lower(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("lower", *call.values[0]);
  std::string out = *text;
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return Value(std::move(out));
}

Answer upper(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("upper", *call.values[0]);
  std::string out = *text;
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  return Value(std::move(out));
}

Answer keys(const HelperCall& call) {
  const auto* map = call.values[0]->find<Map>();
  if (!map) return no("`keys` wants a map, and got " + a_type(*call.values[0]));
  List out;
  for (const auto& [name, value] : *map) out.push_back(name);
  return Value(std::move(out));
}

// What a function says of each item of a list; without a function, the item itself.
Answer each(const char* helper, const HelperCall& call, const std::function<bool(const Value& item, const Value& said)>& go_on) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list(helper, *call.values[0]);
  const Callback* function = call.functions.size() > 1 && call.functions[1] ? &call.functions[1] : nullptr;
  if (call.values.size() > 1 && !function) return no("`" + std::string(helper) + "` wants a function, as in `" + helper + "(list, function(x) return x end)`");
  for (size_t i = 0; i < list->size(); ++i) {
    if (!spend(call, 1)) return spent();
    if (!function) {
      if (!go_on((*list)[i], (*list)[i])) break;
      continue;
    }
    Answer said = (*function)({(*list)[i], Value(static_cast<int64_t>(i) + 1)});
    if (!said) return said;
    if (said->is<Unknown>()) return said;
    if (!go_on((*list)[i], *said)) break;
  }
  return Value();
}

Answer any(const HelperCall& call) {
  bool found = false;
  Answer done = each("any", call, [&](const Value&, const Value& said) { return !(found = is_true(said)); });
  if (!done || done->is<Unknown>()) return done;
  return Value(found);
}

Answer all(const HelperCall& call) {
  bool held = true;
  Answer done = each("all", call, [&](const Value&, const Value& said) { return held = is_true(said); });
  if (!done || done->is<Unknown>()) return done;
  return Value(held);
}

Answer map(const HelperCall& call) {
  List out;
  Answer done = each("map", call, [&](const Value&, const Value& said) {
    out.push_back(said);
    return true;
  });
  if (!done || done->is<Unknown>()) return done;
  return Value(std::move(out));
}

Answer filter(const HelperCall& call) {
  List out;
  Answer done = each("filter", call, [&](const Value& item, const Value& said) {
    if (is_true(said)) out.push_back(item);
    return true;
  });
  if (!done || done->is<Unknown>()) return done;
  return Value(std::move(out));
}

Answer chunk(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("chunk", *call.values[0]);
  const auto* size = call.values[1]->find<int64_t>();
  if (!size || *size < 1) return no("`chunk` wants a whole number above 0 as its size");
  List out;
  for (size_t at = 0; at < list->size(); at += static_cast<size_t>(*size)) {
    size_t end = std::min(list->size(), at + static_cast<size_t>(*size));
    out.push_back(List(list->begin() + static_cast<std::ptrdiff_t>(at), list->begin() + static_cast<std::ptrdiff_t>(end)));
  }
  return Value(std::move(out));
}

Answer sum(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("sum", *call.values[0]);
  Value total(0);
  for (const Value& item : *list) {
    if (!spend(call, 1)) return spent();
    if (as_number(item, false).is_null()) return no("`sum` wants numbers in its list, and found " + a_type(item));
    Answer next = apply_binary(Operator::add, total, as_number(item, false));
    if (!next) return next;
    total = std::move(*next);
  }
  return total;
}

Answer extreme(const char* helper, const HelperCall& call, int wanted) {
  std::vector<const Value*> items(call.values);
  if (items.size() == 1) {
    const auto* list = list_at(call, 0);
    if (!list) return want_list(helper, *call.values[0]);
    items.clear();
    for (const Value& item : *list) items.push_back(&item);
  }
  if (items.empty()) return Value();
  const Value* best = items[0];
  for (const Value* item : items) {
    if (!spend(call, 1)) return spent();
    tl::expected<int, std::string> order = compare(*item, *best);
    if (!order) return no(order.error());
    if (*order == wanted) best = item;
  }
  return *best;
}
Answer min(const HelperCall& call) { return extreme("min", call, -1); }
Answer max(const HelperCall& call) { return extreme("max", call, 1); }

Answer sort(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("sort", *call.values[0]);
  std::vector<std::pair<Value, Value>> keyed;  // key, item
  if (call.values.size() > 1) {
    if (!call.functions[1]) return no("`sort` wants a function that gives each item's key, as in `sort(list, function(x) return x.at end)`");
    for (const Value& item : *list) {
      Answer key = call.functions[1]({item});
      if (!key) return key;
      if (key->is<Unknown>()) return key;
      keyed.emplace_back(std::move(*key), item);
    }
  } else {
    for (const Value& item : *list) keyed.emplace_back(item, item);
  }
  auto count = static_cast<int64_t>(keyed.size());
  if (!spend(call, count * 8)) return spent();
  for (size_t i = 1; i < keyed.size(); ++i) {
    tl::expected<int, std::string> order = compare(keyed[0].first, keyed[i].first);
    if (!order) return no(order.error());
    if (*order == 2) return no("`sort` found a number that is none");
  }
  std::stable_sort(keyed.begin(), keyed.end(), [](const auto& a, const auto& b) { return compare(a.first, b.first).value_or(0) == -1; });
  List out;
  for (auto& [key, item] : keyed) out.push_back(std::move(item));
  return Value(std::move(out));
}

Answer unique(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("unique", *call.values[0]);
  List out;
  std::vector<std::string> seen;
  for (const Value& item : *list) {
    if (!spend(call, 8)) return spent();
    std::string key = encode_value(item);
    auto at = std::lower_bound(seen.begin(), seen.end(), key);
    if (at != seen.end() && *at == key) continue;
    seen.insert(at, std::move(key));
    out.push_back(item);
  }
  return Value(std::move(out));
}

Answer first(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("first", *call.values[0]);
  return list->empty() ? Value() : list->front();
}
Answer last(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want_list("last", *call.values[0]);
  return list->empty() ? Value() : list->back();
}

Answer cond(const HelperCall& call) { return is_true(*call.values[0]) ? *call.values[1] : *call.values[2]; }

Answer json(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("json", *call.values[0]);
  if (!spend(call, static_cast<int64_t>(text->size() / 16), static_cast<int64_t>(text->size()))) return spent();
  Result<Value> value = parse_json(*text);
  if (!value) return no(value.error().message);
  return std::move(*value);
}
Answer to_json(const HelperCall& call) { return Value(print_json(*call.values[0])); }

Answer now(const HelperCall& call) { return Value(call.now); }

Answer timestamp(const HelperCall& call) {
  if (call.values[0]->is<Timestamp>()) return *call.values[0];
  if (const auto* seconds = call.values[0]->find<int64_t>()) return Value(Timestamp{*seconds * 1'000'000});
  const auto* text = text_at(call, 0);
  if (!text) return want_text("timestamp", *call.values[0]);
  std::string with_zone = *text;
  if (call.values.size() > 1) {
    const auto* zone = text_at(call, 1);
    if (!zone) return want_text("timestamp", *call.values[1]);
    bool offset = zone->size() == 6 && ((*zone)[0] == '+' || (*zone)[0] == '-');
    if (*zone != "UTC" && *zone != "Z" && !offset) return no("`timestamp` knows the zones `UTC` and offsets as `+02:00`, and not `" + *zone + "`");
    with_zone += offset ? *zone : "Z";
  }
  std::optional<Timestamp> moment = parse_timestamp(with_zone);
  if (!moment) return no("`" + *text + "` is no timestamp: `2026-01-15T10:00:00Z` is one");
  return Value(*moment);
}

Answer duration(const HelperCall& call) {
  if (call.values[0]->is<Duration>()) return *call.values[0];
  const auto* text = text_at(call, 0);
  if (!text) return want_text("duration", *call.values[0]);
  std::optional<Duration> length = parse_duration(*text);
  if (!length) return no("`" + *text + "` is no duration: `30s`, `2m`, `24h` are some");
  return Value(*length);
}

Answer date(const HelperCall& call) {
  const auto* moment = call.values[0]->find<Timestamp>();
  if (!moment) return no("`date` wants a timestamp, and got " + a_type(*call.values[0]));
  return Value(to_text(*moment).substr(0, 10));
}

Answer sha256(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("sha256", *call.values[0]);
  if (!spend(call, static_cast<int64_t>(text->size() / 64))) return spent();
  return Value(sha256_hex(*text));
}

Answer base64(const HelperCall& call) {
  const auto* text = text_at(call, 0);
  if (!text) return want_text("base64", *call.values[0]);
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

// `%s %d %i %f %.2f %x %5d %%`: the conversions are our own, so no format can read what was not given.
Answer format(const HelperCall& call) {
  const auto* form = text_at(call, 0);
  if (!form) return want_text("format", *call.values[0]);
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
    while (i < form->size() && std::string_view("-+ 0").find((*form)[i]) != std::string_view::npos && flags.size() < 4) flags.push_back((*form)[i++]);
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
      if (!precision.empty()) text = text.substr(0, static_cast<size_t>(std::stoi(precision)));
      size_t wide = width.empty() ? 0 : static_cast<size_t>(std::stoi(width));
      size_t have = character_count(text);
      std::string pad(wide > have ? wide - have : 0, ' ');
      out += flags.find('-') == std::string::npos ? pad + text : text + pad;
      continue;
    }
    Value number = as_number(value, false);
    if (number.is_null()) return no("`format` wants a number for `%" + std::string(1, letter) + "`, and got " + a_type(value));
    if (letter == 'd' || letter == 'i' || letter == 'x' || letter == 'X') {
      double d = number.is<double>() ? number.get<double>() : 0;
      if (number.is<double>() && (std::floor(d) != d || std::fabs(d) > 9e18)) return no("`format` wants a whole number for `%" + std::string(1, letter) + "`");
      long long whole = number.is<int64_t>() ? number.get<int64_t>() : static_cast<long long>(d);
      spec += "ll";
      spec.push_back(letter == 'i' ? 'd' : letter);
      std::snprintf(buffer, sizeof buffer, spec.c_str(), whole);
    } else if (letter == 'f' || letter == 'e' || letter == 'g') {
      spec.push_back(letter);
      std::snprintf(buffer, sizeof buffer, spec.c_str(), number.is<int64_t>() ? static_cast<double>(number.get<int64_t>()) : number.get<double>());
    } else {
      return no("`format` does not know `%" + std::string(1, letter) + "`: `%s %d %x %f %e %g %%` are known");
    }
    out += buffer;
  }
  if (next < call.values.size()) return no("`format` has more values than conversions");
  return Value(std::move(out));
}

Answer is_set(const HelperCall& call) { return Value(!call.values[0]->is_null()); }

Answer one_match(const Regex& regex, const std::string& text, const Regex::Match& match) {
  if (match.groups.empty()) return Value(text.substr(match.begin, match.end - match.begin));
  bool named = std::any_of(regex.group_names().begin(), regex.group_names().end(), [](const std::string& name) { return !name.empty(); });
  List list;
  Map map;
  for (size_t g = 0; g < match.groups.size(); ++g) {
    Value piece;
    if (match.groups[g]) piece = Value(text.substr(match.groups[g]->first, match.groups[g]->second - match.groups[g]->first));
    if (named) {
      if (!regex.group_names()[g].empty()) map[regex.group_names()[g]] = std::move(piece);
    } else {
      list.push_back(std::move(piece));
    }
  }
  if (named) return Value(std::move(map));
  if (list.size() == 1) return std::move(list[0]);
  return Value(std::move(list));
}

Answer matching(const char* helper, const HelperCall& call, bool all_of_them) {
  const auto* text = text_at(call, 0);
  const auto* pattern = text_at(call, 1);
  if (!text || !pattern) return want_text(helper, *call.values[text ? 1 : 0]);
  tl::expected<Regex, std::string> regex = Regex::compile(*pattern);
  if (!regex) return no("`" + *pattern + "` is no pattern: " + regex.error());
  // Linear time, and still text times program: both count.
  if (!spend(call, static_cast<int64_t>(text->size() * regex->size() / 64))) return spent();
  List out;
  for (size_t from = 0; from <= text->size();) {
    std::optional<Regex::Match> match = regex->search(*text, from);
    if (!match) break;
    Answer value = one_match(*regex, *text, *match);
    if (!all_of_them) return value;
    out.push_back(std::move(*value));
    from = match->end > match->begin ? match->end : match->end + 1;
    if (!spend(call, static_cast<int64_t>((text->size() - match->begin) * regex->size() / 64))) return spent();
  }
  if (!all_of_them) return Value();
  return Value(std::move(out));
}
Answer match(const HelperCall& call) { return matching("match", call, false); }
Answer match_all(const HelperCall& call) { return matching("match_all", call, true); }

// Sorted by name.
constexpr std::array<Helper, 34> helpers = {{
    {"all", 1, 2, "all(list, function(x) return … end)", all},
    {"any", 1, 2, "any(list, function(x) return … end)", any},
    {"base64", 1, 1, "base64(text)", base64},
    {"chunk", 2, 2, "chunk(list, size)", chunk},
    {"cond", 3, 3, "cond(test, yes, no)", cond},
    {"contains", 2, 2, "contains(text, part) or contains(list, item)", contains},
    {"date", 1, 1, "date(timestamp)", date},
    {"duration", 1, 1, "duration(\"30s\")", duration},
    {"filter", 2, 2, "filter(list, function(x) return … end)", filter},
    {"first", 1, 1, "first(list)", first},
    {"format", 1, -1, "format(\"%s of %d\", a, b)", format},
    {"is_set", 1, 1, "is_set(value)", is_set},
    {"join", 1, 2, "join(list, between)", join},
    {"json", 1, 1, "json(text)", json},
    {"keys", 1, 1, "keys(map)", keys},
    {"last", 1, 1, "last(list)", last},
    {"len", 1, 1, "len(text, list or map)", len},
    {"lines", 1, 1, "lines(text)", lines},
    {"lower", 1, 1, "lower(text)", lower},
    {"map", 2, 2, "map(list, function(x) return … end)", map},
    {"match", 2, 2, "match(text, pattern)", match},
    {"match_all", 2, 2, "match_all(text, pattern)", match_all},
    {"max", 1, -1, "max(list) or max(a, b, …)", max},
    {"min", 1, -1, "min(list) or min(a, b, …)", min},
    {"now", 0, 0, "now()", now},
    {"sha256", 1, 1, "sha256(text)", sha256},
    {"sort", 1, 2, "sort(list) or sort(list, function(x) return key end)", sort},
    {"split", 2, 2, "split(text, by)", split},
    {"sum", 1, 1, "sum(list)", sum},
    {"timestamp", 1, 2, "timestamp(text, zone)", timestamp},
    {"to_json", 1, 1, "to_json(value)", to_json},
    {"trim", 1, 1, "trim(text)", trim},
    {"unique", 1, 1, "unique(list)", unique},
    {"upper", 1, 1, "upper(text)", upper},
}};

}  // namespace

const Helper* find_helper(std::string_view name) {
  const auto* end = helpers.data() + helpers.size();
  const auto* found = std::lower_bound(helpers.data(), end, name, [](const Helper& helper, std::string_view wanted) { return helper.name < wanted; });
  return found != end && found->name == name ? found : nullptr;
}

const std::vector<std::string_view>& helper_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all_names;
    for (size_t i = 0; i < helpers.size(); ++i) all_names.push_back(helpers[i].name);
    return all_names;
  }();
  return names;
}

}  // namespace muster
