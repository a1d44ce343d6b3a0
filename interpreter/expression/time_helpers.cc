#include <cmath>

#include "interpreter/expression/helper_functions.h"

namespace muster::helper {

Answer now(const HelperCall& call) { return Value(call.now); }

// Text as RFC 3339 writes it, a zone where the text has none, or seconds since 1970.
Answer timestamp(const HelperCall& call) {
  const Value& given = *call.values[0];
  if (given.is<Timestamp>()) return given;
  if (given.is<int64_t>() || given.is<double>()) return apply_binary(Operator::add, Value(Timestamp{0}), given);
  const auto* text = given.find<std::string>();
  if (!text) return want("timestamp", "text or seconds since 1970", given);
  std::string with_zone = *text;
  if (call.values.size() > 1) {
    const auto* zone = text_at(call, 1);
    if (!zone) return want("timestamp", "a zone as text", *call.values[1]);
    bool offset = zone->size() == 6 && ((*zone)[0] == '+' || (*zone)[0] == '-');
    if (*zone != "UTC" && *zone != "Z" && !offset)
      return no("`timestamp` knows the zone `UTC` and offsets as `+02:00`, and not named zones as `" + *zone + "`");
    if (text->size() == 10) with_zone += "T00:00:00";  // a date alone is its midnight there
    with_zone += offset ? *zone : "Z";
    if (parse_timestamp(*text) && text->size() != 10)
      return no("`" + *text + "` says its zone itself: leave the second argument out");
  }
  if (std::optional<Timestamp> moment = parse_timestamp(with_zone)) return Value(*moment);
  if (call.values.size() == 1 && parse_timestamp(*text + "Z"))
    return no("`" + *text + "` has no zone: write `timestamp(text, \"UTC\")`");
  return no("`" + *text + "` is no timestamp: `2026-01-15T10:00:00Z` is one");
}

Answer duration(const HelperCall& call) {
  if (call.values[0]->is<Duration>()) return *call.values[0];
  const auto* text = text_at(call, 0);
  if (!text) return want("duration", "text", *call.values[0]);
  std::optional<Duration> length = parse_duration(*text);
  if (!length) return no("`" + *text + "` is no duration: `30s`, `2m`, `24h` are some");
  return Value(*length);
}

Answer date(const HelperCall& call) {
  const auto* moment = call.values[0]->find<Timestamp>();
  if (!moment) return no("`date` wants a timestamp, and got " + article_and_type(*call.values[0]));
  return Value(to_text(*moment).substr(0, 10));
}

}  // namespace muster::helper
