#include "steps/steps.h"

namespace muster {

std::vector<Action> builtin_actions() {
  return {backup_action(),  http_action(),  notify_action(), rebuild_action(),
          restore_action(), shell_action(), sql_action()};
}

}  // namespace muster
