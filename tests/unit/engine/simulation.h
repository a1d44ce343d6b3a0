// A run in a simulated world: scripted actions, a virtual clock, a journal that can break, the real engine, reader and
// checker.
//
// Time moves only when nothing else can happen; no test here sleeps.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/engine.h"
#include "interpreter/engine/retrying.h"
#include "interpreter/reader/calls.h"
#include "tests/world/breaking_journal.h"
#include "tests/world/fake_variables.h"

namespace muster::simulation {

class VirtualClock final : public Clock {
 public:
  Timestamp now() override {
    std::lock_guard lock(mutex_);
    return wall_;
  }
  Duration boot() override {
    std::lock_guard lock(mutex_);
    return boot_;
  }
  void advance(Duration by) {
    std::lock_guard lock(mutex_);
    wall_ = wall_ + by;
    boot_.us += by.us;
  }
  void set_back(Duration by) {
    std::lock_guard lock(mutex_);
    wall_ = wall_ - by;
  }

 private:
  std::mutex mutex_;
  Timestamp wall_ = *parse_timestamp("2026-01-15T10:00:00Z");
  Duration boot_ = Duration::seconds(1000);
};

// Real threads for jobs, virtual time for waiting: the clock moves on to the deadline once no job can run.
class VirtualExecutor final : public Executor {
 public:
  explicit VirtualExecutor(VirtualClock& clock) : clock_(clock) {}
  ~VirtualExecutor() override { join(); }
  // Waits until no job runs: what an interpreter that was stopped had started ends before the next one begins. A job
  // may wait for the loop until then.
  void join() {
    while (true) {
      std::deque<std::function<void()>> batch;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [&] { return !posted_.empty() || running_ == 0; });
        if (running_ == 0) break;
        batch.swap(posted_);
      }
      for (auto& function : batch) function();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  void start(std::function<void()> job) override {
    {
      std::lock_guard lock(mutex_);
      ++running_;
    }
    threads_.emplace_back([this, job = std::move(job)] {
      job();
      std::lock_guard lock(mutex_);
      --running_;
      ready_.notify_all();
    });
  }
  void post(std::function<void()> on_loop) override {
    std::lock_guard lock(mutex_);
    posted_.push_back(std::move(on_loop));
    ready_.notify_all();
  }
  void watch(int, std::function<void()>) override {}
  void unwatch(int) override {}
  void wait(std::optional<Duration> deadline) override {
    std::deque<std::function<void()>> batch;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [&] { return !posted_.empty() || running_ == 0; });
      batch.swap(posted_);
    }
    for (auto& function : batch) function();
    if (!batch.empty() || !deadline) return;
    Duration at = clock_.boot();
    if (*deadline > at) clock_.advance(Duration{deadline->us - at.us});
    if (on_tick) on_tick();
  }
  std::function<void()> on_tick;  // whenever time moved on: people who decide

 private:
  VirtualClock& clock_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> posted_;
  std::vector<std::thread> threads_;
  int running_ = 0;
};

class CountingEntropy final : public Entropy {
 public:
  std::string bytes(size_t count) override {
    std::string out;
    while (out.size() < count) out += sha256_raw(std::to_string(++n_));
    return out.substr(0, count);
  }

 private:
  int n_ = 0;
};

// Ports that no scripted action uses: reaching one is a mistake of the test.
class NoSql final : public Sql, public SqlTrial {
 public:
  Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no SQL here");
  }
  Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no SQL here");
  }
  Result<bool> is_locked(const Connection&) override { return fail(ErrorCode::invalid, "no SQL here"); }
  Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) override {
    return none();
  }
  Result<void> fold(const Connection&, std::stop_token) override { return fail(ErrorCode::invalid, "no SQL here"); }
  Result<TrialResult> attempt(const Connection&, const SqlText&, int, const SqlLimits&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no SQL here");
  }

 private:
  static Result<SqlResult> none() { return fail(ErrorCode::invalid, "no SQL here"); }
};
class NoHttp final : public Http {
 public:
  Result<HttpResponse> fetch(const HttpRequest&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no HTTP here");
  }
  Result<HttpResponse> send(const HttpRequest&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no HTTP here");
  }
};
class NoProcesses final : public Processes {
 public:
  Result<ProcessEnd> observe(const Command&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no processes here");
  }
  Result<ProcessEnd> run(const ChildKey&, const Command&, std::stop_token) override {
    return fail(ErrorCode::invalid, "no processes here");
  }
  Result<std::optional<ProcessEnd>> recover(const ChildKey&, std::stop_token) override {
    return std::optional<ProcessEnd>();
  }
  Result<std::vector<std::string>> end_left(const ChildKey&, const std::vector<RunningProcess>&) override {
    return fail(ErrorCode::invalid, "no processes here");
  }
  void committed(const ChildKey& key) override { acknowledged.push_back(key.op.path); }
  std::vector<std::string> acknowledged;
};
class NoScratch final : public Scratch {
 public:
  Result<std::string> directory() override { return fail(ErrorCode::invalid, "no scratch here"); }
};
class NoFilesPort final : public Files {
 public:
  Result<std::optional<FileStatus>> status(const std::string&) override { return std::optional<FileStatus>(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override {
    return fail(ErrorCode::not_found, "no files here");
  }
  Result<std::string> read(const std::string&, uint64_t) override {
    return fail(ErrorCode::not_found, "no files here");
  }
  Result<std::unique_ptr<ReadFile>> open(const std::string&) override {
    return fail(ErrorCode::not_found, "no files here");
  }
  Result<std::string> canonical(const std::string& path) override { return path; }
  Result<uint64_t> free_bytes(const std::string&) override { return uint64_t{0}; }
  Result<std::vector<Holder>> holders(const std::vector<std::string>&) override { return std::vector<Holder>(); }
  bool is_writable(const std::string&) override { return false; }
  Result<std::unique_ptr<WriteFile>> create(const std::string&) override {
    return fail(ErrorCode::refused, "no files here");
  }
  Result<void> make_directory(const std::string&) override { return fail(ErrorCode::refused, "no files here"); }
  Result<void> rename(const std::string&, const std::string&) override {
    return fail(ErrorCode::refused, "no files here");
  }
  Result<void> rename_new(const std::string&, const std::string&) override {
    return fail(ErrorCode::refused, "no files here");
  }
  Result<void> exchange(const std::string&, const std::string&) override {
    return fail(ErrorCode::refused, "no files here");
  }
  Result<void> remove(const std::string&) override { return fail(ErrorCode::refused, "no files here"); }
  Result<void> remove_tree(const std::string&) override { return fail(ErrorCode::refused, "no files here"); }
  Result<void> sync_directory(const std::string&) override { return fail(ErrorCode::refused, "no files here"); }
  Result<void> set_owner_and_mode(const std::string&, uint32_t, uint32_t, uint32_t) override {
    return fail(ErrorCode::refused, "no files here");
  }
};

// What `do: {name: x}` does when it is run. The default succeeds at once with {name: x}.
using Deed = std::function<Result<StepOutput>(const StepInput&)>;

class Simulation final : public Observer {
 public:
  explicit Simulation(std::shared_ptr<BreakingJournal> breaking = nullptr) : executor(clock) {
    journal = breaking ? std::move(breaking) : std::make_shared<BreakingJournal>(folder.path() + "/muster.db");
    actions = {scripted_action("do", Effect::write), scripted_action("look", Effect::read),
               scripted_action("destroy", Effect::destructive)};
  }

  // Reads and checks a playbook; problems are drawn into `diagnostics` and stop the test's run.
  bool load(const std::string& text) {
    files = SourceFiles();
    SourceFile file{"test.muster.yaml", text, sha256_hex(text)};
    uint32_t index = files.add(std::move(file));
    Diagnostics problems;
    auto open = [this](const std::string& path) -> tl::expected<std::string, std::string> {
      auto it = called.find(path);
      if (it == called.end()) return tl::unexpected(path + ": no such file");
      return it->second;
    };
    std::optional<Playbook> playbook = read_with_calls(files, index, open, problems);
    std::optional<CheckedPlaybook> checked;
    if (playbook) checked = check(std::move(*playbook), actions, problems);
    diagnostics = render_all(problems, files);
    if (!checked) return false;
    graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
    return true;
  }

  Parts parts() { return {graph, &files, &actions, &world, journal.get(), &executor, &configuration}; }
  std::map<std::string, std::string> called;  // playbooks that are called, by path
  StartRequest request() const {
    StartRequest out{inputs, starter, "host", "1.3.0", "", false};
    out.changed_by = changed_by;
    if (change_request) change_request(out);
    return out;
  }

  Result<Ending> run(WhenIdle idle = {false, false}) {
    engine = std::make_unique<Engine>(parts(), *this);
    Result<std::string> id = engine->create(request());
    if (!id) return pass(id.error());
    run_id = *id;
    return go(idle);
  }
  // Another process goes on with the run: everything is read from the journal again.
  Result<Ending> resume(WhenIdle idle = {false, false}) {
    engine.reset();
    journal->reopen();
    engine = std::make_unique<Engine>(parts(), *this);
    Result<void> adopted = engine->adopt(run_id, request());
    if (!adopted) return pass(adopted.error());
    return go(idle);
  }

  // A new run that tries the last one again, from a step or from the beginning.
  Result<Ending> retry(const std::string& from, WhenIdle idle = {false, false}) {
    StartRequest again = request();
    again.parent = run_id;
    if (!from.empty()) {
      Result<std::vector<Event>> carried = carry_over(*graph, engine->history(), run_id, OpId{from});
      if (!carried) return pass(carried.error());
      again.from = from;
      again.carried = std::move(*carried);
    }
    engine.reset();
    engine = std::make_unique<Engine>(parts(), *this);
    Result<std::string> id = engine->create(again);
    if (!id) return pass(id.error());
    run_id = *id;
    return go(idle);
  }

  const OpRecord* op(const std::string& path) { return engine->history().find(OpId{path}); }
  std::string state(const std::string& path) {
    const OpRecord* record = op(path);
    return record ? std::string(name_of(record->state)) : "nothing";
  }
  // What was done to the world, in order: `stop`, `restored`, `restored~undone`.
  std::vector<std::string> deeds_so_far() {  // while jobs may still be running
    std::lock_guard lock(mutex_);
    return deeds;
  }
  void did(std::string deed) {
    std::lock_guard lock(mutex_);
    deeds.push_back(std::move(deed));
  }
  std::vector<std::string> deeds;
  std::map<std::string, Deed> script;  // by name

  void happened(const Event& event, const RunHistory& history) override {
    events.push_back(std::string(name_of(event.kind)) + " " + event.op.path);
    if (watch) watch(history);
    if (on_event) on_event(event);
  }
  std::function<void(const RunHistory&)> watch;  // behind each event that was stored
  void progress(const OpId&, int64_t, int64_t, std::string_view) override {}
  std::vector<std::string> events;
  std::function<void(const Event&)> on_event;  // once it is stored, before what follows from it is started

  VirtualClock clock;
  VirtualExecutor executor;
  CountingEntropy entropy;
  NoSql sql;
  NoHttp http;
  NoProcesses processes;
  NoScratch scratch;
  NoFilesPort no_files;
  FakeVariables variables;
  World world{clock, no_files, sql, sql, http, processes, scratch, entropy, variables};
  TempDirectory folder;
  std::shared_ptr<BreakingJournal> journal;
  std::vector<Action> actions;
  Configuration configuration;
  SourceFiles files;
  std::shared_ptr<const StepGraph> graph;
  std::unique_ptr<Engine> engine;
  Map inputs;
  std::string starter = "ann";
  std::vector<std::string> changed_by;  // who changed the playbook last
  std::function<void(StartRequest&)> change_request;
  std::string run_id;
  std::string diagnostics;

 private:
  Result<Ending> go(WhenIdle idle) {
    Result<Ending> ending = engine->go(idle);
    executor.join();  // a test that changes the script behind it races with nobody
    return ending;
  }
  Action scripted_action(std::string name, Effect effect) {
    Action action;
    action.name = std::move(name);
    action.summary = "does what the test's script says";
    Field what{"name", FieldType::text, true, "which line of the script", {}, {}, {}, {}, false, {}};
    Field with{"with", FieldType::any, false, "anything", {}, {}, {}, {}, false, {}};
    Field open{"key", FieldType::text, false, "a secret may stand in it", {}, {}, {}, {}, true, {}};
    action.fields = {what, with, open};
    action.results = {{"name", FieldType::text, "its name"}, {"value", FieldType::any, "what the script gave"}};
    action.effect = [effect](const Map&) { return effect; };
    auto body = [this](const StepInput& input) -> Result<StepOutput> {
      std::string key = text_of(input.args, "name");
      {
        std::lock_guard lock(mutex_);
        deeds.push_back(key);
      }
      auto it = script.find(key);
      if (it != script.end()) return it->second(input);
      return StepOutput{Map{{"name", key}}, {}};
    };
    if (effect == Effect::read) {
      action.look = [body](const StepInput& input, Look&) { return body(input); };
    } else {
      action.act = [body](const StepInput& input, Touch&) { return body(input); };
      action.rollback = [this](const StepInput& input, const StepOutput&, Touch&) -> Result<StepOutput> {
        std::lock_guard lock(mutex_);
        deeds.push_back(text_of(input.args, "name") + "~undone");
        return StepOutput{};
      };
    }
    action.preview = [](const StepInput& input, Look&, Trial&) -> Result<Preview> {
      Preview preview;
      preview.lines = {"do " + text_of(input.args, "name")};
      return preview;
    };
    return action;
  }
  std::mutex mutex_;
};

}  // namespace muster::simulation
