// Commands that answer as a test says, and remember what they were asked.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/world/processes.h"

namespace muster {

class FakeProcesses final : public Processes {
 public:
  using Answer = std::function<Result<ProcessEnd>(const Command&)>;
  enum class Verb { observe, run, recover, end_left, committed };
  struct Call {
    Verb verb;
    std::string line;  // argv, joined by spaces; of `end_left` the names that were known; else empty
    ChildKey key;      // empty for observe
    Command command;
  };

  static ProcessEnd exited(int code, std::string out = "", std::string err = "") {
    ProcessEnd end;
    end.code = code;
    end.out.bytes = out.size();
    end.out.head = std::move(out);
    end.err.bytes = err.size();
    end.err.head = std::move(err);
    return end;
  }
  static ProcessEnd ended(EndKind kind, int signal, std::string err = "") {
    ProcessEnd end = exited(signal, "", std::move(err));
    end.kind = kind;
    return end;
  }
  static std::string line_of(const Command& command) {
    std::string line;
    for (const std::string& argument : command.argv) line += (line.empty() ? "" : " ") + argument;
    return line;
  }

  // `systemctl stop app` ends like this, each time. What nobody scripted is not found.
  void on(const std::string& line, int code, std::string out = "", std::string err = "") {
    on(line, [end = exited(code, std::move(out), std::move(err))](const Command&) { return end; });
  }
  void on(const std::string& line, Answer answer) {
    std::lock_guard lock(mutex_);
    answers_[line] = std::move(answer);
  }
  // A helper of an earlier interpreter knows how this child ended, until that is committed.
  void remember(const ChildKey& key, Result<ProcessEnd> end) {
    std::lock_guard lock(mutex_);
    remembered_.insert_or_assign(text_of_key(key), std::move(end));
  }

  [[nodiscard]] Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override {
    return begin({Verb::observe, line_of(command), {}, command}, stop);
  }
  [[nodiscard]] Result<ProcessEnd> run(const ChildKey& key, const Command& command, std::stop_token stop) override {
    return begin({Verb::run, line_of(command), key, command}, stop);
  }
  [[nodiscard]] Result<std::optional<ProcessEnd>> recover(const ChildKey& key, std::stop_token) override {
    std::lock_guard lock(mutex_);
    calls_.push_back({Verb::recover, "", key, {}});
    auto found = remembered_.find(text_of_key(key));
    if (found == remembered_.end()) return std::optional<ProcessEnd>();
    if (!found->second) return pass(found->second.error());
    return std::optional<ProcessEnd>(*found->second);
  }
  // All that it was told of is ended.
  [[nodiscard]] Result<std::vector<std::string>> end_left(const ChildKey& key,
                                                          const std::vector<RunningProcess>& known) override {
    std::vector<std::string> ended;
    std::string line;
    for (const RunningProcess& one : known) {
      ended.push_back(std::to_string(one.pid) + " " + one.name);
      line += (line.empty() ? "" : " ") + one.name;
    }
    std::lock_guard lock(mutex_);
    calls_.push_back({Verb::end_left, std::move(line), key, {}});
    return ended;
  }
  void committed(const ChildKey& key) override {
    std::lock_guard lock(mutex_);
    calls_.push_back({Verb::committed, "", key, {}});
    remembered_.erase(text_of_key(key));
  }

  // All calls so far, in their order.
  [[nodiscard]] std::vector<Call> calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  // The lines of what was run or observed, in their order.
  [[nodiscard]] std::vector<std::string> lines() const {
    std::vector<std::string> all;
    for (const Call& call : calls())
      if (call.verb == Verb::run || call.verb == Verb::observe) all.push_back(call.line);
    return all;
  }

 private:
  static std::string text_of_key(const ChildKey& key) {
    return key.run + "\n" + key.op.path + "\n" + std::to_string(key.attempt);
  }

  Result<ProcessEnd> begin(Call call, const std::stop_token& stop) {
    Answer answer;
    {
      std::lock_guard lock(mutex_);
      calls_.push_back(call);
      if (auto found = answers_.find(call.line); found != answers_.end()) answer = found->second;
    }
    if (stop.stop_requested()) return ended(EndKind::stopped, 15);
    if (answer) return answer(call.command);
    return fail(ErrorCode::not_started, "`" + call.line + "` was not started: no test expects it");
  }

  mutable std::mutex mutex_;
  std::vector<Call> calls_;
  std::map<std::string, Answer> answers_;
  std::map<std::string, Result<ProcessEnd>> remembered_;
};

}  // namespace muster
