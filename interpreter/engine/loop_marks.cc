#include "interpreter/engine/loop_marks.h"

#include <future>

namespace muster {

MarkRecord LoopMarks::look_up(const std::string& name) {
  auto answer = std::make_shared<std::promise<MarkRecord>>();
  std::future<MarkRecord> got = answer->get_future();
  loop_.parts_.executor->post([this, answer, name] {
    const OpRecord* op = loop_.history_.find(op_);
    MarkRecord mark;
    if (op && op->attempt == attempt_) {
      auto it = op->marks.find(name);
      if (it != op->marks.end()) mark = it->second;
    }
    answer->set_value(std::move(mark));
  });
  return got.get();
}

Result<void> LoopMarks::store(EventKind kind, const std::string& name, Map body) {
  auto answer = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> got = answer->get_future();
  loop_.parts_.executor->post([this, answer, kind, name, body = std::move(body)]() mutable {
    auto stopped = [] { return fail(ErrorCode::interrupted, "the run is being stopped", {}, Certainty::maybe); };
    if (loop_.broken_ || loop_.stopping_ || (loop_.full_ && kind == EventKind::mark_intent)) {
      answer->set_value(stopped());
      return;
    }
    loop_.add(kind, op_.mark(name), attempt_, std::move(body));
    Result<void> stored = loop_.flush();  // at once: the action waits for it, and nothing else may come between
    if (stored && loop_.full_ && kind == EventKind::mark_intent) stored = stopped();  // it was held back
    answer->set_value(stored);
  });
  return got.get();
}

Result<Value> LoopMarks::once(std::string_view name_view, Effect effect, const std::function<Result<Value>()>& body,
                              const std::function<Result<Settled>()>& settle) {
  std::string name(name_view);
  MarkRecord before = look_up(name);
  if (before.value) return *before.value;
  bool run = true;
  Value value;
  if (before.intent_open) {
    if (settle) {
      Result<Settled> settled = settle();
      if (!settled) return pass(settled.error());
      switch (settled->answer) {
        case Settled::Answer::happened:
          value = settled->value;
          run = false;
          break;
        case Settled::Answer::did_not_happen:
          break;
        case Settled::Answer::cannot_tell:
          return fail(ErrorCode::in_doubt, "a crash left it open whether `" + name + "` happened", {},
                      Certainty::maybe);
      }
    } else if (effect != Effect::read) {
      return fail(ErrorCode::in_doubt, "a crash left it open whether `" + name + "` happened", {}, Certainty::maybe);
    }
  } else if (effect != Effect::read) {
    Result<void> stored = store(EventKind::mark_intent, name, Map{{"effect", std::string(name_of(effect))}});
    if (!stored) return pass(stored.error());
  }
  if (run) {
    Result<Value> done = body();
    if (!done) return done;
    value = std::move(*done);
  }
  if (withheld_ && !value.is<bool>()) return value;  // a yes or no of the action itself tells nothing of what it found
  Result<void> stored = store(EventKind::mark, name, Map{{"value", value}});
  if (!stored) return pass(stored.error());
  return value;
}

}  // namespace muster
