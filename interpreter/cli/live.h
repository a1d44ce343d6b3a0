// What a person sees while a run goes on. On a terminal: the tree of phases and steps, redrawn in place, with the
// question that is open below it; what needs words (errors, notes, doubts) stands above and stays. Elsewhere: a line
// for each event that matters.
//
// Units:  `now_us` is a monotonic clock in microseconds.
// Threads: the loop's.
// Source: docs/cli.md, "While a run goes on".
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "interpreter/cli/gate_panel.h"
#include "interpreter/engine/engine.h"

namespace muster {

struct LiveSettings {
  Terminal terminal;
  std::string muster;  // as called, for the commands that a gate shows
  std::function<void(std::string_view)> write;
  std::function<int64_t()> now_us;
  std::function<TerminalSize()> size;
};

class LiveView final : public Observer {
 public:
  LiveView(LiveSettings settings, const StepGraph& graph) : settings_(std::move(settings)), graph_(graph) {}
  void happened(const Event& event, const RunHistory& history) override;
  void progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) override;
  // Redraws times; to be called now and then. Not while a question is open: it would take away what is being typed.
  void tick();
  void set_run(std::string run) { run_ = std::move(run); }
  void show_gate(const OpRecord& gate, bool with_commands);
  void show_manual(const OpRecord& step, bool with_command);
  // A line of somebody else's, in its place above what is drawn; also with -q.
  void say(const std::string& text);
  // A question stays below everything that is written after it; empty: none.
  void ask(std::string question);
  // The person pressed return: what stands there stays, and nothing is asked any more.
  void heard();
  // The run is over: the tree is drawn once more and stays.
  void finish();

 private:
  struct Progressing {
    int64_t first_seen_us = 0, began_us = 0, told_us = 0;
    int64_t first_done = 0;
    std::string text;
  };
  void line(const std::string& text);
  void told(const Event& event, const Map& body, const RunHistory& history);
  void tell_ending_of_step(const Event& event, const Map& body, const OpRecord& op);
  void verbose(const Event& event, const Map& body);
  void clear();  // takes away what was drawn below the lines that stay
  void draw();
  void show_panel(std::string panel, const std::string& commands);
  [[nodiscard]] PanelStyle panel_style() const;
  void leave_tree();  // drawn once more, for good
  [[nodiscard]] std::string tree();
  std::string styled(std::string_view text, std::string_view ansi) const {
    return painted(text, ansi, settings_.terminal.colour);
  }
  std::string name(const OpId& op) const;
  bool draws_tree() const { return settings_.terminal.live && !settings_.terminal.quiet; }

  LiveSettings settings_;
  const StepGraph& graph_;
  const RunHistory* history_ = nullptr;  // the engine's; alive as long as events come
  std::string run_, question_;
  std::map<std::string, Progressing> progressing_;  // by op
  size_t drawn_lines_ = 0;                          // of the tree, below the last line that stays
  bool drawn_question_ = false;
  int64_t drawn_us_ = 0;
};

}  // namespace muster
