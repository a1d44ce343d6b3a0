#include "interpreter/cli/carry.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>

#include "interpreter/base/json.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/base/utf8.h"
#include "interpreter/cli/anchors.h"
#include "interpreter/cli/asking.h"
#include "interpreter/cli/live.h"
#include "interpreter/cli/manual_panel.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/engine/completing.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/report/report.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

constexpr unsigned pool_threads = 8;
constexpr long redraw_every_ns = 200'000'000;

int64_t monotonic_us() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

// The view, and behind each event a look whether a person must be asked.
class Watching final : public Observer {
 public:
  explicit Watching(LiveView& view) : view_(view) {}
  void happened(const Event& event, const RunHistory& history) override {
    view_.happened(event, history);
    if (asking) return asking->look(history);
    const OpRecord* op = event.kind == EventKind::gate_opened ? history.find(event.op) : nullptr;
    if (op && op->gate.state == GateState::open) view_.show_gate(*op, with_commands);
    const OpRecord* step = event.kind == EventKind::wait_started ? history.find(event.op) : nullptr;
    if (step && step->asked) view_.show_manual(*step, with_commands);
  }
  void progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) override {
    view_.progress(op, done, total, unit);
  }
  Asking* asking = nullptr;
  bool with_commands = true;  // a run that parks tells them at its end

 private:
  LiveView& view_;
};

// Lines from stdin, as they come.
class Typed {
 public:
  // False: nobody types here any more.
  bool read(const std::function<void(std::string)>& heard) {
    char buffer[4096];
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) return false;
    text_.append(buffer, static_cast<size_t>(got));
    for (size_t end; (end = text_.find('\n')) != std::string::npos;) {
      std::string line = text_.substr(0, end);
      text_.erase(0, end + 1);
      heard(std::move(line));
    }
    return true;
  }

 private:
  std::string text_;
};

void say_how_it_ended(Invocation& invocation, Journal& journal, const StepGraph& graph, const RunHistory& history,
                      const Ending& ending) {
  bool parked = !has_ended(ending.state);
  std::string status = parked ? "waiting" : std::string(name_of(ending.state)), us = muster_as_called(invocation);
  if (invocation.json()) {
    Result<RunRecord> record = journal.read(ending.run);
    Result<RunHistory> whole = record ? replay(record->events) : pass(record.error());
    if (whole) answer_object(invocation, to_value(make_timeline(*record, *whole, &graph)));
    if (!whole) complain(whole.error());
  } else {
    answer("run " + ending.run + " " + status + (ending.reason.empty() ? "" : ": " + safe_line(ending.reason)) + "\n");
  }
  const OpRecord* root = history.find(graph.root().op);
  if (ending.exit_code == exit_code::busy && root && root->error)
    if (std::string hint = text_of(*root->error, "hint"); !hint.empty()) tell("  = help: " + safe_line(hint) + "\n");
  if (const OpRecord* review = open_review(history))
    tell("the glass was broken: " + safe_line(text_of(review->gate.shown, "message")) +
         "\n  = help: somebody else closes the review: " + us + " approve " + ending.run + " review\n");
  if (!parked) return;
  for (const OpRecord* op : open_doubts(history)) tell("  = help: " + resolve_command_line(us, ending.run, *op) + "\n");
  for (const OpRecord* op : open_gates(history)) tell("to decide, type one of\n" + gate_commands(us, ending.run, *op));
  for (const OpRecord* op : open_manuals(history))
    tell("once it is done, type\n  " + complete_command_line(us, ending.run, *op) + "\n");
  if (open_gates(history).empty() && open_manuals(history).empty())
    tell("  = help: " + us + " resume " + ending.run + "\n");
}

// The journal could not take what has happened: the person who settles the doubt needs it, here and in a file
// elsewhere.
void tell_unrecorded(const Invocation& invocation, const std::string& run, const std::vector<Event>& events) {
  if (events.empty()) return;
  std::string lines;
  for (const Event& event : events) {
    Result<Value> body = decode_value(event.body);
    lines += print_json(Map{{"run", run},
                            {"kind", event.kind_text},
                            {"op", event.op.path},
                            {"attempt", event.attempt},
                            {"at", event.at},
                            {"body", body ? *body : Value()}}) +
             "\n";
  }
  auto folder = invocation.environment.find("TMPDIR");
  std::string path = (folder == invocation.environment.end() || folder->second.empty() ? "/tmp" : folder->second) +
                     "/muster-" + run + ".unrecorded.jsonl";
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  bool kept = file && ::write(file.get(), lines.data(), lines.size()) == static_cast<ssize_t>(lines.size()) &&
              ::fdatasync(file.get()) == 0;
  tell("this has happened and could not be recorded" + (kept ? "; it is kept in `" + path + "`" : std::string()) +
       ":\n" + escape_for_terminal(lines, true));
}

}  // namespace

bool was_started_detached(const RunHistory& history) {
  const Value* detached = member(history.created, "detached");
  return detached && detached->is<bool>() && detached->get<bool>();
}

int say_it_has_ended(const OpenRun& run) {
  const Map& ended = *run.history.ended;
  std::string reason = text_of(ended, "reason");
  answer("run " + run.id() + " has ended: " + safe_line(text_of(ended, "status")) +
         (reason.empty() ? "" : ": " + safe_line(reason)) + "\n");
  const Value* code = member(ended, "exit_code");
  return code && code->is<int64_t>() ? static_cast<int>(code->get<int64_t>()) : exit_code::failed;
}

int carry_on_recorded(Invocation& invocation, Opened& opened) {
  if (invocation.options.has("--no-wait")) return exit_code::ok;
  std::string id = opened.run.id();
  // Its owner may have acted on our word already.
  Result<OpenRun> now = open_run(*opened.session.journal, id);
  if (!now) return complain(now.error());
  const OpRecord* review = open_review(now->history);
  if (now->history.ended && !(review && !review->gate.votes.empty())) return say_it_has_ended(*now);
  bool detached = was_started_detached(now->history);
  return carry_on(invocation, opened.session, std::move(now->loaded), id, {}, {detached, true});
}

int carry_on(Invocation& invocation, Session& session, Loaded loaded, const std::string& run, const Map& inputs,
             Carry how) {
  OutsideHeads outside(invocation, session.configuration);
  AnchoredJournal anchored(*session.journal, outside);
  RealWorld world(invocation, store_of(invocation, session.configuration), &session.configuration);
  std::unique_ptr<Executor> executor = pool_executor(pool_threads);
  LiveView view({invocation.terminal, muster_as_called(invocation), tell, monotonic_us, terminal_size}, *loaded.graph);
  Watching watching(view);
  watching.with_commands = !how.detached;
  const std::vector<Action>& actions = *loaded.extended.actions;
  Parts parts{loaded.graph,
              &loaded.files,
              &actions,
              &world.world(),
              session.journal.get(),
              executor.get(),
              &session.configuration,
              loaded.extended.scripts.get()};
  Engine engine(parts, watching);
  StartRequest request{inputs,          session.configuration.person_of(invocation.person),
                       invocation.host, muster_version,
                       how.parent,      how.detached,
                       how.from,        std::move(how.carried)};
  request.undoes = how.undoes;
  request.break_glass = how.break_glass;
  request.changed_by = loaded.changed_by;
  if (run.empty()) {
    Result<std::string> created = engine.create(request);
    if (!created) return complain(created.error());
    if (!invocation.terminal.quiet) tell("run " + *created + "\n");
  } else {
    view.set_run(run);
    Result<void> adopted = engine.adopt(run, request);
    if (!adopted && adopted.error().code == ErrorCode::busy && how.recorded) {
      tell("recorded; " + adopted.error().message + ", and it goes on there\n");
      return exit_code::ok;
    }
    if (!adopted) return complain(adopted.error());
  }
  view.set_run(engine.run());

  int interrupts = 0;
  bool stopped = false;
  if (invocation.signal_fd >= 0) {
    executor->watch(invocation.signal_fd, [&] {
      signalfd_siginfo info{};
      if (::read(invocation.signal_fd, &info, sizeof info) != sizeof info) return;
      if (info.ssi_signo != SIGINT) {
        stopped = true;
        engine.stop();
      } else if (++interrupts == 1) {
        engine.cancel({invocation.person, "interrupted", false, false});
      } else {
        engine.cancel({invocation.person, "interrupted twice", false, true});
      }
    });
  }
  UniqueFd timer;
  if (invocation.terminal.live && !invocation.terminal.quiet) {
    timer = UniqueFd(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    itimerspec every{{0, redraw_every_ns}, {0, redraw_every_ns}};
    if (timer && ::timerfd_settime(timer.get(), 0, &every, nullptr) == 0)
      executor->watch(timer.get(), [&] {
        uint64_t ticks = 0;
        if (::read(timer.get(), &ticks, sizeof ticks) == sizeof ticks) view.tick();
      });
  }
  bool ask = invocation.terminal.tty && !how.detached && !invocation.json();
  Asking asking(session.configuration.person_of(invocation.person),
                {[&](const OpId& gate, Vote vote) { return engine.vote(gate, std::move(vote)); },
                 [&](const OpId& step, std::string choice, std::string reason) {
                   return engine.resolve(step, std::move(choice), invocation.person, std::move(reason));
                 },
                 [&] { engine.stop(); },
                 [&](const OpId& step) {
                   Expansion steps(*loaded.graph, engine.history().in_order());
                   const Node* node = steps.find(step);
                   return node && node->step && node->step->manual ? node->step->manual->form : std::vector<Input>();
                 },
                 [&](const OpId& step, const Completion& said) -> Result<void> {
                   Expansion steps(*loaded.graph, engine.history().in_order());
                   const Node* node = steps.find(step);
                   const OpRecord* op = engine.history().find(step);
                   if (!node || !op || !node->step || !node->step->manual) return {};
                   Result<Map> may =
                       may_complete(*op, *node->step->manual, said, session.configuration, engine.history().last_at);
                   return may ? Result<void>() : pass(may.error());
                 },
                 [&](const OpId& step, Completion said) { return engine.complete(step, std::move(said)); }},
                view);
  Typed typed;
  if (ask) {
    watching.asking = &asking;
    executor->watch(STDIN_FILENO, [&] {
      if (typed.read([&](std::string line) { asking.heard(std::move(line), engine.history()); })) return;
      executor->unwatch(STDIN_FILENO);
      asking.closed();
      for (const OpRecord* op : open_gates(engine.history())) view.show_gate(*op, true);
      for (const OpRecord* op : open_manuals(engine.history())) view.show_manual(*op, true);
    });
    asking.look(engine.history());
  } else {
    for (const OpRecord* op : open_gates(engine.history())) view.show_gate(*op, watching.with_commands);
    for (const OpRecord* op : open_manuals(engine.history()))
      if (op->completions.empty()) view.show_manual(*op, watching.with_commands);
  }

  Result<Ending> ending = engine.go({!how.detached, ask});
  view.finish();
  if (!ending) {
    int code = complain(ending.error());
    tell_unrecorded(invocation, engine.run(), engine.unrecorded());
    if (code == exit_code::busy) return code;  // it goes on elsewhere, or what it needs is another's
    tell("  = help: what was recorded stands; " + muster_as_called(invocation) + " resume " + engine.run() + "\n");
    return code;
  }
  if (asking.was_left_for_later() && !stopped && !has_ended(ending->state)) ending->reason = "left for later";
  say_how_it_ended(invocation, *session.journal, *loaded.graph, engine.history(), *ending);
  outside.finish();
  // Children that run belong to the helper now; the threads that wait for them end with the process.
  if (!has_ended(ending->state) && (stopped || !how.among_others)) {
    session.journal.reset();  // what says that this process lives goes with it
    std::_Exit(ending->exit_code);
  }
  return ending->exit_code;
}

}  // namespace muster
