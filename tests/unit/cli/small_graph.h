// A playbook of two phases as a graph, by way of the reader and the checker.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "interpreter/checker/checker.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {

inline std::shared_ptr<const StepGraph> graph_of_text(const std::string& text) {
  SourceFiles files;
  files.add({"small.muster.yaml", text, "d"});
  Diagnostics problems;
  std::optional<Playbook> playbook = read_playbook(files, 0, problems);
  std::optional<CheckedPlaybook> checked;
  if (playbook) checked = check(std::move(*playbook), builtin_actions(), problems);
  EXPECT_TRUE(checked.has_value()) << render_all(problems, files);
  return checked ? std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook())) : nullptr;
}

inline std::shared_ptr<const StepGraph> small_graph() {
  return graph_of_text(R"(
muster: 1
playbook: small
phases:
  - id: assess
    steps:
      - {id: state, title: "Is it there?", shell: {argv: [look]}, effect: read}
      - {id: replace, set: {twice: true}}
  - id: replace
    title: Replace the database
    approval: {message: Replace it}
    parallel: true
    steps:
      - {id: stop, shell: {argv: [stop]}, rollback: [{shell: {argv: [start]}}]}
      - {id: copied, shell: {argv: [copy]}}
)");
}

}  // namespace muster
