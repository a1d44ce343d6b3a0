#include <algorithm>
#include <cmath>
#include <set>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/expression/helper_functions.h"

namespace muster::helper {

Answer len(const HelperCall& call) {
  const Value& value = *call.values[0];
  if (const auto* text = value.find<std::string>()) return Value(static_cast<int64_t>(character_count(*text)));
  if (const auto* list = value.find<List>()) return Value(static_cast<int64_t>(list->size()));
  if (const auto* map = value.find<Map>()) return Value(static_cast<int64_t>(map->size()));
  return no("`len` wants text, a list or a map, and got " + article_and_type(value));
}

Answer contains(const HelperCall& call) {
  const Value& in = *call.values[0];
  const Value& what = *call.values[1];
  if (const auto* text = in.find<std::string>()) {
    const auto* part = what.find<std::string>();
    if (!part) return want("contains", "text", what);
    return Value(find_text(*text, *part, 0) != std::string_view::npos);
  }
  if (const auto* list = in.find<List>()) {
    if (!call.spend(static_cast<int64_t>(list->size()), 0)) return spent();
    for (const Value& item : *list) {
      tl::expected<bool, std::string> equal = equals(item, what);
      if (!equal) return no(equal.error());
      if (*equal) return Value(true);
    }
    return Value(false);
  }
  if (const auto* map = in.find<Map>()) {
    const auto* key = what.find<std::string>();
    return Value(key && map->count(*key) > 0);
  }
  return no("`contains` wants text, a list or a map, and got " + article_and_type(in));
}

Answer join(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("join", "a list", *call.values[0]);
  const auto* between = text_at(call, 1);
  if (call.values.size() > 1 && !between) return want("join", "text between the items", *call.values[1]);
  std::string out;
  for (size_t i = 0; i < list->size(); ++i) {
    const Value& item = (*list)[i];
    if (item.is_null() || item.is<List>() || item.is<Map>())
      return no("`join` wants texts and numbers in its list, and found " + article_and_type(item));
    size_t before = out.size();
    if (i > 0 && between) out += *between;
    out += to_text(item);
    if (!call.spend(1, static_cast<int64_t>(out.size() - before))) return spent();
  }
  return Value(std::move(out));
}

Answer keys(const HelperCall& call) {
  const auto* map = call.values[0]->find<Map>();
  if (!map) return no("`keys` wants a map, and got " + article_and_type(*call.values[0]));
  List out;
  for (const auto& [name, value] : *map) out.push_back(name);
  return Value(std::move(out));
}

namespace {

// What a function says of each item of a list; without a function, the item itself.
Answer each(const char* helper, const HelperCall& call,
            const std::function<bool(const Value& item, const Value& said)>& go_on) {
  const auto* list = list_at(call, 0);
  if (!list) return want(helper, "a list", *call.values[0]);
  const Callback* function = call.functions.size() > 1 && call.functions[1] ? &call.functions[1] : nullptr;
  if (call.values.size() > 1 && !function)
    return no("`" + std::string(helper) + "` wants a function, as in `" + helper + "(list, function(x) return x end)`");
  for (size_t i = 0; i < list->size(); ++i) {
    if (!call.spend(1, 0)) return spent();
    if (!function) {
      if (!go_on((*list)[i], (*list)[i])) break;
      continue;
    }
    Value index(static_cast<int64_t>(i) + 1);
    const Value* arguments[] = {&(*list)[i], &index};
    Answer said = (*function)(arguments);
    if (!said) return said;
    if (!go_on((*list)[i], *said)) break;
  }
  return Value();
}

// Ends at the first item that decides; an unknown one leaves it open only when no other decides.
Answer quantified(const char* helper, const HelperCall& call, bool deciding) {
  bool decided = false;
  Value open;
  Answer done = each(helper, call, [&](const Value&, const Value& said) {
    if (said.is<Unknown>()) {
      open = said;
      return true;
    }
    decided = is_true(said) == deciding;
    return !decided;
  });
  if (!done) return done;
  if (!decided && open.is<Unknown>()) return open;
  return Value(decided == deciding);
}

}  // namespace

Answer any(const HelperCall& call) { return quantified("any", call, true); }
Answer all(const HelperCall& call) { return quantified("all", call, false); }

Answer map(const HelperCall& call) {
  List out;
  Answer done = each("map", call, [&](const Value&, const Value& said) {
    out.push_back(said);
    return true;
  });
  if (!done) return done;
  return Value(std::move(out));
}

Answer filter(const HelperCall& call) {
  List out;
  Value open;
  Answer done = each("filter", call, [&](const Value& item, const Value& said) {
    if (said.is<Unknown>()) open = said;
    if (is_true(said)) out.push_back(item);
    return !open.is<Unknown>();
  });
  if (!done) return done;
  if (open.is<Unknown>()) return open;
  return Value(std::move(out));
}

Answer chunk(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("chunk", "a list", *call.values[0]);
  const auto* size = call.values[1]->find<int64_t>();
  if (!size || *size < 1) return no("`chunk` wants a whole number above 0 as its size");
  if (!call.spend(static_cast<int64_t>(list->size()), 0)) return spent();
  List out;
  for (size_t at = 0; at < list->size(); at += static_cast<size_t>(*size)) {
    size_t end = std::min(list->size(), at + static_cast<size_t>(*size));
    out.push_back(
        List(list->begin() + static_cast<std::ptrdiff_t>(at), list->begin() + static_cast<std::ptrdiff_t>(end)));
  }
  return Value(std::move(out));
}

Answer sum(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("sum", "a list", *call.values[0]);
  Value total(0);
  for (const Value& item : *list) {
    if (!call.spend(1, 0)) return spent();
    if (as_number(item, false).is_null())
      return no("`sum` wants numbers in its list, and found " + article_and_type(item));
    Answer next = apply_binary(Operator::add, total, as_number(item, false));
    if (!next) return next;
    total = std::move(*next);
  }
  return total;
}

namespace {

Answer extreme(const char* helper, const HelperCall& call, int wanted) {
  std::vector<const Value*> items(call.values);
  if (items.size() == 1) {
    const auto* list = list_at(call, 0);
    if (!list) return want(helper, "a list", *call.values[0]);
    items.clear();
    for (const Value& item : *list) items.push_back(&item);
  }
  if (items.empty()) return Value();
  const Value* best = items[0];
  for (const Value* item : items) {
    if (!call.spend(1, 0)) return spent();
    tl::expected<int, std::string> order = compare(*item, *best);
    if (!order) return no(order.error());
    if (*order == wanted) best = item;
  }
  return *best;
}
}  // namespace

Answer min(const HelperCall& call) { return extreme("min", call, -1); }
Answer max(const HelperCall& call) { return extreme("max", call, 1); }

// By the items themselves, or by the key that the function gives for each; equal ones keep their order.
Answer sort(const HelperCall& call) {
  std::vector<std::pair<Value, const Value*>> keyed;
  Value open;
  Answer done = each("sort", call, [&](const Value& item, const Value& said) {
    if (said.is<Unknown>()) open = said;
    keyed.emplace_back(said, &item);
    return !open.is<Unknown>();
  });
  if (!done) return done;
  if (open.is<Unknown>()) return open;
  auto count = static_cast<int64_t>(keyed.size());
  if (!call.spend(count * 8, count * static_cast<int64_t>(sizeof keyed[0]))) return spent();
  for (const auto& [key, item] : keyed) {
    tl::expected<int, std::string> order = compare(keyed[0].first, key);
    if (!order) return no("`sort`: " + order.error());
    if (*order == 2) return no("`sort` cannot place a number that is none (nan)");
  }
  std::stable_sort(keyed.begin(), keyed.end(),
                   [](const auto& a, const auto& b) { return compare(a.first, b.first).value_or(0) == -1; });
  List out;
  out.reserve(keyed.size());
  for (const auto& [key, item] : keyed) out.push_back(*item);
  return Value(std::move(out));
}

namespace {

// Equal values give equal keys: whole floats and durations as the integers they equal.
Value normal(const Value& value) {
  if (const auto* list = value.find<List>()) {
    List out;
    for (const Value& item : *list) out.push_back(normal(item));
    return Value(std::move(out));
  }
  if (const auto* map = value.find<Map>()) {
    Map out;
    for (const auto& [name, item] : *map) out.emplace(name, normal(item));
    return Value(std::move(out));
  }
  Value number = as_number(value, false);
  if (number.is_null()) return value;
  const double* d = number.find<double>();
  if (d && std::floor(*d) == *d && *d >= -9223372036854775808.0 && *d < 9223372036854775808.0)
    return Value(static_cast<int64_t>(*d));
  return number;
}

}  // namespace

Answer unique(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("unique", "a list", *call.values[0]);
  List out;
  std::set<std::string> seen;
  for (const Value& item : *list) {
    std::string key = encode_value(normal(item));
    if (!call.spend(8 + static_cast<int64_t>(key.size() / 64), static_cast<int64_t>(key.size()))) return spent();
    if (seen.insert(std::move(key)).second) out.push_back(item);
  }
  return Value(std::move(out));
}

Answer first(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("first", "a list", *call.values[0]);
  return list->empty() ? Value() : list->front();
}
Answer last(const HelperCall& call) {
  const auto* list = list_at(call, 0);
  if (!list) return want("last", "a list", *call.values[0]);
  return list->empty() ? Value() : list->back();
}

}  // namespace muster::helper
