#include "interpreter/cli/real_world.h"

#include <unistd.h>

#include "interpreter/cli/real_channels.h"
#include "interpreter/world/curl.h"
#include "interpreter/world/landlocked_reads.h"
#include "interpreter/world/real_clock.h"
#include "interpreter/world/real_entropy.h"
#include "interpreter/world/real_files.h"
#include "interpreter/world/real_processes.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "interpreter/world/real_variables.h"

namespace muster {
namespace {

std::string helper_beside(const std::string& program) {
  size_t slash = program.rfind('/');
  std::string folder = slash == std::string::npos ? "." : program.substr(0, slash);
  std::string beside = folder + "/muster-children";
  if (::access(beside.c_str(), X_OK) == 0) return beside;
  return folder + "/../libexec/muster/muster-children";
}

ProcessSettings settings_of(const Invocation& invocation, const std::string& store) {
  std::string path = store.rfind("sqlite:", 0) == 0 ? store.substr(7) : store;
  auto agent = invocation.environment.find("SSH_AUTH_SOCK");
  return {helper_beside(invocation.program), path + ".children", allowed_environment(invocation.environment),
          agent == invocation.environment.end() ? std::string() : agent->second};
}

std::string scratch_parent(const Invocation& invocation) {
  auto it = invocation.environment.find("TMPDIR");
  return it == invocation.environment.end() || it->second.empty() ? "/tmp" : it->second;
}

}  // namespace

struct RealWorld::Ports {
  Ports(const Invocation& invocation, const std::string& store, const Configuration* configuration)
      : scratch(scratch_parent(invocation)),
        trial(sql, scratch),
        processes(settings_of(invocation, store)),
        variables(invocation.environment),
        channels(configuration, world) {
    world.channels = &channels;
  }
  RealClock clock;
  RealEntropy entropy;
  RealFiles files;
  RealScratch scratch;
  RealSql sql;
  RealSqlTrial trial;
  RealHttp http;
  RealProcesses processes;
  RealVariables variables;
  World world{clock, files, sql, trial, http, processes, scratch, entropy, variables};
  RealChannels channels;
};

RealWorld::RealWorld(const Invocation& invocation, const std::string& store, const Configuration* configuration)
    : ports_(std::make_unique<Ports>(invocation, store, configuration)) {}
RealWorld::~RealWorld() = default;
World& RealWorld::world() { return ports_->world; }

struct RealDryWorld::Ports {
  explicit Ports(const Invocation& invocation)
      : scratch(scratch_parent(invocation)),
        trial(sql, scratch),
        commands(settings_of(invocation, ""), scratch),
        variables(invocation.environment) {}
  RealClock clock;
  RealFiles files;
  RealScratch scratch;
  RealSql sql;
  RealSqlTrial trial;
  RealHttp http;
  LandlockedReads commands;
  RealVariables variables;
  DryWorld world{clock, files, sql, http, commands, trial, scratch, variables};
};

RealDryWorld::RealDryWorld(const Invocation& invocation) : ports_(std::make_unique<Ports>(invocation)) {}
RealDryWorld::~RealDryWorld() = default;
DryWorld& RealDryWorld::world() { return ports_->world; }

}  // namespace muster
