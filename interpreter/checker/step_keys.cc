#include "interpreter/checker/step_keys.h"

#include <string>
#include <string_view>

namespace muster {
namespace {

// What kind of step it is, as its author would say; empty for a step that runs an action, or for none that is right.
std::string_view kind_of(const Step& step) {
  if (!step.actions.empty()) return "";
  if (step.call) return "a `call`";
  if (step.choose) return "a `choose`";
  if (step.group) return "a group of steps";
  if (step.set) return "a `set`";
  if (step.fail) return "a `fail`";
  if (step.wait) return "a `wait`";
  if (step.audit) return "an `audit`";
  if (step.manual) return "a `manual` step";
  return step.verify ? "a `verify` alone" : "";
}

}  // namespace

void check_step_keys(const Step& step, Diagnostics& problems) {
  const std::string_view kind = kind_of(step);
  if (kind.empty()) return;
  const bool holds_steps = step.group || step.call || step.choose;
  auto refuse = [&](Span at, std::string_view key, std::string_view belongs_to, std::string_view help) {
    problems.push_back(
        {Severity::error,
         "key-not-here",
         at,
         "`" + std::string(key) + "` belongs to " + std::string(belongs_to) + ", and this is " + std::string(kind),
         std::string(help),
         {}});
  };
  constexpr std::string_view on_steps_inside = "put it on the steps inside";
  constexpr std::string_view leave_it_out = "leave it out: it would say nothing here";
  const std::string_view help = holds_steps ? on_steps_inside : leave_it_out;
  const bool asks =
      step.manual || (!holds_steps && step.verify && !step.set && !step.fail && !step.wait && !step.audit);
  // A `wait` that has a `watch` is told so by that.
  if (step.retry && !asks && !(step.wait && step.watch))
    refuse(step.retry->at, "retry", "an action, a `verify` alone or a `manual` step", help);
  if (step.idempotent) refuse(step.at, "idempotent", "an action", help);
  if (step.effect) refuse(step.effect->at, "effect", "an action", help);
  if (step.sensitive && !step.manual) refuse(step.at, "sensitive", "an action", help);
  if (step.timeout && (step.set || step.fail || step.wait || step.audit))
    refuse(step.timeout->text.at, "timeout", "an action or a group", leave_it_out);
  if (holds_steps && step.on_failure == OnFailure::ask)
    refuse(step.at, "on_failure: ask", "a step that does something", on_steps_inside);
}

}  // namespace muster
