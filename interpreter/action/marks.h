// Marks: the one mechanism for a step's inner stages (a restore's numbered points, a rebuild's batches, an action
// called from Lua), with the same protocol as steps: intent before the effect, outcome after.
//
// Threads: called on the thread that runs the action; blocks until the journal has synced.
// Errors: `storage` or `busy` when the journal refused (nothing was run); `in_doubt` when a crash left it open and
//         `settle` could not tell; otherwise what the body said.
// Source: docs/architecture.md, "How the engine works".
#pragma once

#include <functional>
#include <string_view>

#include "interpreter/action/effect.h"
#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

namespace muster {

struct Settled {
  enum class Answer { happened, did_not_happen, cannot_tell };
  Answer answer = Answer::cannot_tell;
  Value value;  // the body's value, where it happened
};

class Marks {
 public:
  virtual ~Marks() = default;
  // Runs the body once in the life of the step's attempt, however often the interpreter is killed; gives the stored
  // value when it has run. After a crash between intent and outcome `settle` is asked first; without it a read is run
  // again and anything else is in doubt.
  [[nodiscard]] virtual Result<Value> once(std::string_view name, Effect effect,
                                           const std::function<Result<Value>()>& body,
                                           const std::function<Result<Settled>()>& settle = {}) = 0;
};

}  // namespace muster
