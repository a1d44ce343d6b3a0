// The questions of a run at a terminal: gates, manual steps and doubts, one at a time, without blocking the loop.
//
// Threads: the loop's.
// Source: docs/cli.md, "At a gate".
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include "interpreter/base/result.h"
#include "interpreter/cli/live.h"
#include "interpreter/journal/run_state.h"

namespace muster {

// What becomes of an answer: the engine's functions.
struct Answers {
  std::function<Result<void>(const OpId& gate, Vote vote)> vote;
  std::function<Result<void>(const OpId& step, std::string choice, std::string reason)> resolve;
  std::function<void()> later;
  // The form of a manual step that waits; and what its answers come to.
  std::function<std::vector<Input>(const OpId& step)> form;
  std::function<Result<void>(const OpId& step, const Completion& said)> may_complete;
  std::function<Result<void>(const OpId& step, Completion said)> complete;
};

class Asking {
 public:
  Asking(std::string person, Answers answers, LiveView& view)
      : person_(std::move(person)), answers_(std::move(answers)), view_(view) {}
  // Asks about what is open and was not answered yet. To be called whenever something has happened.
  void look(const RunHistory& history);
  // A line that was typed.
  void heard(std::string line, const RunHistory& history);
  // Nobody types here any more.
  void closed();
  [[nodiscard]] bool was_left_for_later() const { return left_for_later_; }

 private:
  enum class Expecting { nothing, verdict, reason, choice, settling_reason, others, field, done };
  void ask_gate(const OpRecord& gate);
  void ask_doubt(const OpRecord& step);
  bool ask_manual(const OpRecord& step);
  void say_error(const Error& error);
  void ask_field();
  void heard_verdict(const std::string& line, const OpRecord& gate);
  void heard_reason(const std::string& line, const OpRecord& gate);
  void heard_choice(const std::string& line);
  void heard_field(const std::string& line);
  void heard_done(const std::string& line);
  void leave();
  void ask(Expecting what, std::string question);

  std::string person_;
  Answers answers_;
  LiveView& view_;
  Expecting expecting_ = Expecting::nothing;
  OpId op_;          // the gate or step that is asked about
  int opening_ = 0;  // of the gate
  bool may_approve_ = false;
  std::string verdict_, choice_;
  std::set<std::pair<std::string, int>> answered_;  // gates that wait for others now
  std::string nonce_;                               // of the question of a manual step
  std::vector<Input> form_;
  size_t field_ = 0;
  Map given_;
  std::set<std::string> completed_, for_others_;  // nonces of questions that were answered here, or may not be
  bool left_for_later_ = false;
  bool is_closed_ = false;
};

}  // namespace muster
