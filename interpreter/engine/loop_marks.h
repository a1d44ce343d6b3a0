// Marks, as the engine keeps them: each asks the loop's thread to store its events and waits for the commit.
#pragma once

#include <string>

#include "interpreter/action/marks.h"
#include "interpreter/engine/loop.h"

namespace muster {

class LoopMarks final : public Marks {
 public:
  LoopMarks(Engine::Loop& loop, OpId op, int attempt) : loop_(loop), op_(std::move(op)), attempt_(attempt) {}
  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>& settle) override;

 private:
  // Runs a question on the loop's thread and waits for its answer.
  MarkRecord look_up(const std::string& name);
  Result<void> store(EventKind kind, const std::string& name, Map body);

  Engine::Loop& loop_;
  OpId op_;
  int attempt_;
};

}  // namespace muster
