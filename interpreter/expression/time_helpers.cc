#include <cmath>
#include <optional>

#include "interpreter/base/time_window.h"
#include "interpreter/expression/helper_functions.h"

namespace muster::helper {
namespace {

// `+02:00`, `UTC` or `Z`, as the end of a timestamp is written; empty: the zone has a name.
std::string fixed_zone(const std::string& zone) {
  if (zone == "UTC" || zone == "Z") return "Z";
  const bool offset = zone.size() == 6 && (zone[0] == '+' || zone[0] == '-');
  return offset && parse_timestamp("1970-01-02T00:00:00" + zone) ? zone : "";
}

Answer no_zone(const char* helper, const std::string& zone) {
  return no("`" + std::string(helper) + "` knows `UTC`, offsets as `+02:00` and names as `Europe/Berlin`, and not `" +
            zone + "`");
}

// Nobody knows a zone's rules before the run.
Value known_in_the_run(const std::string& zone) { return Value(Unknown{"known once the zone " + zone + " is read"}); }

// The moment at which the clocks of the zone show `local`: none where they go forward over it, two where they go back.
Answer moment_in(const TimeZone& zone, Timestamp local, const std::string& text, const std::string& name) {
  const Duration day = Duration::seconds(24 * 3600);
  std::optional<Timestamp> found;
  for (Duration offset : {zone.offset_at(local - day), zone.offset_at(local + day)}) {
    const Timestamp at{local.us - offset.us};
    if (zone.offset_at(at).us != offset.us || (found && found->us == at.us)) continue;
    if (found)
      return no("`" + text + "` comes twice in `" + name + "`, where clocks go back: write its offset, as in `+02:00`");
    found = at;
  }
  if (!found) return no("`" + text + "` never comes in `" + name + "`, where clocks go forward over it");
  return Value(*found);
}

}  // namespace

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
    if (parse_timestamp(*text) && text->size() != 10)
      return no("`" + *text + "` says its zone itself: leave the second argument out");
    if (text->size() == 10) with_zone += "T00:00:00";  // a date alone is its midnight there
    std::string fixed = fixed_zone(*zone);
    if (fixed.empty()) {
      if (!is_zone_name(*zone)) return no_zone("timestamp", *zone);
      std::optional<Timestamp> local = parse_timestamp(with_zone + "Z");
      if (!local) return no("`" + *text + "` is no timestamp: `2026-01-15T10:00:00` is one");
      tl::expected<const TimeZone*, std::string> rules = call.zone(*zone);
      if (!rules) return no(rules.error());
      return *rules ? moment_in(**rules, *local, *text, *zone) : Answer(known_in_the_run(*zone));
    }
    with_zone += fixed;
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
  Duration offset{0};
  if (call.values.size() > 1) {
    const auto* zone = text_at(call, 1);
    if (!zone) return want("date", "a zone as text", *call.values[1]);
    if (std::string fixed = fixed_zone(*zone); !fixed.empty()) {
      offset = *parse_timestamp("1970-01-02T00:00:00Z") - *parse_timestamp("1970-01-02T00:00:00" + fixed);
    } else {
      if (!is_zone_name(*zone)) return no_zone("date", *zone);
      tl::expected<const TimeZone*, std::string> rules = call.zone(*zone);
      if (!rules) return no(rules.error());
      if (!*rules) return known_in_the_run(*zone);
      offset = (*rules)->offset_at(*moment);
    }
  }
  return Value(to_text(*moment + offset).substr(0, 10));
}

}  // namespace muster::helper
