// What a dry run foresaw, and what then happened: step by step, side by side.
//
// A step that nobody could foresee differs in nothing. Of what was read before a change that was only predicted the
// values are shown and not compared: they were those of before.
// Errors: none.
// Source: docs/dry-run.md, "Predicted and actual".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal/foreseen.h"

namespace muster {

// What happened to a step; of those of a `foreach` that could not be foreseen one stands for all items.
struct HappenedStep {
  std::string op;
  std::string state;
  Map result;
  bool is_group = false;
};

struct ComparedStep {
  std::string op;
  std::string predicted;  // `predicted: changes 2`, `unknown: known after x`, `skipped`; empty: not foreseen
  std::string actual;     // `succeeded: changes 3`
  std::string verdict;    // `as foreseen`, `differs`, `unknown`: nobody could tell before; `open`: not yet over
  std::vector<std::string> differs;  // `changes: 2, then 3`
};

struct Comparison {
  Timestamp at;  // of the dry run
  std::string person;
  std::vector<ComparedStep> steps;
  [[nodiscard]] size_t count(std::string_view verdict) const;
  // `2 steps as foreseen, 1 differs, 1 could not be foreseen`
  [[nodiscard]] std::string summary() const;
};

// `happened` in the order of the playbook; `has_ended`: what has not run by then will not.
[[nodiscard]] Comparison compare(const ForeseenRun& foreseen, const std::vector<HappenedStep>& happened,
                                 bool has_ended);

}  // namespace muster
