#include "interpreter/world/landlocked_reads.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "interpreter/world/children/fence.h"
#include "interpreter/world/program_search.h"

namespace muster {

bool kernel_has_fence() {
  constexpr long create_ruleset = 444;
  constexpr uint32_t ask_version = 1;
  return ::syscall(create_ruleset, nullptr, size_t{0}, ask_version) >= 1;
}

std::optional<std::string> LandlockedReads::refusal(const Command& command) {
  if (command.ssh_agent) return "nothing here keeps a command on another host from writing";
  if (!has_fence_) return "this kernel has no Landlock, which would keep it from writing";
  return std::nullopt;
}

Result<ProcessEnd> LandlockedReads::observe(const Command& command, std::stop_token stop) {
  if (std::optional<std::string> why = refusal(command)) return fail(ErrorCode::refused, *why);
  if (command.argv.empty()) return fail(ErrorCode::not_started, "the command is empty");
  std::string path;
  if (auto found = settings_.environment.find("PATH"); found != settings_.environment.end()) path = found->second;
  for (const auto& [name, value] : command.environment)
    if (name == "PATH" && value.is<std::string>()) path = value.get<std::string>();
  Result<std::string> program = find_program(command.argv[0], path, command.directory);
  if (!program) return pass(program.error());
  Result<std::string> folder = scratch_.directory();
  if (!folder) return pass(folder.error());
  if (!processes_) {
    Result<std::string> spool = scratch_.directory();
    if (!spool) return pass(spool.error());
    ProcessSettings settings = settings_;
    settings.spool = *spool + "/children";
    processes_ = std::make_unique<RealProcesses>(std::move(settings));
  }
  Command fenced = command;
  fenced.argv = {settings_.helper, "fence", *folder, *program};
  fenced.argv.insert(fenced.argv.end(), command.argv.begin(), command.argv.end());
  std::erase_if(fenced.environment, [](const auto& variable) { return variable.first == "TMPDIR"; });
  fenced.environment.emplace_back("TMPDIR", Value(*folder));
  Result<ProcessEnd> end = processes_->observe(fenced, std::move(stop));
  if (end && end->kind == EndKind::exited && end->code == children::fence_code &&
      end->err.head.starts_with(children::fence_word))
    return fail(ErrorCode::not_started, "`" + command.argv[0] + "` was not started: " + end->err.head);
  return end;
}

}  // namespace muster
