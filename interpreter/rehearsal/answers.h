// What the simulated world answers: the scenario's Lua file, asked with one command or request at a time.
//
// A command that nobody answers is an error of the step, and a finding of the rehearsal.
// Threads: one at a time, as the baton has it.
// Source: docs/rehearsal.md, "The world".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "interpreter/rehearsal/simulated_sql.h"
#include "scripting/scenario_world.h"

namespace muster {

class WorldAnswers final : public ScenarioHands {
 public:
  // `world`: none: nobody answers anything.
  WorldAnswers(ScenarioWorld* world, const ScratchPlace& place, SimulatedFiles& files, SimulatedSql& sql, Clock& clock)
      : world_(world), place_(place), files_(files), sql_(sql), clock_(clock) {}
  // The paths of the databases, by connection: what `ctx.sql{database = ...}` may name.
  void know_database(const std::string& name, std::string path) { databases_[name] = std::move(path); }

  [[nodiscard]] Result<Value> command(const std::vector<std::string>& argv, const std::string& host, Map call);
  [[nodiscard]] Result<Value> request(const std::string& method, const std::string& url, Map call);
  [[nodiscard]] Result<void> after();
  [[nodiscard]] Result<Value> state();
  [[nodiscard]] const std::vector<std::string>& commands() const;

  // What nobody answered, and where an answer could not be used.
  std::vector<std::string> findings;

  Result<Value> call(std::string_view what, const Map& args) override;
  Timestamp now() override { return clock_.now(); }

 private:
  Result<Value> ask(bool http, const std::string& key, const Map& call);
  ScenarioWorld* world_;
  const ScratchPlace& place_;
  SimulatedFiles& files_;
  SimulatedSql& sql_;
  Clock& clock_;
  std::map<std::string, std::string> databases_;
};

// The key of `commands` that fits best: `render restart` for `/usr/bin/render restart srv-1`, the one with most words.
// `db1: systemctl` is for what runs on that host. Empty: none.
[[nodiscard]] std::string command_key(const std::vector<std::string>& keys, const std::vector<std::string>& argv,
                                      const std::string& host);
// The key of `http` that fits best: `POST https://api.example/v1/stores/{id}/restart`; without a method it is for all,
// without a host for each. `params`: what stands at the places in braces.
[[nodiscard]] std::string endpoint_key(const std::vector<std::string>& keys, const std::string& method,
                                       const std::string& url, Map& params);

// `takes` of an answer: seconds, or text as in `30s`.
[[nodiscard]] Result<Duration> takes_of(const Map& answer);
// An answer has no other keys than these.
[[nodiscard]] Result<void> only_keys(const Map& answer, const std::vector<std::string_view>& keys,
                                     std::string_view what);

}  // namespace muster
