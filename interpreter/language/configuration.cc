#include "interpreter/language/configuration.h"

#include <algorithm>

namespace muster {

bool Configuration::is_member(std::string_view group, std::string_view person) const {
  for (const GroupOfPeople& of : groups)
    if (of.name.text == group)
      for (const Name& member : of.members)
        if (member.text == person || person_of(member.text) == person) return true;
  return false;
}

std::string Configuration::person_of(std::string_view user) const {
  for (const Person& person : people) {
    if (person.name.text == user) return person.name.text;
    for (const Name& account : person.users)
      if (account.text == user) return person.name.text;
  }
  return std::string(user);
}

std::vector<std::string> Configuration::people_of(const std::vector<Approver>& approvers) const {
  std::vector<std::string> out;
  auto take = [&](std::string_view name) {
    std::string person = person_of(name);
    if (std::find(out.begin(), out.end(), person) == out.end()) out.push_back(std::move(person));
  };
  for (const Approver& approver : approvers) {
    if (approver.kind == Approver::Kind::user) take(approver.name);
    for (const GroupOfPeople& group : groups)
      if (approver.kind == Approver::Kind::group && group.name.text == approver.name)
        for (const Name& member : group.members) take(member.text);
  }
  std::sort(out.begin(), out.end());
  return out;
}

bool Configuration::may_break_glass(std::string_view person) const {
  if (!gates) return false;
  for (const Requirement& requirement : gates->break_glass) {
    const std::vector<std::string> named = people_of(requirement.of);
    if (std::find(named.begin(), named.end(), person) != named.end()) return true;
  }
  return false;
}

const Channel* Configuration::channel(std::string_view name) const {
  for (const Channel& one : channels)
    if (one.name.text == name) return &one;
  return nullptr;
}

}  // namespace muster
