#include "interpreter/rehearsal/simulated_world.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/world/system_error.h"

namespace muster {

std::string SeededEntropy::bytes(size_t count) {
  std::string out;
  while (out.size() < count) out += sha256_raw(seed_ + std::to_string(++asked_));
  out.resize(count);
  return out;
}

std::optional<std::string> ScriptedVariables::find(const std::string& name) {
  auto it = values_.find(name);
  if (it == values_.end()) return std::nullopt;
  return it->second;
}

Result<void> RecordedChannels::must_be_known(const std::string& channel) const {
  if (known_.empty() || std::find(known_.begin(), known_.end(), channel) != known_.end()) return {};
  return fail(ErrorCode::not_found, "no channel is called `" + channel + "`",
              "`channels: [" + channel + "]` of the scenario makes it one");
}

Result<void> RecordedChannels::tell(const std::string& channel, const Message& message, std::stop_token) {
  if (Result<void> alive = place_.must_be_alive(); !alive) return alive;
  if (Result<void> known = must_be_known(channel); !known) return known;
  told.emplace_back(channel, message);
  return {};
}

Result<std::string> RecordedChannels::describe(const std::string& channel) {
  if (Result<void> known = must_be_known(channel); !known) return pass(known.error());
  return "the channel `" + channel + "` of the scenario";
}

Result<std::unique_ptr<ScratchFolder>> ScratchFolder::make(const std::string& beneath) {
  std::string pattern = beneath + "/muster-rehearsal.XXXXXX";
  if (!::mkdtemp(pattern.data())) return system_error(errno, "make a scratch folder in", beneath);
  char resolved[PATH_MAX];
  if (!::realpath(pattern.c_str(), resolved)) return system_error(errno, "find", pattern);
  return std::make_unique<ScratchFolder>(resolved);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

SimulatedWorld::SimulatedWorld(const Scenario& scenario, const ScratchFolder& folder, ScenarioWorld* lua)
    : scenario_(scenario),
      environment_(scenario.environment),
      baton(scenario.clock),
      place(folder.path() + "/root"),
      scratch(folder.path()),
      answers(lua, place, files, sql, clock),
      processes(answers, baton, place, environment_),
      channels(scenario.channels, place),
      entropy_(scenario.name),
      chance_(scenario.name + "\nsql\n") {
  sql.live_in(&sqlite_);
  environment_.emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
}

World SimulatedWorld::ports() {
  World world{clock, files, sql, sql, http, processes, scratch, entropy_, variables_};
  world.channels = &channels;
  return world;
}

Result<void> SimulatedWorld::furnish() {
  std::error_code failed;
  for (const char* made : {"", "/tmp", "/usr/bin", "/bin", "/etc"})
    std::filesystem::create_directories(place.root() + made, failed);
  if (failed) return fail(ErrorCode::storage, "the scratch folder cannot be filled: " + failed.message());
  // A program that somebody answers for is found, as `requires: {commands: [...]}` looks for it.
  for (const std::string& key : answers.commands()) {
    const size_t colon = key.find(": "), space = key.find(' ');
    if (colon != std::string::npos && colon < space) continue;
    const std::string program = key.substr(0, space);
    Result<void> made = files.put(program.starts_with('/') ? program : "/usr/bin/" + program, "", 0755);
    if (!made) return made;
  }
  for (const ScriptedFile& file : scenario_.files) {
    if (file.directory) {
      Result<std::string> real = place.real(file.path);
      if (!real) return pass(real.error());
      std::filesystem::create_directories(*real, failed);
      continue;
    }
    Result<void> made = files.put(file.path, file.content, file.mode.value_or(0644));
    if (!made) return made;
    if (file.age.us > 0)
      if (Result<void> aged = files.set_modified(file.path, scenario_.clock - file.age); !aged) return aged;
  }
  for (const ScriptedDatabase& database : scenario_.databases) {
    const std::string path = database.postgres ? "/.databases/" + database.name + ".db" : database.path;
    if (database.postgres) sql.stand_in(database.name, path, database.instead);
    answers.know_database(database.name, path);
    // An empty file is an empty database, which SQLite fills.
    Result<void> made = files.put(path, "");
    if (!made) return made;
    Connection connection{database.name, "sqlite", Map{{"path", path}}, {}};
    ExecuteOptions options;
    options.transaction = false;
    Result<SqlResult> filled = database.sql.empty()
                                   ? Result<SqlResult>(SqlResult{})
                                   : sql.execute(connection, SqlText{database.sql, {}, {}}, options, {});
    if (!filled)
      return fail(ErrorCode::invalid,
                  "the database `" + database.name + "` of the scenario cannot be made: " + filled.error().message,
                  filled.error().hint);
    if (database.age.us > 0)
      if (Result<void> aged = files.set_modified(path, scenario_.clock - database.age); !aged) return aged;
  }
  return {};
}

}  // namespace muster
