// What one action needs to be called outside the engine: its input, and ports that a test chooses.
//
// Ports that are not chosen refuse: an action that reaches one has no business there.
#pragma once

#include <map>
#include <string>

#include "interpreter/action/action.h"
#include "tests/world/fake_clock.h"
#include "tests/world/fake_entropy.h"
#include "tests/world/fake_http.h"

namespace muster::step_stage {

class NoFiles final : public Files {
 public:
  Result<std::optional<FileStatus>> status(const std::string&) override { return none(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override { return none(); }
  Result<std::string> read(const std::string&, uint64_t) override { return none(); }
  Result<std::unique_ptr<ReadFile>> open(const std::string&) override { return none(); }
  Result<std::string> canonical(const std::string&) override { return none(); }
  Result<uint64_t> free_bytes(const std::string&) override { return none(); }
  Result<std::vector<Holder>> holders(const std::vector<std::string>&) override { return none(); }
  bool is_writable(const std::string&) override { return false; }
  Result<std::unique_ptr<WriteFile>> create(const std::string&) override { return none(); }
  Result<void> make_directory(const std::string&) override { return none(); }
  Result<void> rename(const std::string&, const std::string&) override { return none(); }
  Result<void> rename_new(const std::string&, const std::string&) override { return none(); }
  Result<void> exchange(const std::string&, const std::string&) override { return none(); }
  Result<void> remove(const std::string&) override { return none(); }
  Result<void> remove_tree(const std::string&) override { return none(); }
  Result<void> sync_directory(const std::string&) override { return none(); }
  Result<void> set_owner_and_mode(const std::string&, uint32_t, uint32_t, uint32_t) override { return none(); }

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::refused, "no files here"); }
};

class NoSql final : public Sql, public SqlTrial {
 public:
  Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override { return none(); }
  Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<bool> is_locked(const Connection&) override { return none(); }
  Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) override {
    return none();
  }
  Result<void> fold(const Connection&, std::stop_token) override { return none(); }
  Result<TrialResult> attempt(const Connection&, const SqlText&, int, const SqlLimits&, std::stop_token) override {
    return none();
  }

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::refused, "no SQL here"); }
};

class NoProcesses final : public Processes {
 public:
  Result<ProcessEnd> observe(const Command&, std::stop_token) override { return none(); }
  Result<ProcessEnd> run(const ChildKey&, const Command&, std::stop_token) override { return none(); }
  Result<std::optional<ProcessEnd>> recover(const ChildKey&, std::stop_token) override { return none(); }
  Result<std::vector<std::string>> end_left(const ChildKey&, const std::vector<RunningProcess>&) override {
    return none();
  }
  void committed(const ChildKey&) override {}

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::refused, "no processes here"); }
};

class NoScratch final : public Scratch {
 public:
  Result<std::string> directory() override { return fail(ErrorCode::refused, "no scratch here"); }
};

// Runs every body, remembers nothing.
class PlainMarks final : public Marks {
 public:
  Result<Value> once(std::string_view, Effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>&) override {
    return body();
  }
};

class NoActions final : public Actions {
 public:
  Result<Value> call(std::string_view, std::string_view, const Map&) override {
    return fail(ErrorCode::refused, "no actions here");
  }
};

class SilentProgress final : public Progress {
 public:
  void at(int64_t, int64_t, std::string_view) override {}
};

class SeenStreams final : public Streams {
 public:
  void keep(std::string_view name, CapturedStream stream) override { kept[std::string(name)] = std::move(stream); }
  std::map<std::string, CapturedStream> kept;
};

class StepStage {
 public:
  FakeClock clock;
  FakeEntropy entropy;
  FakeHttp http;
  SeenStreams streams;
  std::stop_source stop;
  Duration timeout{0};
  std::string key = "key-1";
  std::vector<Secret> opened;  // by other steps of the run
  OpId op{"phase/step"};
  int attempt = 1;
  Sql* sql = &no_sql_;
  SqlTrial* sql_trial = &no_sql_;
  Http* real_http = nullptr;  // instead of the fake
  Files* files = &files_;
  Scratch* scratch = &no_scratch_;
  Marks* marks = &marks_;
  Progress* progress = &progress_;

  Result<StepOutput> look(const Action& action, const Map& args) {
    StepInput input = input_of(args);
    Look world = look_port();
    return action.look(input, world);
  }
  // As the probe of a verify.
  Result<StepOutput> verify(const Action& action, const Map& args) {
    OpId step = op;
    op = op.verify();
    Result<StepOutput> output = look(action, args);
    op = step;
    return output;
  }
  Result<StepOutput> act(const Action& action, const Map& args) {
    StepInput input = input_of(args);
    Touch world{look_port(), *files, *sql, port(), processes_, entropy};
    return action.act(input, world);
  }
  // After a crash: did it happen?
  Result<Settled> probe(const Action& action, const Map& args) {
    StepInput input = input_of(args);
    Look world = look_port();
    return action.probe(input, world);
  }
  Result<Preview> preview(const Action& action, const Map& args) {
    StepInput input = input_of(args);
    Look world = look_port();
    Trial trial{*sql_trial, *scratch};
    return action.preview(input, world, trial);
  }

  StepInput input_of(const Map& args) {
    return {args,   run_,     op,        attempt, key,   timeout, stop.get_token(),
            *marks, actions_, *progress, streams, false, opened};
  }
  Look look_port() { return {clock, *files, *sql, port(), processes_}; }

 private:
  Http& port() { return real_http ? *real_http : http; }

  NoFiles files_;
  NoSql no_sql_;
  NoProcesses processes_;
  NoScratch no_scratch_;
  PlainMarks marks_;
  NoActions actions_;
  SilentProgress progress_;
  std::string run_ = "run-1";
};

}  // namespace muster::step_stage
