#include "interpreter/cli/command.h"

namespace muster {

const std::vector<CommandRow>& commands() {
  static const std::vector<CommandRow> rows = {
      {{"run", "PLAYBOOK", 1, 1, "run a playbook",
        {{"--input", "NAME=VALUE", "an input's value", 'i'},
         {"--inputs", "FILE", "inputs from a YAML or JSON file", 0},
         {"--detach", "", "at a gate: park the run and exit 75", 0}}}, run_command, true},
      {{"check", "PLAYBOOK|DIR...", 1, -1, "every error and warning of the files, without a run", {{"--strict", "", "warnings count as errors", 0}}}, check_command},
      {{"graph", "PLAYBOOK", 1, 1, "the step graph", {{"--format", "text|dot|mermaid", "how it is drawn; text unless said", 0}}}, graph_command},
      {{"gates", "[RUN]", 0, 1, "what waits for a decision, with what would be done", {}}, gates_command},
      {{"approve", "RUN [GATE]", 1, 2, "let what a gate shows be done",
        {{"--reason", "TEXT", "why", 0}, {"--no-wait", "", "record it only; do not carry the run on", 0}}}, approve_command, true},
      {{"reject", "RUN [GATE]", 1, 2, "say no at a gate: the run is undone and ends",
        {{"--reason", "TEXT", "why", 0}, {"--no-wait", "", "record it only; do not carry the run on", 0}}}, reject_command, true},
      {{"resume", "RUN", 1, 1, "go on with a run that was stopped, parked or killed", {{"--detach", "", "at a gate: park the run and exit 75", 0}}}, resume_command, true},
      {{"resolve", "RUN STEP", 2, 2, "settle a step that is in doubt, or that asks; `resume` goes on",
        {{"--succeeded", "", "it happened", 0}, {"--failed", "", "it did not, and counts as failed", 0}, {"--retry", "", "run it again", 0},
         {"--skip", "", "go on without it", 0}, {"--rollback", "", "it failed: undo the run", 0}, {"--stop", "", "it failed: end the run", 0},
         {"--reason", "TEXT", "why", 0}}}, resolve_command},
      {{"cancel", "RUN", 1, 1, "stop a run",
        {{"--reason", "TEXT", "why", 0}, {"--rollback", "", "undo what was done", 0}, {"--now", "", "without `always` steps", 0}, {"--no-wait", "", "record it only", 0}}}, cancel_command, true},
      {{"runs", "", 0, 0, "the runs, newest first", {{"--open", "", "only those that have not ended", 0}}}, runs_command},
      {{"show", "RUN", 1, 1, "one run with its steps", {}}, show_command},
      {{"logs", "RUN [STEP]", 1, 2, "what the steps of a run printed", {}}, logs_command},
      {{"report", "RUN", 1, 1, "the timeline of a run, for the review", {{"--format", "markdown|text|json", "how it is written; markdown unless said", 0}}}, report_command},
      {{"audit", "[RUN]", 0, 1, "the hash-chained log", {{"--verify", "", "check every link; exit 1 at the first that is broken", 0}}}, audit_command},
      {{"actions", "[NAME]", 0, 1, "the actions and their fields", {}}, actions_command},
  };
  return rows;
}

}  // namespace muster
