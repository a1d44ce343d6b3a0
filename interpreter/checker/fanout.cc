#include "interpreter/checker/fanout.h"

#include <algorithm>
#include <array>

#include "interpreter/checker/names.h"
#include "interpreter/expression/helpers.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 8> taken_names = {"inputs", "steps", "run",     "playbook",
                                                         "result", "error", "secrets", "index"};

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

void check_item_name(const Step& step, const std::vector<const Fanout*>& outer, Diagnostics& problems) {
  const Fanout& fanout = *step.fanout;
  const std::string name(fanout.name());
  if (fanout.as) {
    const std::vector<std::string_view>& helpers = helper_names();
    bool taken = std::find(taken_names.begin(), taken_names.end(), name) != taken_names.end() ||
                 std::find(helpers.begin(), helpers.end(), name) != helpers.end();
    check_name(*fanout.as, "the name of an item", problems);
    if (taken)
      refuse(problems, fanout.as->at, "name-taken", "`" + name + "` means something else in every expression",
             "choose another name, as in `as: host`");
  }
  for (const Fanout* other : outer)
    if (other->name() == name)
      return refuse(problems,
                    fanout.as        ? fanout.as->at
                    : fanout.foreach ? fanout.foreach->at
                                     : step.at,
                    "name-taken", "the items of the `foreach` around this one are called `" + name + "`, too",
                    "give these a name of their own with `as`");
}

}  // namespace

void check_fanout(const Step& step, const std::vector<const Fanout*>& outer, Diagnostics& problems) {
  const Fanout& fanout = *step.fanout;
  check_item_name(step, outer, problems);
  if (fanout.max_parallel && fanout.max_parallel->known && *fanout.max_parallel->known < 1)
    refuse(problems, fanout.max_parallel->text.at, "out-of-range",
           "`max_parallel` must be at least 1, and `" + std::to_string(*fanout.max_parallel->known) + "` stands here",
           "");
  if (fanout.first_success && fanout.max_failures)
    refuse(problems, fanout.max_failures->text.at, "foreach-keys",
           "with `first_success` each item may fail until one succeeds: `max_failures` says nothing", "leave it out");
  if (fanout.first_success && fanout.max_parallel)
    refuse(problems, fanout.max_parallel->text.at, "foreach-keys",
           "with `first_success` items are tried one after the other: `max_parallel` says nothing", "leave it out");
  const bool goes_on = step.on_failure == OnFailure::proceed;
  if (goes_on && fanout.max_failures)
    refuse(problems, fanout.max_failures->text.at, "foreach-keys",
           "with `on_failure: continue` every item may fail: `max_failures` says nothing", "keep one of them");
  if (goes_on && fanout.first_success)
    refuse(problems, fanout.foreach ? fanout.foreach->at : step.at, "foreach-keys",
           "with `first_success` a failed item leads to the next one: `on_failure: continue` says nothing",
           "leave it out, or put the step into a group that has it");
}

}  // namespace muster
