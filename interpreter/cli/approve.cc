// `muster approve RUN [GATE]` and `muster reject RUN [GATE]`
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/cli/carry.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/engine/engine.h"
#include "interpreter/engine/signatures.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

class Silent final : public Observer {
  void happened(const Event&, const RunHistory&) override {}
  void progress(const OpId&, int64_t, int64_t, std::string_view) override {}
};

// Whether the gate would still show what it has shown: what this person is about to decide.
Result<void> still_as_shown(Opened& opened, World& world, const OpId& gate) {
  const Loaded& loaded = opened.run.loaded;
  Parts parts{loaded.graph,
              &loaded.files,
              loaded.extended.actions.get(),
              &world,
              opened.session.journal.get(),
              nullptr,
              &opened.session.configuration,
              loaded.extended.scripts.get()};
  Silent silent;
  Engine engine(parts, silent);
  Result<void> read = engine.inspect(opened.run.id());
  return read ? engine.still_as_shown(gate) : read;
}

int decide(Invocation& invocation, std::string_view verdict) {
  if (invocation.options.has("--break-glass")) verdict = verdict_break_glass;
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  const OpenRun& run = opened->run;
  Result<const OpRecord*> found =
      gate_named(run, invocation.options.words.size() > 1 ? invocation.options.words[1] : "");
  if (!found) return complain(found.error());
  const OpRecord& op = **found;
  const GateRecord& gate = op.gate;
  const bool is_review = op.op.path == review_op;
  RealClock clock;
  Timestamp now = std::max(clock.now(), run.history.last_at);  // a clock that was set back reopens nothing
  Vote vote{opened->session.configuration.person_of(invocation.person),
            std::string(verdict),
            invocation.options.last("--reason"),
            gate.digest,
            "command",
            now,
            invocation.person,
            {}};
  RealWorld world(invocation, store_of(invocation, opened->session.configuration));
  if (std::string key = invocation.options.last("--sign"); !key.empty()) {
    Result<std::string> signature = sign_decision(world.world(), key, vote.verdict, vote.digest, {});
    if (!signature) return complain(signature.error());
    vote.signature = std::move(*signature);
  }
  Result<void> allowed = may_vote(gate, vote, now);
  if (allowed) allowed = still_as_shown(*opened, world.world(), op.op);
  if (allowed && rules_of(gate).signatures && vote.verdict != verdict_reject)
    allowed = check_signature(world.world(), opened->session.configuration, vote, {});
  if (!allowed) return complain(allowed.error());
  Event event;
  event.kind = EventKind::vote;
  event.op = op.op;
  event.attempt = gate.opening;
  event.at = now;
  event.body = encode_value(Value(vote_body(gate, vote)));
  const std::string name = is_review ? "review" : op.op.path;
  Result<void> said = opened->session.journal->say(run.id(), event);
  if (!said) return complain(said.error());
  if (invocation.options.has("--no-wait")) {
    if (invocation.json()) {
      answer_object(invocation, Map{{"run", run.id()},
                                    {"gate", name},
                                    {"opening", gate.opening},
                                    {"person", vote.person},
                                    {"verdict", vote.verdict},
                                    {"reason", vote.reason},
                                    {"digest", vote.digest},
                                    {"signed", !vote.signature.empty()},
                                    {"at", now}});
    } else {
      answer("run " + run.id() + ": gate " + name + ", " + safe_line(vote.person) + " says " + vote.verdict + "\n");
    }
  }
  const bool ended = run.history.ended.has_value();
  int code = carry_on_recorded(invocation, *opened);
  return is_review && ended ? exit_code::ok : code;  // the review was asked for, not how the run ended
}

}  // namespace

int approve_command(Invocation& invocation) { return decide(invocation, verdict_approve); }
int reject_command(Invocation& invocation) { return decide(invocation, verdict_reject); }

}  // namespace muster
