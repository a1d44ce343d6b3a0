// Marks, as the engine keeps them: each asks the loop's thread to store its events and waits for the commit.
#pragma once

#include <string>

#include "interpreter/action/marks.h"
#include "interpreter/engine/loop.h"

namespace muster {

class LoopMarks final : public Marks {
 public:
  // `withheld`: what is found is kept nowhere. An intent then stays open until its step has ended: after a crash its
  // outcome is as lost as if it had never come, and is settled as such.
  LoopMarks(Engine::Loop& loop, OpId op, int attempt, bool withheld)
      : loop_(loop), op_(std::move(op)), attempt_(attempt), withheld_(withheld) {}
  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>& settle) override;

 private:
  // Runs a question on the loop's thread and waits for its answer.
  MarkRecord look_up(const std::string& name);
  Result<void> store(EventKind kind, const std::string& name, Map body);

  Engine::Loop& loop_;
  OpId op_;
  int attempt_;
  bool withheld_;
};

}  // namespace muster
