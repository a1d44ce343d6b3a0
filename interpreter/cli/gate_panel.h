// A gate as a person sees it before deciding: what would be done, line by line, who may decide, and until when.
//
// Everything shown was recorded when the gate opened and is bound by its digest; what came from the world is escaped.
// Source: docs/cli.md, "At a gate".
#pragma once

#include <string>

#include "interpreter/cli/command.h"
#include "interpreter/journal/run_state.h"

namespace muster {

struct PanelStyle {
  Colour colour = Colour::off;
  bool local_time = false;  // beside UTC, for somebody at a terminal
};

[[nodiscard]] std::string gate_panel(const std::string& run, const OpRecord& gate, PanelStyle style);
// The commands that decide it, one a line, to be typed as they stand; `muster` is how this program was called.
[[nodiscard]] std::string gate_commands(const std::string& muster, const std::string& run, const OpRecord& gate);
// `muster`, with the options that name store and configuration where they were given.
[[nodiscard]] std::string muster_as_called(const Invocation& invocation);
// `muster resolve RUN STEP …`, to be typed with one of its choices.
[[nodiscard]] std::string resolve_command_line(const std::string& muster, const std::string& run, const OpRecord& step);

}  // namespace muster
