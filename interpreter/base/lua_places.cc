#include "interpreter/base/lua_places.h"

#include <algorithm>
#include <string_view>
#include <vector>

namespace muster {
namespace {

bool is_place(std::string_view line) {
  const size_t colon = line.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == line.size()) return false;
  return line.find_first_not_of("0123456789", colon + 1) == std::string_view::npos;
}

}  // namespace

std::string lua_places(const Map& error) { return lua_places(text_of(error, "message"), text_of(error, "cause")); }

std::string lua_places(std::string_view message, std::string_view cause) {
  std::vector<std::string_view> places;
  for (std::string_view rest = cause; !rest.empty();) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    if (!is_place(rest.substr(0, end))) return {};
    places.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  std::string out;
  const bool is_said = !places.empty() && message.rfind(std::string(places.front()) + ":", 0) == 0;
  for (size_t i = is_said ? 1 : 0; i < places.size(); ++i)
    out.append(i == 0        ? "raised at "
               : out.empty() ? "called from "
               : i == 1      ? ", called from "
                             : ", ")
        .append(places[i]);
  return out;
}

}  // namespace muster
