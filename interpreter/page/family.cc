#include "interpreter/page/family.h"

#include <algorithm>
#include <map>

#include "interpreter/page/readable.h"

namespace muster {
namespace {

bool is_shared(const FamilyMember& member) {
  return std::find(member.page.tags.begin(), member.page.tags.end(), "shared") != member.page.tags.end();
}

std::string listed(const std::vector<std::string>& items, bool as_code) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + (as_code ? code(item) : item);
  return out;
}

std::string people_of(const Page& page) {
  std::string out;
  for (const std::string& decider : page.deciders) out += (out.empty() ? "" : "; ") + decider;
  if (page.share.person > 0)
    out += (out.empty() ? "" : "; ") + std::to_string(page.share.person) +
           (page.share.person == 1 ? " step by hand" : " steps by hand");
  return out;
}

std::string endings_of(const FamilyMember& member) {
  std::map<std::string, int> counts;
  for (const FamilyScenario& scenario : member.scenarios) ++counts[scenario.ending];
  std::string out;
  for (const auto& [ending, count] : counts)
    out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + (ending.empty() ? "open" : ending);
  return out;
}

std::string link_to(const FamilyMember& member) { return "[" + member.page.playbook + "](" + member.file + ")"; }

void rows(const Family& family, bool shared, std::string& out) {
  for (const FamilyMember& member : family.members) {
    if (is_shared(member) != shared) continue;
    const Page& page = member.page;
    out += "| " + link_to(member) + " | **" + in_cell(prose(page.title)) + "** " + in_cell(prose(page.purpose)) +
           " | " + listed(page.needed, true) + " | " + in_cell(people_of(page)) + " | " +
           std::to_string(page.share.percent()) + " % | " + endings_of(member) + " |\n";
  }
}

std::string tables(const Family& family) {
  const std::string head =
      "| playbook | what it does | must be given | people | by machine | rehearsed |\n"
      "| --- | --- | --- | --- | --- | --- |\n";
  std::string own, shared, scenarios;
  rows(family, false, own);
  rows(family, true, shared);
  std::string out = own.empty() ? "" : head + own + "\n";
  if (!shared.empty()) out += "Shared parts, which others call:\n\n" + head + shared + "\n";
  for (const FamilyMember& member : family.members) {
    if (member.scenarios.empty()) continue;
    std::vector<std::string> list;
    for (const FamilyScenario& scenario : member.scenarios)
      list.push_back("[" + scenario.name + "](" + scenario.file + ")" +
                     (scenario.ending.empty() ? "" : " " + scenario.ending));
    scenarios += "- **" + member.page.playbook + "**: " + listed(list, false) + "\n";
  }
  if (!scenarios.empty()) out += "The scenarios, with the ending that each expects:\n\n" + scenarios + "\n";
  return out;
}

}  // namespace

std::string markdown_of(const Family& family) {
  std::string out = family.about.empty() ? "# " + prose(family.name) + "\n\n" + family_place + "\n" : family.about;
  size_t at = out.find(family_place);
  if (at == std::string::npos) {
    while (!out.empty() && out.back() == '\n') out.pop_back();
    out += "\n\n";
    at = out.size();
    out += family_place;
  }
  std::string made = tables(family);
  while (!made.empty() && made.back() == '\n') made.pop_back();
  out.replace(at, std::string_view(family_place).size(), made);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out + "\n";
}

Value value_of(const Family& family) {
  List members;
  for (const FamilyMember& member : family.members) {
    Value page = value_of(member.page);
    Map& row = *page.find<Map>();
    row["file"] = member.file;
    List scenarios;
    for (const FamilyScenario& scenario : member.scenarios)
      scenarios.push_back(Map{{"scenario", scenario.name},
                              {"file", scenario.file},
                              {"ending", scenario.ending.empty() ? Value() : Value(scenario.ending)}});
    row["scenarios"] = std::move(scenarios);
    members.push_back(std::move(page));
  }
  return Map{{"family", family.name}, {"playbooks", std::move(members)}, {"markdown", markdown_of(family)}};
}

}  // namespace muster
