// `muster schema`: what editors need to complete and to check playbooks while they are written.
#include "interpreter/reference/schema.h"

#include "interpreter/cli/command.h"
#include "steps/steps.h"

namespace muster {

int schema_command(Invocation& invocation) {
  answer_object(invocation, schema_of_playbooks(builtin_actions()));
  return exit_code::ok;
}

}  // namespace muster
