// Replaces secrets in values: what the world answered (a server that echoes its request, a query that selects its own
// bind), what an error says, what an event is about to say.
//
// Looks for the forms of secret_forms.h with the one Redactor, in every text inside a value, in the keys of maps, and
// in numbers that a secret of digits was turned into.
// Threads: none of its own; copies are cheap enough to hand to another thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/processes.h"
#include "interpreter/world/redactor.h"

namespace muster {

class Redaction {
 public:
  Redaction() = default;
  // All secrets anywhere inside, and those that are given beside them.
  explicit Redaction(const Map& args, const std::vector<Secret>& besides = {});

  void know(const Secret& secret);
  void know(std::string_view secret);
  [[nodiscard]] bool is_idle() const { return redactor_.is_idle(); }

  [[nodiscard]] std::string text(std::string text) const { return redactor_.text(std::move(text)); }
  [[nodiscard]] Value value(Value value) const;
  [[nodiscard]] Map map(Map map) const;
  [[nodiscard]] Error error(Error error) const;
  // Where something is replaced, bytes and digest are those of what is left: the head and the tail that were kept.
  [[nodiscard]] CapturedStream stream(CapturedStream stream) const;

 private:
  void gather(const Value& value);
  Redactor redactor_;
};

}  // namespace muster
