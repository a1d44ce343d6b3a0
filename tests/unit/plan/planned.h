// A playbook's text as a graph with its files, by way of the reader and the checker.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "interpreter/checker/checker.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {

struct Written {
  SourceFiles files;
  std::shared_ptr<const StepGraph> graph;

  explicit Written(const std::string& text) {
    files.add({"written.muster.yaml", text, "digest"});
    Diagnostics problems;
    std::optional<Playbook> playbook = read_playbook(files, 0, problems);
    std::optional<CheckedPlaybook> checked;
    if (playbook) checked = check(std::move(*playbook), builtin_actions(), problems);
    EXPECT_TRUE(checked.has_value()) << render_all(problems, files);
    if (checked) graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
  }
};

// A playbook of one phase `all` with these steps, written at the left margin.
inline std::string with_steps(const std::string& steps, const std::string& top = {}, const std::string& phase = {}) {
  std::string text = "muster: 1\nplaybook: p\n" + top + "phases:\n  - id: all\n" + phase + "    steps:\n      ";
  for (char c : steps) {
    text += c;
    if (c == '\n') text += "      ";
  }
  return text + "\n";
}

}  // namespace muster
