// `muster schema`: what editors need to complete and to check playbooks while they are written.
#include "interpreter/reference/schema.h"

#include "interpreter/cli/session.h"

namespace muster {

int schema_command(Invocation& invocation) {
  Result<std::optional<std::vector<Action>>> actions = actions_with(invocation);
  if (!actions) return complain(actions.error());
  if (!*actions) return exit_code::invalid;
  answer_object(invocation, schema_of_playbooks(**actions));
  return exit_code::ok;
}

}  // namespace muster
