// The numbered points of a restore as Marks, which remembers who failed: the stage itself, or the journal.
//
// After a failed stage the world is put back. After a failed journal nothing may be touched any more: a later resume
// enters the action again and goes on from the marks.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "interpreter/action/marks.h"

namespace muster {

class Stages {
 public:
  using Body = std::function<Result<Value>()>;
  using Settle = std::function<Result<Settled>()>;

  explicit Stages(Marks& marks) : marks_(marks) {}

  // Stages of the n-th round have names of their own.
  void begin_round(int round) { suffix_ = round == 1 ? "" : "-" + std::to_string(round); }

  [[nodiscard]] Result<Value> once(std::string_view name, Effect effect, const Body& body, const Settle& settle = {}) {
    bool body_failed = false;
    auto watched_body = [&]() -> Result<Value> {
      Result<Value> done = body();
      body_failed = !done;
      return done;
    };
    Settle watched_settle;
    if (settle) {
      watched_settle = [&]() -> Result<Settled> {
        Result<Settled> settled = settle();
        body_failed = !settled;
        return settled;
      };
    }
    Result<Value> result = marks_.once(std::string(name) + suffix_, effect, watched_body, watched_settle);
    if (!result && !body_failed) journal_failed_ = true;
    return result;
  }

  // For stages whose body may be run again from wherever it was killed.
  [[nodiscard]] static Result<Settled> run_again() { return Settled{Settled::Answer::did_not_happen, {}}; }

  [[nodiscard]] bool journal_failed() const { return journal_failed_; }

 private:
  Marks& marks_;
  std::string suffix_;
  bool journal_failed_ = false;
};

// What a stage recorded in the last of its rounds, in the marks of an attempt that has ended; null where it never did.
[[nodiscard]] inline const Value* last_round(const Map& marks, std::string_view stage) {
  const Value* last = member(marks, stage);
  for (int round = 2; marks.size() >= static_cast<size_t>(round); ++round) {
    const Value* later = member(marks, std::string(stage) + "-" + std::to_string(round));
    if (later) last = later;
  }
  return last;
}

}  // namespace muster
