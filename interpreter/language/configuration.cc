#include "interpreter/language/configuration.h"

namespace muster {

bool Configuration::is_member(std::string_view group, std::string_view person) const {
  for (const GroupOfPeople& g : groups) {
    if (g.name.text != group) continue;
    for (const Name& member : g.members)
      if (member.text == person) return true;
  }
  return false;
}

}  // namespace muster
