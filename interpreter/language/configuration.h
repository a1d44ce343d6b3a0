// The organisation's configuration (`config.yaml`): people and rules that no playbook decides.
//
// It goes through the same reader and field tables as playbooks; an unknown key is an error.
// Source: docs/configuration.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/language/playbook.h"

namespace muster {

struct GroupOfPeople {
  Name name;
  std::vector<Name> members;  // OS users
};

struct GateRules {
  Span at;
  std::optional<Name> self_approval;  // `allowed` for a team of one; every report then says so
};

struct Configuration {
  Span at;
  std::optional<std::string> store;
  std::vector<GroupOfPeople> groups;
  std::optional<GateRules> gates;
  [[nodiscard]] bool self_approval_allowed() const {
    return gates && gates->self_approval && gates->self_approval->text == "allowed";
  }
  [[nodiscard]] bool is_member(std::string_view group, std::string_view person) const;
};

}  // namespace muster
