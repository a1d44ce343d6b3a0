// A playbook as a page that a person can follow by hand: what it needs, each step as one would type it, who decides,
// what must hold, and how it is undone.
//
// Nothing is run, opened or evaluated. The playbooks that it calls stand at the end of the page, each once.
// Errors: none: only a playbook that was checked becomes a graph.
// Source: docs/docs-command.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/graph/step_graph.h"

namespace muster {

struct PageClaim {
  std::string name, that, severity;  // empty: not said
};

struct PageGate {
  std::string message, approvers;  // `anybody` where nobody is named
};

// A group or step of the playbook itself.
struct PageStep {
  std::string path;  // as reports and coverage call it; of what a `foreach` repeats: the step's
  std::string what;  // `phase`, `steps`, `verify`, `manual`, `call`, or the action
  std::string title;
  std::string list;  // `body`, `rescue`, `rollback`, `always`, `before`
  bool is_group = false;
  bool by_person = false;
  std::optional<Effect> effect;
  std::optional<PageGate> gate;
  std::vector<PageClaim> claims;  // of its verify and its watch
  std::string calls;              // the file of the playbook that it calls, as written
};

// Steps that do something, those of called playbooks included, once for each call.
struct Share {
  int machine = 0, person = 0, gates = 0;
  [[nodiscard]] int percent() const;  // done by the machine; rounded down
};

struct Page {
  std::string playbook, version, title;
  std::string purpose;  // the first sentence or two of its description
  std::vector<std::string> tags;
  std::vector<std::string> needed;    // inputs that must be given
  std::vector<std::string> deciders;  // who is asked at its gates, those of called playbooks included; each once
  std::vector<PageStep> steps;
  Share share;
  std::string markdown;
};

[[nodiscard]] Page make_page(const StepGraph& graph, const std::vector<Action>& actions);
[[nodiscard]] Value value_of(const Page& page);

}  // namespace muster
