// What an action is handed where it is only asked (verify polls, previews): nothing is kept, nothing may be done.
#pragma once

#include "interpreter/action/action.h"

namespace muster {

class SilentStreams final : public Streams {
 public:
  void keep(std::string_view, CapturedStream) override {}
};

class SilentProgress final : public Progress {
 public:
  void at(int64_t, int64_t, std::string_view) override {}
};

// A verify only reads: there is nothing to remember, and nothing but reads may be marked.
class ReadMarks final : public Marks {
 public:
  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>&) override {
    if (effect != Effect::read)
      return fail(ErrorCode::refused, "`" + std::string(name) + "` may not be done while only looking");
    return body();
  }
};

}  // namespace muster
