// The rules of time zones, read from the system's tz database when an expression first names one.
//
// Errors: a zone that is not there is an error for people.
// Source: docs/language.md, "timestamp"; base/time_zone.h.
#pragma once

#include <map>
#include <string>
#include <tl/expected.hpp>

#include "interpreter/base/result.h"
#include "interpreter/base/time_zone.h"
#include "interpreter/world/files.h"

namespace muster {

[[nodiscard]] Result<TimeZone> read_zone(FilesRead& files, const std::string& name);

// What was read, kept: it does not change while an interpreter lives.
class Zones {
 public:
  [[nodiscard]] tl::expected<const TimeZone*, std::string> find(FilesRead& files, const std::string& name);

 private:
  std::map<std::string, Result<TimeZone>> read_;
};

}  // namespace muster
