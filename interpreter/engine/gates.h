// Who may decide a gate, and what a set of votes amounts to. The one function that closes gates stands here.
//
// Errors: `refused` with the reason for people, `invalid` for a vote without a needed reason.
// Source: docs/language.md, "Approval gates".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"

namespace muster {

// The rules of a gate, as they were recorded when it opened (GateRecord::shown).
struct RulesOfGate {
  struct Place {
    std::vector<std::string> people;  // OS users who may fill it, groups resolved when it opened; empty: nobody
    std::string label;                // `group:database or group:sre`
    int64_t count = 1;
  };
  std::vector<Place> places;          // none: anybody, one vote
  std::vector<std::string> barred;    // starter, resumers, who changed the playbook: where self approval is prevented
  std::vector<std::string> breakers;  // who may pass it alone, loudly
  bool signatures = false;            // an approval counts only when it is signed
  bool self_approval_lifted = false;  // by the configuration of a team of one
  bool require_reason = false;
};
[[nodiscard]] RulesOfGate rules_of(const GateRecord& gate);
// Who may decide, with groups and accounts resolved by the configuration as it is now: `[{people, label, count}]`.
[[nodiscard]] List places_of(const std::vector<Requirement>& approvers, const Configuration& configuration);

// Who may pass alone, loudly: `gates.break_glass`, with groups and accounts resolved, sorted.
[[nodiscard]] std::vector<std::string> breakers_of(const Configuration& configuration);

// Whether this person may vote so now: what a command asks before it writes a vote, and the engine again before it
// counts it.
[[nodiscard]] Result<void> may_vote(const GateRecord& gate, const Vote& vote, Timestamp now);

struct GateDecision {
  GateState state = GateState::open;  // open: not decided yet
  std::string reason;
  std::vector<std::string> people;  // whose votes counted
};
// A no wins when it comes first; each person fills one place; votes for another digest or by people who may not count
// nothing. `signed_well`: by vote, whether its signature holds; without it that is not judged yet.
[[nodiscard]] GateDecision decide_gate(const GateRecord& gate, const std::string& digest_now, Timestamp now,
                                       const std::vector<bool>* signed_well = nullptr);
// Why the run ends, where a gate said no or nobody answered in time.
[[nodiscard]] std::string refusal_of(const OpId& gate, GateState state, const std::string& reason);
// What a `vote` event says.
[[nodiscard]] Map vote_body(const GateRecord& gate, const Vote& vote);

}  // namespace muster
