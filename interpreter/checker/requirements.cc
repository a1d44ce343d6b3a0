#include "interpreter/checker/requirements.h"

#include <string>

#include "interpreter/base/time_window.h"
#include "interpreter/base/version_range.h"
#include "interpreter/language/identity.h"

namespace muster {
namespace {

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

std::string quoted(const std::string& text) { return "`" + text + "`"; }

}  // namespace

void check_requires(const Requires& required, Diagnostics& problems) {
  if (required.muster && !VersionRange::parse(required.muster->text))
    refuse(problems, required.muster->at, "bad-version", quoted(required.muster->text) + " is no range of versions",
           "write `>=1.2`, `^1.4.0` or `>=1.2, <2`");
  if (required.rehearsed_within && !required.rehearsed_within->known)
    refuse(problems, required.at, "literal-only", "`rehearsed_within` may not hold `${{ }}`",
           "no value of a run may decide whether it was rehearsed; write a duration, as in `90d`");
  if (!required.window) return;
  const Window& window = *required.window;
  if (window.days.empty() && !window.from && !window.to)
    refuse(problems, window.at, "bad-window", "this window is always open", "give it `days`, or `from` and `to`");
  for (const Name& day : window.days)
    if (!weekday_of(day.text)) {
      std::string_view near = nearest(day.text, weekday_names());
      refuse(problems, day.at, "bad-window", quoted(day.text) + " is no day",
             near.empty() ? "days are `mon`, `tue`, `wed`, `thu`, `fri`, `sat` and `sun`"
                          : "did you mean `" + std::string(near) + "`?");
    }
  for (const auto* hour : {&window.from, &window.to})
    if (*hour && !minute_of_day((*hour)->text))
      refuse(problems, (*hour)->at, "bad-window", quoted((*hour)->text) + " is no time of day",
             "write hours and minutes, as in `22:00`");
  if (window.from && window.to && window.from->text == window.to->text)
    refuse(problems, window.to->at, "bad-window", "this window begins and ends in the same minute",
           "leave both out for the whole day");
  if (window.zone && !is_zone_name(window.zone->text))
    refuse(problems, window.zone->at, "bad-window", quoted(window.zone->text) + " is no name of a time zone",
           "write one of the tz database, as in `Europe/Berlin`");
}

}  // namespace muster
