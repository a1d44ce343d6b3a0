#include "interpreter/report/comparison.h"

#include <algorithm>
#include <map>

#include "interpreter/journal/run_state.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

bool is_single(const Value& value) { return !value.is<List>() && !value.is<Map>() && !value.is_null(); }

// `bulk/users[17]/stop` as a dry run names it that does not know the list: `bulk/users[]/stop`.
std::string with_open_lists(const std::string& op) {
  std::string out;
  for (size_t i = 0; i < op.size(); ++i) {
    out += op[i];
    if (op[i] != '[') continue;
    while (i + 1 < op.size() && op[i + 1] >= '0' && op[i + 1] <= '9') ++i;
  }
  return out;
}

std::string with_facts(std::string text, const Map& facts, const Map* only) {
  std::string values;
  for (const auto& [name, value] : facts) {
    if (!is_single(value) || (only && !member(*only, name))) continue;
    values += (values.empty() ? "" : ", ") + name + " " + short_value(value, 40);
  }
  return values.empty() ? text : std::move(text) + ": " + values;
}

std::string words_for(const ForeseenStep& step) {
  if (step.ending == "skipped") return "skipped";
  if (step.ending == "already_done") return "already_done";
  std::string out = step.told;
  if (!step.why.empty()) out += ": " + step.why;
  if (!step.before_change.empty()) out += ", before the change of `" + step.before_change + "`";
  if (!step.failure.empty()) return out + ", fails: " + step.failure;
  return with_facts(std::move(out), step.facts, nullptr);
}

// The state in which it was to end.
std::string_view expected_of(const ForeseenStep& step) {
  if (!step.ending.empty()) return step.ending;
  return name_of(step.failure.empty() ? StepState::succeeded : StepState::failed);
}

bool is_over(const std::string& state, bool has_ended) {
  return has_ended || (state != name_of(StepState::pending) && state != name_of(StepState::running) &&
                       state != name_of(StepState::waiting) && state != name_of(StepState::in_doubt));
}

std::string why_it_ran(const std::string& list) {
  if (list == "rollback") return "undo what was done";
  return list == "rescue" ? "make up for a failure" : "get ready for another attempt";
}

// All items of a list that could not be foreseen: `2 succeeded, 1 failed`.
std::string counted(const std::vector<const HappenedStep*>& items) {
  std::map<std::string, int> states;
  for (const HappenedStep* item : items) ++states[item->state];
  std::string out;
  for (const auto& [state, count] : states) out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + state;
  return out;
}

ComparedStep compared(const ForeseenStep& foreseen, const std::vector<const HappenedStep*>& happened, bool has_ended) {
  ComparedStep out;
  out.op = foreseen.path;
  out.predicted = words_for(foreseen);
  const bool is_open = std::any_of(happened.begin(), happened.end(),
                                   [&](const HappenedStep* one) { return !is_over(one->state, has_ended); });
  out.verdict = foreseen.told == "unknown" ? "unknown" : "as foreseen";
  if (happened.empty()) {
    // An option that was not chosen, the body of an empty list.
    out.actual = "did not run";
    if (foreseen.told != "unknown" && foreseen.ending.empty()) out.differs.push_back("it did not run");
  } else if (happened.size() > 1 || happened.front()->op != foreseen.path) {
    out.actual = counted(happened);
  } else {
    const HappenedStep& one = *happened.front();
    out.actual = with_facts(one.state, one.result, foreseen.facts.empty() ? nullptr : &foreseen.facts);
    if (foreseen.told != "unknown" && !is_open) {
      if (one.state != expected_of(foreseen)) out.differs.push_back("it is " + one.state);
      if (foreseen.before_change.empty())
        for (const auto& [name, value] : foreseen.facts) {
          const Value* then = member(one.result, name);
          if (!then || !is_single(value) || !is_single(*then)) continue;
          std::string before = to_text(value), after = to_text(*then);
          if (before != after) out.differs.push_back(name + ": " + before + ", then " + after);
        }
    }
  }
  if (!out.differs.empty()) out.verdict = "differs";
  if (is_open) out.verdict = "open";
  return out;
}

}  // namespace

size_t Comparison::count(std::string_view verdict) const {
  return static_cast<size_t>(
      std::count_if(steps.begin(), steps.end(), [&](const ComparedStep& step) { return step.verdict == verdict; }));
}

std::string Comparison::summary() const {
  auto counted = [](size_t n, const std::string& one, const std::string& many) {
    return std::to_string(n) + " " + (n == 1 ? one : many);
  };
  const size_t same = count("as foreseen"), other = count("differs"), unknown = count("unknown"), open = count("open");
  std::string out = counted(same, "step", "steps") + " as foreseen, " + counted(other, "differs", "differ");
  if (unknown > 0) out += ", " + std::to_string(unknown) + " could not be foreseen";
  if (open > 0) out += ", " + std::to_string(open) + " not over yet";
  return out;
}

Comparison compare(const ForeseenRun& foreseen, const std::vector<HappenedStep>& happened, bool has_ended) {
  Comparison out;
  out.at = foreseen.at;
  out.person = foreseen.person;
  std::map<std::string, std::vector<const HappenedStep*>> by_op;
  for (const HappenedStep& one : happened) {
    by_op[one.op].push_back(&one);
    if (std::string open = with_open_lists(one.op); open != one.op) by_op[open].push_back(&one);
  }
  for (const ForeseenStep& step : foreseen.steps) {
    if (step.told.empty()) continue;
    auto found = by_op.find(step.path);
    const std::vector<const HappenedStep*> none, &then = found == by_op.end() ? none : found->second;
    // What runs only where something fails is shown by a dry run, and not asked: that it ran is news.
    if (!step.list.empty() && step.list != "always") {
      const bool ran = std::any_of(then.begin(), then.end(), [](const HappenedStep* one) {
        return one->state != name_of(StepState::pending) && one->state != name_of(StepState::not_reached);
      });
      if (!ran) continue;
      out.steps.push_back(
          {step.path, words_for(step), counted(then), "differs", {"it ran, to " + why_it_ran(step.list)}});
    } else {
      out.steps.push_back(compared(step, then, has_ended));
    }
  }
  return out;
}

}  // namespace muster
