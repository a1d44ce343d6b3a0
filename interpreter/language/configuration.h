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

// What `muster prune` takes away when it is not told otherwise: ended runs beyond both of these.
struct RetentionRules {
  Span at;
  std::optional<DurationText> older;  // that ended longer ago
  std::optional<IntegerText> keep;    // but never the newest so many
};

// Where signed heads go, so that somebody else than the holder of the store's key knows them.
struct Anchors {
  Span at;
  std::optional<std::string> file;   // appended to; heads.jsonl of the state folder unless said
  std::vector<std::string> command;  // is given each head as a line on its stdin
};

struct Configuration {
  Span at;
  std::optional<std::string> store;
  std::vector<GroupOfPeople> groups;
  std::optional<GateRules> gates;
  std::optional<RetentionRules> retention;
  std::optional<Anchors> anchors;
  [[nodiscard]] bool self_approval_allowed() const {
    return gates && gates->self_approval && gates->self_approval->text == "allowed";
  }
  [[nodiscard]] bool is_member(std::string_view group, std::string_view person) const;
};

}  // namespace muster
