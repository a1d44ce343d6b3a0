// `muster run PLAYBOOK`
#include "interpreter/checker/checker.h"
#include "interpreter/cli/carry.h"
#include "interpreter/cli/given_inputs.h"

namespace muster {

int run_command(Invocation& invocation) {
  if (invocation.options.has("--dry-run")) return plan_command(invocation);
  const std::string reason = invocation.options.last("--reason");
  const bool break_glass = invocation.options.has("--break-glass");
  if (break_glass && reason.empty())
    return complain(fail(ErrorCode::invalid, "a glass is broken with a reason", "add `--reason TEXT`"));
  if (!break_glass && !reason.empty())
    return complain(fail(ErrorCode::invalid, "`--reason` belongs to `--break-glass`"));
  Result<Loaded> loaded = load_playbook(invocation, invocation.options.words[0]);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return complain(configuration.error());
  std::optional<Map> given = given_inputs(invocation);
  if (!given) return exit_code::usage;
  Diagnostics problems;
  std::optional<Map> inputs = bind_inputs(loaded->graph->playbook(), *given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded->files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  Result<void> adopted = adopt_where_asked(invocation, *configuration);
  if (!adopted) return complain(adopted.error());
  Result<std::unique_ptr<Journal>> journal = open_journal(store_of(invocation, *configuration), true);
  if (!journal) return complain(journal.error());
  Session session{std::move(*configuration), std::move(*journal)};
  Carry how{invocation.options.has("--detach"), false};
  how.break_glass = reason;
  return carry_on(invocation, session, std::move(*loaded), "", *inputs, std::move(how));
}

}  // namespace muster
