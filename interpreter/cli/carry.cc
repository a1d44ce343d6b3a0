// Carrying a run on in this process: the engine, the view, the terminal's questions and the signals.
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/cli/command.h"
#include "interpreter/cli/live.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/report/report.h"
#include "steps/steps.h"

namespace muster {
namespace {

constexpr unsigned pool_threads = 8;

// Asks at gates and doubts, one question at a time, without blocking the loop.
class Asking {
 public:
  Asking(Invocation& invocation, Engine& engine, Executor& executor, LiveView& view)
      : invocation_(invocation), engine_(engine), executor_(executor), view_(view) {}

  void start() {
    executor_.watch(STDIN_FILENO, [this] { read(); });
  }

  // Called whenever something happened: asks about what is open and was not asked yet.
  void look() {
    if (!gate_.path.empty()) {
      const OpRecord* op = engine_.history().find(gate_);
      if (op && op->gate.state == GateState::open && op->gate.opening == opening_) return;
      gate_ = OpId{};
      wants_reason_ = false;
    }
    if (!doubt_.path.empty()) {
      const OpRecord* op = engine_.history().find(doubt_);
      if (op && op->state == StepState::in_doubt) return;
      doubt_ = OpId{};
    }
    for (const OpRecord* op : open_gates(engine_.history())) {
      gate_ = op->op;
      opening_ = op->gate.opening;
      question("approve, reject or later? [a/r/l] ");
      return;
    }
    for (const OpRecord* op : open_doubts(engine_.history())) {
      doubt_ = op->op;
      question("`" + op->op.path + "` is in doubt: " + escape_for_terminal(op->doubt, false) +
               "\nit succeeded, failed, retry it, skip it, roll back, or stop? [s/f/r/k/b/x] ");
      return;
    }
  }

 private:
  void question(const std::string& text) {
    view_.clear();
    tell(text);
  }

  void read() {
    char buffer[4096];
    ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) {
      executor_.unwatch(STDIN_FILENO);
      return;
    }
    typed_.append(buffer, static_cast<size_t>(got));
    for (size_t end; (end = typed_.find('\n')) != std::string::npos;) {
      std::string line = typed_.substr(0, end);
      typed_.erase(0, end + 1);
      while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.pop_back();
      heard(line);
    }
  }

  void heard(const std::string& line) {
    if (!gate_.path.empty()) {
      const OpRecord* op = engine_.history().find(gate_);
      if (!op || op->gate.state != GateState::open) return;
      if (wants_reason_) {
        wants_reason_ = false;
        cast(*op, line);
        return;
      }
      if (line == "l" || line == "later") {
        engine_.stop();
        return;
      }
      if (line != "a" && line != "approve" && line != "r" && line != "reject") {
        question("write a, r or l: ");
        return;
      }
      verdict_ = line[0] == 'a' ? "approve" : "reject";
      wants_reason_ = true;
      question(rules_of(op->gate).require_reason ? "why? " : "why? (may be empty) ");
      return;
    }
    if (!doubt_.path.empty()) {
      static const std::map<std::string, std::string> choices = {{"s", "succeeded"}, {"f", "failed"}, {"r", "retry"}, {"k", "skip"}, {"b", "rollback"}, {"x", "stop"}};
      auto choice = choices.find(line);
      if (choice == choices.end()) {
        question("write s, f, r, k, b or x: ");
        return;
      }
      Result<void> done = engine_.resolve(doubt_, choice->second, invocation_.person, "answered at the terminal");
      if (!done) complain(done.error());
    }
  }

  void cast(const OpRecord& op, const std::string& reason) {
    Vote vote{invocation_.person, verdict_, reason, op.gate.digest, "terminal", {}};
    Result<void> done = engine_.vote(gate_, vote);
    if (done) return;
    complain(done.error());
    question("approve, reject or later? [a/r/l] ");
  }

  Invocation& invocation_;
  Engine& engine_;
  Executor& executor_;
  LiveView& view_;
  OpId gate_, doubt_;
  int opening_ = 0;
  bool wants_reason_ = false;
  std::string verdict_, typed_;
};

// The view, and behind each event a look whether a person must be asked.
class Watching final : public Observer {
 public:
  explicit Watching(LiveView& view) : view_(view) {}
  void happened(const Event& event, const RunHistory& history) override {
    view_.happened(event, history);
    if (asking) asking->look();
  }
  void progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) override { view_.progress(op, done, total, unit); }
  Asking* asking = nullptr;

 private:
  LiveView& view_;
};

void say_how_it_ended(Invocation& invocation, Journal& journal, const StepGraph& graph, const RunHistory& history, const Ending& ending) {
  std::string status = ending.exit_code == exit_code::waiting || ending.exit_code == exit_code::in_doubt ? "waiting" : std::string(name_of(ending.state));
  if (invocation.json()) {
    Result<RunRecord> record = journal.read(ending.run);
    if (record) {
      answer(render_json(make_timeline(record->row, history, graph), invocation.options.last("--output") == "json"));
      return;
    }
  }
  answer("run " + ending.run + " " + status + (ending.reason.empty() ? "" : ": " + escape_for_terminal(ending.reason, false)) + "\n");
  if (ending.exit_code == exit_code::in_doubt)
    for (const OpRecord* op : open_doubts(history))
      tell("  = help: `muster resolve " + ending.run + " " + op->op.path + " --succeeded|--failed|--retry|--skip|--rollback|--stop --reason TEXT`, then `muster resume " +
           ending.run + "`\n");
  if (ending.exit_code == exit_code::waiting && ending.reason == "waiting at a gate")
    tell("  = help: `muster gates " + ending.run + "` shows it; `muster approve " + ending.run + " --reason TEXT` or `muster reject " + ending.run + "` decides\n");
}

}  // namespace

int carry_on(Invocation& invocation, Journal& journal, const Configuration& configuration, Loaded loaded, const std::string& run, const Map& inputs, Carry how) {
  RealWorld world(invocation, store_of(invocation, configuration));
  std::unique_ptr<Executor> executor = pool_executor(pool_threads);
  LiveView view(invocation.terminal, *loaded.graph, run);
  Watching watching(view);
  const std::vector<Action> actions = builtin_actions();
  Parts parts{loaded.graph, &loaded.files, &actions, &world.world(), &journal, executor.get(), &configuration};
  Engine engine(parts, watching);
  Asking asking(invocation, engine, *executor, view);
  StartRequest request{inputs, invocation.person, invocation.host, muster_version, "", how.detached};
  if (run.empty()) {
    Result<std::string> created = engine.create(request);
    if (!created) return complain(created.error());
    view.set_run(*created);
    if (!invocation.terminal.quiet) tell("run " + *created + "\n");
  } else {
    Result<void> adopted = engine.adopt(run, request);
    if (!adopted) return complain(adopted.error());
  }
  int interrupts = 0;
  if (invocation.signal_fd >= 0) {
    executor->watch(invocation.signal_fd, [&] {
      signalfd_siginfo info{};
      if (::read(invocation.signal_fd, &info, sizeof info) != sizeof info) return;
      if (info.ssi_signo == SIGINT) {
        ++interrupts;
        engine.cancel({invocation.person, interrupts > 1 ? "a second interrupt" : "an interrupt", false, interrupts > 1});
      } else {
        engine.stop();
      }
    });
  }
  bool ask = invocation.terminal.tty && !how.detached && !invocation.json();
  if (ask) {
    watching.asking = &asking;
    asking.start();
    if (!run.empty())
      for (const OpRecord* op : open_gates(engine.history())) tell("\n" + gate_panel(engine.run(), *op, invocation.terminal) + "\n");
    asking.look();
  }
  Result<Ending> ending = engine.go({!how.detached, ask});
  view.clear();
  if (!ending) return complain(ending.error());
  say_how_it_ended(invocation, journal, *loaded.graph, engine.history(), *ending);
  // Children that run belong to the helper now; the threads that wait for them end with the process.
  if (ending->exit_code == exit_code::waiting) std::_Exit(ending->exit_code);
  return ending->exit_code;
}

}  // namespace muster
