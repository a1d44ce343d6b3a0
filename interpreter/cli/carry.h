// Carrying a run on in this process until it ends or parks: the engine, the view, the questions and the signals.
//
// Gives the exit code. The first interrupt cancels, the second cancels at once; TERM and HUP stop without undoing
// anything and name the command that goes on.
// Source: docs/cli.md, "Signals"; docs/language.md, "How a run ends".
#pragma once

#include "interpreter/cli/session.h"

namespace muster {

struct Carry {
  bool detached = false;  // parks at gates
  bool recorded = false;  // a word of ours is in the journal already: whoever owns the run goes on with it
  // Of a new run that tries another one again:
  std::string parent = {};
  std::string from = {};
  std::vector<Event> carried = {};
  bool undoes = false;           // it undoes that one, and does nothing else
  std::string break_glass = {};  // why it begins outside of its window, or unrehearsed, too
  bool among_others = false;     // the process goes on with another run after it
};

// `run` is empty for a new one, which is made of `inputs`.
[[nodiscard]] int carry_on(Invocation& invocation, Session& session, Loaded loaded, const std::string& run,
                           const Map& inputs, Carry how);
// What a command does after it recorded something of a run: carries it on, unless `--no-wait` was given.
[[nodiscard]] int carry_on_recorded(Invocation& invocation, Opened& opened);
// Says how a run ended before, and gives its exit code.
[[nodiscard]] int say_it_has_ended(const OpenRun& run);
[[nodiscard]] bool was_started_detached(const RunHistory& history);

}  // namespace muster
