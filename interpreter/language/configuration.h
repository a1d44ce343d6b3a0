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
  std::optional<Name> self_approval;     // `allowed` for a team of one; every report then says so
  std::vector<Requirement> break_glass;  // whoever is named in one of them may pass a gate alone
  std::optional<Name> signatures;        // `required`
};

// One person, whatever the accounts are called: counts once.
struct Person {
  Span at;
  Name name;
  std::vector<Name> users;        // OS users, beside the one of the same name
  std::vector<std::string> keys;  // SSH public keys, one line each
};

// Text that may be kept elsewhere, so that the file can be shown around. Exactly one of the three.
struct KeptText {
  Span at;
  std::optional<std::string> text;
  std::optional<Name> env;
  std::optional<std::string> file;
};
struct KeptHeader {
  Name name;
  KeptText value;
};

// Where messages go: exactly one of webhook, slack, smtp.
struct Channel {
  Span at;
  Name name;
  std::optional<KeptText> webhook, slack;
  std::optional<std::string> smtp;
  std::vector<KeptHeader> headers;  // of webhook
  std::optional<std::string> from;  // these of smtp
  std::vector<Name> to;
  std::optional<std::string> user;
  std::optional<KeptText> password;
  std::optional<std::string> ca;  // of all
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
  std::vector<Person> people;
  std::vector<Channel> channels;
  [[nodiscard]] bool self_approval_allowed() const {
    return gates && gates->self_approval && gates->self_approval->text == "allowed";
  }
  // The person whose account it is; an account that `people` does not name is a person of its own.
  [[nodiscard]] std::string person_of(std::string_view user) const;
  // Everybody that the approvers name, each once.
  [[nodiscard]] std::vector<std::string> people_of(const std::vector<Approver>& approvers) const;
  [[nodiscard]] bool may_break_glass(std::string_view person) const;
  [[nodiscard]] bool requires_signatures() const { return gates && gates->signatures; }
  [[nodiscard]] const Channel* channel(std::string_view name) const;
  [[nodiscard]] bool is_member(std::string_view group, std::string_view person) const;
};

}  // namespace muster
