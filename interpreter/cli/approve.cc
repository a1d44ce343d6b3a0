// `muster approve RUN [GATE]` and `muster reject RUN [GATE]`
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/cli/carry.h"
#include "interpreter/engine/gates.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

int decide(Invocation& invocation, const char* verdict) {
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  const OpenRun& run = opened->run;
  Result<const OpRecord*> found =
      gate_named(run, invocation.options.words.size() > 1 ? invocation.options.words[1] : "");
  if (!found) return complain(found.error());
  const GateRecord& gate = (*found)->gate;
  RealClock clock;
  Timestamp now = std::max(clock.now(), run.history.last_at);  // a clock that was set back reopens nothing
  Vote vote{invocation.person, verdict, invocation.options.last("--reason"), gate.digest, "command", now};
  Result<void> allowed = may_vote(gate, vote, now);
  if (!allowed) return complain(allowed.error());
  Event event;
  event.kind = EventKind::vote;
  event.op = (*found)->op;
  event.attempt = gate.opening;
  event.at = now;
  event.body = encode_value(Map{{"person", vote.person},
                                {"verdict", vote.verdict},
                                {"reason", vote.reason},
                                {"digest", vote.digest},
                                {"how", vote.how},
                                {"opening", gate.opening}});
  Result<void> said = opened->session.journal->say(run.id(), event);
  if (!said) return complain(said.error());
  if (invocation.options.has("--no-wait"))
    answer("run " + run.id() + ": gate " + event.op.path + ", " + safe_line(vote.person) + " says " + verdict + "\n");
  return carry_on_recorded(invocation, *opened);
}

}  // namespace

int approve_command(Invocation& invocation) { return decide(invocation, "approve"); }
int reject_command(Invocation& invocation) { return decide(invocation, "reject"); }

}  // namespace muster
