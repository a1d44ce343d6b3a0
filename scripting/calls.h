// Calls into a state: of an extension's action, and of a script's functions; inside this room.
#pragma once

#include <memory>

#include "interpreter/action/action.h"
#include "scripting/library.h"

namespace muster {

// An action as its file defines it.
struct ScriptedAction {
  std::shared_ptr<const ScriptLibrary> library;
  size_t chunk = 0;
  std::string name;
  Effect effect = Effect::write;
  Map fallbacks;  // values of fields that are not given
  bool has_preview = false, has_probe = false, has_rollback = false;
};

// Gives the action the functions that call its script.
void give_life(Action& action, ScriptedAction scripted);

[[nodiscard]] std::shared_ptr<const Scripts> make_scripts(std::shared_ptr<const ScriptLibrary> library,
                                                          std::vector<std::string> names);

}  // namespace muster
