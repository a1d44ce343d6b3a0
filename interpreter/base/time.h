// Moments and spans of time, as playbooks, events and expressions use them.
//
// Units:  microseconds; a Timestamp counts from 1970-01-01T00:00:00Z and is always UTC.
// Errors: parsing gives nothing for text that is not one; the caller says what was expected.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

struct Duration {
  int64_t us = 0;
  static constexpr Duration seconds(int64_t n) { return {n * 1'000'000}; }
  static constexpr Duration milliseconds(int64_t n) { return {n * 1'000}; }
  double as_seconds() const { return static_cast<double>(us) / 1e6; }
  friend auto operator<=>(const Duration&, const Duration&) = default;
};

struct Timestamp {
  int64_t us = 0;
  friend auto operator<=>(const Timestamp&, const Timestamp&) = default;
};

inline Timestamp operator+(Timestamp t, Duration d) { return {t.us + d.us}; }
inline Timestamp operator-(Timestamp t, Duration d) { return {t.us - d.us}; }
inline Duration operator-(Timestamp a, Timestamp b) { return {a.us - b.us}; }

// RFC 3339: `2026-01-15T10:00:00Z`, with a fraction or an offset; a bare date is midnight UTC. Leap seconds count as
// :59.
[[nodiscard]] std::optional<Timestamp> parse_timestamp(std::string_view text);
// The moment so many microseconds later, or nothing outside the years 0 to 9999, which RFC 3339 cannot write.
[[nodiscard]] std::optional<Timestamp> timestamp_at(Timestamp from, int64_t later_us);
// `2026-01-15T10:00:00Z`, with as many fraction digits as are not zero (at most 6).
[[nodiscard]] std::string to_text(Timestamp t);

// `500ms`, `30s`, `2m`, `24h`, `7d`, `1h30m`. A bare number is nothing: it has no unit.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// The shortest of the forms above: `1h30m`, `250ms`.
[[nodiscard]] std::string to_text(Duration d);

}  // namespace muster
