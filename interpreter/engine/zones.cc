#include "interpreter/engine/zones.h"

#include "interpreter/base/time_window.h"

namespace muster {
namespace {

constexpr uint64_t most_zone_bytes = 1 << 20;

}  // namespace

Result<TimeZone> read_zone(FilesRead& files, const std::string& name) {
  Result<std::string> bytes = fail(ErrorCode::not_found, "");
  if (is_zone_name(name)) bytes = files.read(std::string(zone_folder) + "/" + name, most_zone_bytes);
  std::optional<TimeZone> rules = bytes ? TimeZone::parse(*bytes) : std::nullopt;
  if (!rules)
    return fail(ErrorCode::not_found, "the time zone `" + name + "` is not known here",
                "install the system's tzdata, or mend the name");
  return std::move(*rules);
}

tl::expected<const TimeZone*, std::string> Zones::find(FilesRead& files, const std::string& name) {
  auto known = read_.find(name);
  if (known == read_.end()) known = read_.emplace(name, read_zone(files, name)).first;
  if (known->second) return &*known->second;
  return tl::unexpected(known->second.error().message + "; " + known->second.error().hint);
}

}  // namespace muster
