#include "interpreter/engine/gates.h"

#include <algorithm>
#include <set>

namespace muster {
namespace {

std::vector<std::string> texts(const Value* value) {
  std::vector<std::string> out;
  const List* list = value ? value->find<List>() : nullptr;
  if (list)
    for (const Value& item : *list)
      if (const auto* text = item.find<std::string>()) out.push_back(*text);
  return out;
}

bool is_true(const Map& map, std::string_view name) {
  const Value* v = member(map, name);
  const bool* b = v ? v->find<bool>() : nullptr;
  return b && *b;
}

bool has(const std::vector<std::string>& people, const std::string& person) {
  return std::find(people.begin(), people.end(), person) != people.end();
}

bool may_fill(const RulesOfGate::Place& place, const std::string& person) {
  return has(place.people, person);  // a group without members lets nobody pass
}

// Whether the people can fill all places, each person one: a matching of seats to people by augmenting paths.
bool all_filled(const std::vector<RulesOfGate::Place>& places, const std::vector<std::string>& people) {
  std::vector<const RulesOfGate::Place*> seats;
  for (const RulesOfGate::Place& place : places)
    for (int64_t i = 0; i < place.count; ++i) seats.push_back(&place);
  std::vector<int> seat_of(people.size(), -1);
  for (size_t seat = 0; seat < seats.size(); ++seat) {
    std::vector<bool> tried(people.size(), false);
    auto seat_someone = [&](auto&& self, size_t wanted) -> bool {
      for (size_t p = 0; p < people.size(); ++p) {
        if (tried[p] || !may_fill(*seats[wanted], people[p])) continue;
        tried[p] = true;
        if (seat_of[p] < 0 || self(self, static_cast<size_t>(seat_of[p]))) {
          seat_of[p] = static_cast<int>(wanted);
          return true;
        }
      }
      return false;
    };
    if (!seat_someone(seat_someone, seat)) return false;
  }
  return true;
}

}  // namespace

List places_of(const std::vector<Requirement>& approvers, const Configuration& configuration) {
  List places;
  for (const Requirement& requirement : approvers) {
    std::string label;
    for (const Approver& approver : requirement.of)
      label += (label.empty() ? "" : " or ") +
               std::string(approver.kind == Approver::Kind::group ? "group:" : "user:") + approver.name;
    const std::vector<std::string> people = configuration.people_of(requirement.of);
    places.push_back(
        Map{{"people", List(people.begin(), people.end())}, {"label", label}, {"count", requirement.count}});
  }
  return places;
}

std::vector<std::string> breakers_of(const Configuration& configuration) {
  std::set<std::string> people;
  if (configuration.gates)
    for (const Requirement& requirement : configuration.gates->break_glass)
      for (std::string& person : configuration.people_of(requirement.of)) people.insert(std::move(person));
  return {people.begin(), people.end()};
}

RulesOfGate rules_of(const GateRecord& gate) {
  RulesOfGate rules;
  if (const Value* places = member(gate.shown, "places"); places && places->is<List>()) {
    for (const Value& item : places->get<List>()) {
      const Map* map = item.find<Map>();
      if (!map) continue;
      RulesOfGate::Place place;
      place.people = texts(member(*map, "people"));
      place.label = text_of(*map, "label");
      if (const Value* count = member(*map, "count"); count && count->is<int64_t>())
        place.count = count->get<int64_t>();
      rules.places.push_back(std::move(place));
    }
  }
  rules.barred = texts(member(gate.shown, "barred"));
  rules.breakers = texts(member(gate.shown, "breakers"));
  rules.signatures = is_true(gate.shown, "signatures");
  rules.require_reason = is_true(gate.shown, "require_reason");
  rules.self_approval_lifted = is_true(gate.shown, "self_approval_lifted");
  return rules;
}

Result<void> may_vote(const GateRecord& gate, const Vote& vote, Timestamp now) {
  if (gate.state != GateState::open)
    return fail(ErrorCode::refused, "this gate is not open: it is " + std::string(name_of(gate.state)));
  if (gate.expires_at && now >= *gate.expires_at)
    return fail(ErrorCode::refused, "this gate expired at " + to_text(*gate.expires_at),
                "start the run again, or `muster retry` it");
  RulesOfGate rules = rules_of(gate);
  if (vote.digest != gate.digest)
    return fail(ErrorCode::refused, "this decision is for other content than the gate shows now",
                "look at `muster gates` and decide again");
  if (rules.signatures && vote.verdict != verdict_reject && vote.signature.empty())
    return fail(ErrorCode::invalid, "this gate asks for a signed decision", "add `--sign KEY`");
  if (vote.verdict == verdict_break_glass) {
    if (vote.reason.empty()) return fail(ErrorCode::invalid, "a glass is broken with a reason", "add `--reason TEXT`");
    if (has(rules.breakers, vote.person)) return {};
    return fail(ErrorCode::refused, "`" + vote.person + "` may not pass this gate alone",
                rules.breakers.empty() ? "nobody may: `gates.break_glass` of the configuration says who"
                                       : "`gates.break_glass` of the configuration says who may");
  }
  if (rules.require_reason && vote.reason.empty())
    return fail(ErrorCode::invalid, "this gate asks for a reason", "add `--reason TEXT`");
  bool counts = rules.places.empty();
  std::string labels;
  for (const RulesOfGate::Place& place : rules.places) {
    counts = counts || may_fill(place, vote.person);
    labels += (labels.empty() ? "" : ", ") + place.label;
  }
  if (!counts)
    return fail(
        ErrorCode::refused, "`" + vote.person + "` is none of the approvers of this gate: " + labels,
        "groups and their members stand in the configuration file: `--config FILE`, else ~/.config/muster/config.yaml");
  bool barred = has(rules.barred, vote.person);
  // No list of barred people: nobody is, not even who took the run up while the gate was open.
  for (const auto& [person, at] : gate.resumers)
    barred = barred || (!rules.barred.empty() && person == vote.person && at <= std::max(now, vote.at));
  if (vote.verdict == "approve" && barred)
    return fail(ErrorCode::refused, "`" + vote.person + "` started, resumed or wrote this run and may not approve it",
                "ask one of " + (labels.empty() ? std::string("the others") : labels) +
                    "; a team of one sets `gates: {self_approval: allowed}` in its configuration");
  return {};
}

GateDecision decide_gate(const GateRecord& gate, const std::string& digest_now, Timestamp now,
                         const std::vector<bool>* signed_well) {
  GateDecision decision;
  if (gate.state != GateState::open) return {gate.state, gate.reason, {}};
  if (digest_now != gate.digest) return {GateState::voided, "what it would do has changed since it was shown", {}};
  RulesOfGate rules = rules_of(gate);
  std::vector<std::string> people;
  for (size_t i = 0; i < gate.votes.size(); ++i) {
    const Vote& vote = gate.votes[i];
    if (!may_vote(gate, vote, vote.at)) continue;
    if (vote.verdict == verdict_reject) return {GateState::rejected, vote.reason, {vote.person}};
    if (rules.signatures && signed_well && !(i < signed_well->size() && (*signed_well)[i])) continue;
    if (vote.verdict == verdict_break_glass) return {GateState::broken_glass, vote.reason, {vote.person}};
    if (vote.verdict != verdict_approve) continue;
    if (!has(people, vote.person)) people.push_back(vote.person);
    bool enough = rules.places.empty() || all_filled(rules.places, people);
    if (enough) return {GateState::approved, vote.reason, people};
  }
  if (gate.expires_at && now >= *gate.expires_at)
    return {GateState::expired, "nobody decided before " + to_text(*gate.expires_at), {}};
  decision.people = std::move(people);
  return decision;
}

std::string refusal_of(const OpId& gate, GateState state, const std::string& reason) {
  const std::string name = "gate `" + gate.path + "`";
  if (state == GateState::expired) return name + " expired";
  return name + " was rejected" + (reason.empty() ? "" : ": " + reason);
}

Map vote_body(const GateRecord& gate, const Vote& vote) {
  Map body{{"person", vote.person}, {"verdict", vote.verdict}, {"reason", vote.reason},
           {"digest", vote.digest}, {"how", vote.how},         {"opening", gate.opening}};
  if (!vote.user.empty() && vote.user != vote.person) body["user"] = vote.user;
  if (!vote.signature.empty()) body["signature"] = vote.signature;
  return body;
}

}  // namespace muster
