// What a scenario file says, as written. Nothing here has been checked.
//
// Source: docs/rehearsal.md. The names and meanings of all keys stand once, in scenario_fields.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/language/configuration.h"
#include "interpreter/language/playbook.h"

namespace muster {

struct WrittenDatabase {
  Span at;
  Name name;
  std::optional<Name> path, schema;
  std::vector<Name> seed;
  std::optional<DurationText> age;
  std::vector<Entry> instead;
};

struct WrittenFile {
  Span at;
  Name path;
  std::optional<std::string> content;
  std::optional<Name> from;
  bool directory = false;
  std::optional<Name> mode;
  std::optional<DurationText> age;
};
using WrittenFiles = std::vector<WrittenFile>;

struct WrittenPerson {
  Span at;
  std::optional<Name> user, gate, step, decide;
  std::optional<DurationText> after;
  std::optional<std::string> reason;
  std::vector<Entry> answers;
};

struct WrittenFault {
  Span at;
  std::optional<Name> step, kind;
  std::optional<IntegerText> attempts;
};

struct WrittenExpectation {
  Span at;
  std::optional<Name> status, reason;
  std::vector<Entry> steps, outputs;
  std::vector<Claim> that;
};

struct WrittenScenario {
  Span at;
  std::optional<Name> scenario, playbook, clock, starter, world;
  std::vector<Entry> inputs, env;
  std::vector<WrittenDatabase> databases;
  WrittenFiles files;
  std::vector<GroupOfPeople> groups;
  std::vector<Name> channels;
  std::vector<WrittenPerson> people;
  std::vector<WrittenFault> faults;
  std::optional<WrittenExpectation> expect;
  std::vector<Claim> invariants;
};

}  // namespace muster
