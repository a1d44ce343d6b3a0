// The values of playbooks: what inputs, results and expressions hold.
//
// Units:  see time.h for Timestamp and Duration. Text is bytes; it is UTF-8 unless it came from the world.
// Errors: `get<T>()` of another type is our own mistake (assert); ask `is<T>()` or `find` first.
#pragma once

#include <cassert>
#include <concepts>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "interpreter/base/secret.h"
#include "interpreter/base/time.h"

namespace muster {

// JSON and SQL null, an absent optional input: `nil` in expressions.
struct Null {
  friend bool operator==(Null, Null) { return true; }
};

// A value that is not known yet: it depends on a write that did not happen. Only dry runs and plans make it.
struct Unknown {
  std::string why;  // `known after restored`
};

struct Value;
using List = std::vector<Value>;
using Map = std::map<std::string, Value, std::less<>>;

struct Value {
  using Data = std::variant<Null, bool, int64_t, double, std::string, List, Map, Timestamp, Duration, Secret, Unknown>;
  Data data;

  Value() = default;
  Value(Null) {}              // NOLINT: conversions are the point of a value
  Value(bool b) : data(b) {}  // NOLINT
  template <std::integral I>
  requires(!std::same_as<I, bool>) Value(I i) : data(static_cast<int64_t>(i)) {}  // NOLINT
  Value(double d) : data(d) {}                                                    // NOLINT
  Value(std::string s) : data(std::move(s)) {}                                    // NOLINT
  Value(std::string_view s) : data(std::string(s)) {}                             // NOLINT
  Value(const char* s) : data(std::string(s)) {}                                  // NOLINT
  Value(List l) : data(std::move(l)) {}                                           // NOLINT
  Value(Map m) : data(std::move(m)) {}                                            // NOLINT
  Value(Timestamp t) : data(t) {}                                                 // NOLINT
  Value(Duration d) : data(d) {}                                                  // NOLINT
  Value(Secret s) : data(std::move(s)) {}                                         // NOLINT
  Value(Unknown u) : data(std::move(u)) {}                                        // NOLINT

  template <class T>
  bool is() const {
    return std::holds_alternative<T>(data);
  }
  template <class T>
  const T* find() const {
    return std::get_if<T>(&data);
  }
  template <class T>
  T* find() {
    return std::get_if<T>(&data);
  }
  template <class T>
  const T& get() const {
    assert(is<T>());
    return *std::get_if<T>(&data);
  }
  bool is_null() const { return is<Null>(); }
};

// `nil boolean integer number string list map timestamp duration secret unknown`: the words of error messages.
[[nodiscard]] std::string_view type_name(const Value& value);

// Whether a secret stands anywhere inside.
[[nodiscard]] bool holds_secret(const Value& value);
// The first unknown inside, or nullptr.
[[nodiscard]] const Unknown* find_unknown(const Value& value);

// Equal in type and content, whole numbers equal to floats of the same value; secrets and unknowns equal nothing.
[[nodiscard]] bool same(const Value& a, const Value& b);

// How a value stands inside text: whole numbers without `.0`, durations as seconds, timestamps in UTC, true/false,
// nil as `nil`, lists and maps as JSON. A secret stands as `***`, an unknown as `(why)`: text with a real secret is
// made by the expression room only, as a Secret again.
[[nodiscard]] std::string to_text(const Value& value);

// The member of a map, or nullptr.
[[nodiscard]] const Value* member(const Map& map, std::string_view name);
[[nodiscard]] const Value* member(const Value& value, std::string_view name);
// The text of a member; empty where it is missing or not text.
[[nodiscard]] std::string text_of(const Map& map, std::string_view name);

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

}  // namespace muster
