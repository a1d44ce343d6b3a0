// Names, types, effects, gates and cycles: everything that can be wrong with a playbook before it runs. No I/O.
//
// Errors: Diagnostics, all of a file in one pass; docs/errors.md lists the codes. Only `check` makes a CheckedPlaybook,
// and
//         it makes one only where there is no error: what was not checked cannot be run.
// Source: docs/language.md.
#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

class CheckedPlaybook {
 public:
  const Playbook& playbook() const& { return playbook_; }
  // For whoever needs nothing but the playbook: it is large, and not copied.
  Playbook playbook() && { return std::move(playbook_); }

 private:
  friend std::optional<CheckedPlaybook> check(Playbook, const std::vector<Action>&, Diagnostics&, const Scripts*);
  explicit CheckedPlaybook(Playbook playbook) : playbook_(std::move(playbook)) {}
  Playbook playbook_;
};

[[nodiscard]] std::optional<CheckedPlaybook> check(Playbook playbook, const std::vector<Action>& actions,
                                                   Diagnostics& problems, const Scripts* scripts = nullptr);

// A declared field of an action, by name; nullptr where there is none.
[[nodiscard]] const Action* find_action(const std::vector<Action>& actions, std::string_view name);

// The effect of one call: derived by the action from what is known of its arguments, strengthened by `effect:`.
[[nodiscard]] Effect effect_of(const ActionCall& call, const Action& action);
[[nodiscard]] Effect effect_of(Effect derived, const Action& action, const std::optional<Name>& declared,
                               bool stands_as_read);
[[nodiscard]] Effect effect_of(const ActionCall& call, const Action& action, const std::optional<Name>& declared,
                               bool stands_as_read);

// Given inputs typed by their declarations, with defaults: errors name the input (code `bad-input`), spans point at the
// declaration. `given` holds text as typed on the command line, or values from a file.
[[nodiscard]] std::optional<Map> bind_inputs(const Playbook& playbook, const Map& given, Diagnostics& problems);
// The answers to a manual step's form, in the same way.
[[nodiscard]] std::optional<Map> bind_answers(const Manual& manual, const Map& given, Diagnostics& problems);

}  // namespace muster
