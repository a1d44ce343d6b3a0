// What a person sees while a run goes on: plain lines, or on a terminal a line that is redrawn.
#pragma once

#include <string>

#include "interpreter/cli/terminal.h"
#include "interpreter/engine/engine.h"

namespace muster {

// The panel of a gate: message, what would be done, who may decide and until when.
[[nodiscard]] std::string gate_panel(const std::string& run, const OpRecord& gate, const Terminal& terminal);
// `1.2 s`, `3 min 5 s`.
[[nodiscard]] std::string spent(Duration duration);

class LiveView final : public Observer {
 public:
  LiveView(const Terminal& terminal, const StepGraph& graph, std::string run) : terminal_(terminal), graph_(graph), run_(std::move(run)) {}
  void happened(const Event& event, const RunHistory& history) override;
  void progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) override;
  void set_run(std::string run) { run_ = std::move(run); }
  void clear();  // takes the redrawn line away, before something else is written

 private:
  void line(const std::string& text);
  void status(const std::string& text);
  std::string label(const OpId& op) const;
  const Terminal& terminal_;
  const StepGraph& graph_;
  std::string run_;
  bool status_shown_ = false;
  Timestamp progress_began_;
  OpId progress_of_;
  int64_t last_progress_us_ = 0;
};

}  // namespace muster
