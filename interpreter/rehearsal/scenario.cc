#include "interpreter/rehearsal/scenario.h"

#include <array>
#include <utility>

namespace muster {
namespace {

constexpr std::array<std::pair<FaultKind, std::string_view>, 11> fault_names = {{
    {FaultKind::unreachable, "unreachable"},
    {FaultKind::fail_before, "fail_before"},
    {FaultKind::fail_after, "fail_after"},
    {FaultKind::timeout, "timeout"},
    {FaultKind::kill, "kill"},
    {FaultKind::corrupt, "corrupt"},
    {FaultKind::kill_before, "kill_before"},
    {FaultKind::kill_recorded, "kill_recorded"},
    {FaultKind::verify_fails, "verify_fails"},
    {FaultKind::rejected, "rejected"},
    {FaultKind::expires, "expires"},
}};
constexpr size_t written_kinds = 6;  // the first ones

}  // namespace

std::string_view name_of(FaultKind kind) {
  for (const auto& [one, name] : fault_names)
    if (one == kind) return name;
  return "";
}

const std::vector<std::string_view>& fault_words() {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> all;
    for (size_t i = 0; i < written_kinds; ++i) all.push_back(fault_names[i].second);
    return all;
  }();
  return words;
}

std::optional<FaultKind> fault_kind_of(std::string_view name) {
  for (size_t i = 0; i < written_kinds; ++i)
    if (fault_names[i].second == name) return fault_names[i].first;
  return std::nullopt;
}

}  // namespace muster
