// Scenario files: YAML to a Scenario, through the same reader and rows of keys as playbooks.
//
// Errors: Diagnostics with places in the scenario; `bad-scenario` for what fits no rehearsal.
// Source: docs/rehearsal.md.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/result.h"
#include "interpreter/base/source_file.h"
#include "interpreter/rehearsal/rehearsal.h"
#include "interpreter/rehearsal/scenario.h"
#include "scripting/scenario_world.h"

namespace muster {

// The bytes of a file that a scenario names, or why there are none, for people.
using OpenBeside = std::function<tl::expected<std::string, std::string>(const std::string& path)>;

// File 0 of `files` is the scenario; its world, schemas and seeds are read beside it and added. Nothing: there are
// errors.
[[nodiscard]] std::optional<Scenario> read_scenario(SourceFiles& files, const OpenBeside& open, Diagnostics& problems);

// What must fit the playbook: the steps and gates that are named, the connections, the inputs. The inputs that come
// back are typed.
[[nodiscard]] std::optional<Map> check_scenario(const Scenario& scenario, const RehearsedPlaybook& playbook,
                                                Diagnostics& problems);

}  // namespace muster
