// A run told by hand: events at seconds after ten o'clock, over a playbook that reader and checker accept.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {

inline std::shared_ptr<const StepGraph> graph_from(const std::string& text) {
  SourceFiles files;
  files.add({"test.muster.yaml", text, "d"});
  Diagnostics problems;
  std::optional<Playbook> playbook = read_playbook(files, 0, problems);
  std::optional<CheckedPlaybook> checked;
  if (playbook) checked = check(std::move(*playbook), builtin_actions(), problems);
  EXPECT_TRUE(checked.has_value()) << render_all(problems, files);
  if (!checked) return nullptr;
  return std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
}

class Story {
 public:
  static Timestamp at(double seconds) {
    return *parse_timestamp("2026-01-15T10:00:00Z") + Duration{static_cast<int64_t>(seconds * 1e6)};
  }

  Story() {
    record.row.id = "00112233aabbccdd";
    record.row.playbook = "rotate-keys";
    record.row.version = "1.2.0";
    record.row.starter = "ann@web1";
    record.row.created_at = at(0);
    record.row.state = RunState::running;
  }

  Story& tell(double seconds, EventKind kind, const std::string& op = {}, Map body = {}, int attempt = 0) {
    Event event;
    event.seq = static_cast<int64_t>(record.events.size()) + 1;
    event.kind = kind;
    event.kind_text = std::string(name_of(kind));
    event.op = OpId{op};
    event.attempt = attempt;
    event.at = at(seconds);
    if (!body.empty()) event.body = encode_value(Value(std::move(body)));
    record.events.push_back(std::move(event));
    return *this;
  }

  // The usual beginning.
  Story& created(Map more = {}) {
    Map body{{"title", "Rotate the keys"},
             {"starter", "ann"},
             {"host", "web1"},
             {"muster", "0.1.0"},
             {"inputs", Map{{"ring", "main"}}}};
    for (auto& [name, value] : more) body[name] = value;
    return tell(0, EventKind::run_created, "", std::move(body));
  }

  RunHistory history() const {
    Result<RunHistory> replayed = replay(record.events);
    EXPECT_TRUE(replayed.has_value());
    return replayed ? std::move(*replayed) : RunHistory();
  }

  RunRecord record;
};

}  // namespace muster
