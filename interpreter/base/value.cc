#include "interpreter/base/value.h"

#include <cmath>
#include <cstdio>

#include "interpreter/base/json.h"

namespace muster {

std::string_view type_name(const Value& value) {
  return std::visit(overloaded{
                        [](Null) { return std::string_view("nil"); },
                        [](bool) { return std::string_view("boolean"); },
                        [](int64_t) { return std::string_view("integer"); },
                        [](double) { return std::string_view("number"); },
                        [](const std::string&) { return std::string_view("string"); },
                        [](const List&) { return std::string_view("list"); },
                        [](const Map&) { return std::string_view("map"); },
                        [](Timestamp) { return std::string_view("timestamp"); },
                        [](Duration) { return std::string_view("duration"); },
                        [](const Secret&) { return std::string_view("secret"); },
                        [](const Unknown&) { return std::string_view("unknown"); },
                    },
                    value.data);
}

bool holds_secret(const Value& value) {
  if (value.is<Secret>()) return true;
  if (const List* list = value.find<List>())
    for (const Value& item : *list)
      if (holds_secret(item)) return true;
  if (const Map* map = value.find<Map>())
    for (const auto& [name, item] : *map)
      if (holds_secret(item)) return true;
  return false;
}

const Unknown* find_unknown(const Value& value) {
  if (const Unknown* unknown = value.find<Unknown>()) return unknown;
  if (const List* list = value.find<List>())
    for (const Value& item : *list)
      if (const Unknown* unknown = find_unknown(item)) return unknown;
  if (const Map* map = value.find<Map>())
    for (const auto& [name, item] : *map)
      if (const Unknown* unknown = find_unknown(item)) return unknown;
  return nullptr;
}

namespace {

// Exact: a float equals a whole number only where the conversion loses nothing.
bool same_number(int64_t i, double d) {
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 && static_cast<int64_t>(d) == i && std::floor(d) == d;
}

}  // namespace

bool same(const Value& a, const Value& b) {
  return std::visit(overloaded{
                        [](Null, Null) { return true; },
                        [](bool x, bool y) { return x == y; },
                        [](int64_t x, int64_t y) { return x == y; },
                        [](double x, double y) { return x == y; },
                        [](int64_t x, double y) { return same_number(x, y); },
                        [](double x, int64_t y) { return same_number(y, x); },
                        [](const std::string& x, const std::string& y) { return x == y; },
                        [](Timestamp x, Timestamp y) { return x == y; },
                        [](Duration x, Duration y) { return x == y; },
                        [](Duration x, int64_t y) { return same_number(y, x.as_seconds()); },
                        [](int64_t x, Duration y) { return same_number(x, y.as_seconds()); },
                        [](Duration x, double y) { return x.as_seconds() == y; },
                        [](double x, Duration y) { return x == y.as_seconds(); },
                        [](const List& x, const List& y) {
                          if (x.size() != y.size()) return false;
                          for (size_t i = 0; i < x.size(); ++i)
                            if (!same(x[i], y[i])) return false;
                          return true;
                        },
                        [](const Map& x, const Map& y) {
                          if (x.size() != y.size()) return false;
                          for (auto i = x.begin(), j = y.begin(); i != x.end(); ++i, ++j)
                            if (i->first != j->first || !same(i->second, j->second)) return false;
                          return true;
                        },
                        [](const auto&, const auto&) { return false; },
                    },
                    a.data, b.data);
}

namespace {

std::string number_text(double d) {
  if (std::isfinite(d) && std::floor(d) == d && std::fabs(d) < 1e15) return std::to_string(static_cast<int64_t>(d));
  if (std::isnan(d)) return "nan";  // its sign depends on the machine
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.14g", d);
  return buffer;
}

}  // namespace

std::string to_text(const Value& value) {
  return std::visit(overloaded{
                        [](Null) { return std::string("nil"); },
                        [](bool b) { return std::string(b ? "true" : "false"); },
                        [](int64_t i) { return std::to_string(i); },
                        [](double d) { return number_text(d); },
                        [](const std::string& s) { return s; },
                        [&](const List&) { return print_json(value); },
                        [&](const Map&) { return print_json(value); },
                        [](Timestamp t) { return to_text(t); },
                        [](Duration d) {
                          return d.us % 1'000'000 == 0 ? std::to_string(d.us / 1'000'000) : number_text(d.as_seconds());
                        },
                        [](const Secret&) { return std::string("***"); },
                        [](const Unknown& u) { return "(" + u.why + ")"; },
                    },
                    value.data);
}

const Value* member(const Map& map, std::string_view name) {
  auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}

const Value* member(const Value& value, std::string_view name) {
  const Map* map = value.find<Map>();
  return map ? member(*map, name) : nullptr;
}

std::string text_of(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  const std::string* text = value ? value->find<std::string>() : nullptr;
  return text ? *text : std::string();
}

}  // namespace muster
