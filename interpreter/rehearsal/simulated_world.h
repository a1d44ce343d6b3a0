// The world of one rehearsal: every port, over a scratch folder, a virtual clock and the scenario's Lua file. It
// outlives the interpreters that are killed in it.
//
// Errors: `storage` when the scratch folder cannot be made; `invalid` for SQL of the scenario that fails.
// Source: docs/rehearsal.md.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "interpreter/rehearsal/scenario.h"
#include "interpreter/rehearsal/simulated_http.h"
#include "interpreter/rehearsal/simulated_processes.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/world.h"

namespace muster {

// The same bytes each time, in the order of the questions.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::string seed) : seed_(std::move(seed)) {}
  std::string bytes(size_t count) override;

 private:
  std::string seed_;
  uint64_t asked_ = 0;
};

class ScriptedVariables final : public Variables {
 public:
  explicit ScriptedVariables(const std::map<std::string, std::string>& values) : values_(values) {}
  std::optional<std::string> find(const std::string& name) override;

 private:
  const std::map<std::string, std::string>& values_;
};

// What notify tells is kept.
class RecordedChannels final : public Channels {
 public:
  // `known`: none named: every channel is there.
  RecordedChannels(const std::vector<std::string>& known, const ScratchPlace& place) : known_(known), place_(place) {}
  Result<void> tell(const std::string& channel, const Message& message, std::stop_token stop) override;
  Result<std::string> describe(const std::string& channel) override;
  std::vector<std::pair<std::string, Message>> told;

 private:
  Result<void> must_be_known(const std::string& channel) const;
  const std::vector<std::string>& known_;
  const ScratchPlace& place_;
};

// A folder that is gone with it.
class ScratchFolder {
 public:
  [[nodiscard]] static Result<std::unique_ptr<ScratchFolder>> make(const std::string& beneath);
  explicit ScratchFolder(std::string path) : path_(std::move(path)) {}
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class SimulatedWorld {
  const Scenario& scenario_;
  std::map<std::string, std::string> environment_;

 public:
  // `lua`: none: nobody answers. All must outlive it.
  SimulatedWorld(const Scenario& scenario, const ScratchFolder& folder, ScenarioWorld* lua);
  // Makes the files and databases.
  [[nodiscard]] Result<void> furnish();
  [[nodiscard]] World ports();

  Baton baton;
  VirtualClock clock{baton};
  ScratchPlace place;
  SimulatedFiles files{place, clock};
  RealScratch scratch;
  SimulatedSql sql{place, files, scratch};
  WorldAnswers answers;
  SimulatedProcesses processes;
  SimulatedHttp http{answers, baton, files, place};
  RecordedChannels channels;

 private:
  ScriptedVariables variables_{environment_};
  SeededEntropy entropy_, chance_;  // of databases: what a statement draws moves nothing else
  VirtualSqlite sqlite_{clock, chance_};
};

}  // namespace muster
