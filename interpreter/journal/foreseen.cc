#include "interpreter/journal/foreseen.h"

#include "interpreter/base/json.h"

namespace muster {
namespace {

Map map_of(const ForeseenStep& step) {
  return Map{{"path", step.path},
             {"what", step.what},
             {"list", step.list},
             {"told", step.told},
             {"why", step.why},
             {"ending", step.ending},
             {"failure", step.failure},
             {"before_change", step.before_change},
             {"lines", List(step.lines.begin(), step.lines.end())},
             {"facts", step.facts}};
}

std::optional<ForeseenStep> step_of(const Value& value) {
  const Map* map = value.find<Map>();
  if (!map) return std::nullopt;
  ForeseenStep step;
  step.path = text_of(*map, "path");
  step.what = text_of(*map, "what");
  step.list = text_of(*map, "list");
  step.told = text_of(*map, "told");
  step.why = text_of(*map, "why");
  step.ending = text_of(*map, "ending");
  step.failure = text_of(*map, "failure");
  step.before_change = text_of(*map, "before_change");
  if (const Value* lines = member(*map, "lines"); lines && lines->is<List>())
    for (const Value& line : lines->get<List>()) step.lines.push_back(to_text(line));
  if (const Value* facts = member(*map, "facts"); facts && facts->is<Map>()) step.facts = facts->get<Map>();
  return step;
}

}  // namespace

std::string encode_foreseen(const ForeseenRun& foreseen) {
  List steps;
  for (const ForeseenStep& step : foreseen.steps) steps.push_back(map_of(step));
  return encode_value(Value(Map{{"playbook", foreseen.playbook},
                                {"version", foreseen.version},
                                {"digest", foreseen.digest},
                                {"inputs", foreseen.inputs},
                                {"person", foreseen.person},
                                {"host", foreseen.host},
                                {"muster", foreseen.muster},
                                {"at", foreseen.at},
                                {"steps", std::move(steps)}}));
}

std::optional<ForeseenRun> decode_foreseen(const Kept& kept) {
  Result<Value> decoded = decode_value(kept.body);
  const Map* body = decoded ? decoded->find<Map>() : nullptr;
  const Value* inputs = body ? member(*body, "inputs") : nullptr;
  const Value* steps = body ? member(*body, "steps") : nullptr;
  if (!inputs || !inputs->is<Map>() || !steps || !steps->is<List>()) return std::nullopt;
  ForeseenRun out;
  out.playbook = text_of(*body, "playbook");
  out.version = text_of(*body, "version");
  out.digest = text_of(*body, "digest");
  out.inputs = inputs->get<Map>();
  out.person = text_of(*body, "person");
  out.host = text_of(*body, "host");
  out.muster = text_of(*body, "muster");
  out.at = kept.at;
  for (const Value& value : steps->get<List>()) {
    std::optional<ForeseenStep> step = step_of(value);
    if (!step) return std::nullopt;
    out.steps.push_back(std::move(*step));
  }
  return out;
}

Result<std::optional<ForeseenRun>> foreseen_of(Journal& journal, const RunRow& run) {
  std::optional<ForeseenRun> out;
  Result<void> read = journal.each_kept(kept_plan, [&](Kept&& one) {
    if (one.at > run.created_at) return true;
    std::optional<ForeseenRun> foreseen = decode_foreseen(one);
    if (!foreseen || foreseen->digest != run.graph_digest || encode_value(Value(foreseen->inputs)) != run.inputs)
      return true;
    out = std::move(foreseen);
    return false;
  });
  if (!read) return pass(read.error());
  return out;
}

}  // namespace muster
