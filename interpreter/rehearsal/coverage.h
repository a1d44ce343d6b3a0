// What of a playbook its rehearsals have been through: steps, both ways of each `when`, options, what became of gates,
// rescues, rollbacks, retries and verifies.
//
// Points are found in the graph alone and ticked off by the events of runs. All items of a `foreach` count as one, and
// so do the steps between any two attempts.
// Errors: none: an event of an op that the graph does not have counts for nothing.
// Source: docs/coverage.md.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "interpreter/base/value.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"

namespace muster {

enum class CoverageKind {
  step,      // it ran
  branch,    // `when` both ways, `done_when` already there, an option chosen
  gate,      // approved, rejected, expired, and voided where it has evidence that can change
  rescue,    // its rescue saved it
  rollback,  // it was undone
  retry,     // its attempts were used up
  verify,    // its claims held, and did not
  manual,    // done, and not in time
};
inline constexpr size_t coverage_kinds = 8;
// `steps`, `branches`, `gates` ...
[[nodiscard]] std::string_view plural_of(CoverageKind kind);

struct CoveragePoint {
  CoverageKind kind = CoverageKind::step;
  std::string op;        // `bulk/users[]/stop` for each item
  std::string what;      // `ran`, `when false`, `rejected`
  bool expected = true;  // false: nobody need see it, as a glass that is broken; told only where it happened
  int runs = 0;          // how many runs went through it
};

struct CoverageCount {
  int covered = 0, points = 0;
};

class Coverage {
 public:
  explicit Coverage(std::shared_ptr<const StepGraph> graph);
  // The events of one run, from its beginning.
  void add(const std::vector<Event>& events);

  [[nodiscard]] const StepGraph& graph() const { return *graph_; }
  [[nodiscard]] int runs() const { return runs_; }
  [[nodiscard]] const std::vector<CoveragePoint>& points() const { return points_; }  // in the order of the playbook
  [[nodiscard]] CoverageCount count() const;
  [[nodiscard]] CoverageCount count(CoverageKind kind) const;
  // Of the node that a drawing shows: all of its own points.
  [[nodiscard]] CoverageCount count(const Node& node) const;

 private:
  struct Run;
  void find_points();
  void expect(const Node& node, CoverageKind kind, std::string what, bool expected = true);
  void tick(Run& run, const std::string& op, CoverageKind kind, std::string_view what);
  void read(Run& run, const Event& event);
  // How an op is called here, in whichever item and attempt it stands; nothing: the graph has no such node.
  [[nodiscard]] const Node* subject_of(const std::string& op) const;

  std::shared_ptr<const StepGraph> graph_;
  std::vector<CoveragePoint> points_;
  std::unordered_map<std::string, size_t> by_name_;  // `op|what`
  int runs_ = 0;
};

// Counts by kind, and what is not covered, a line each.
[[nodiscard]] std::string coverage_text(const Coverage& coverage);
[[nodiscard]] Map coverage_value(const Coverage& coverage);
// The graph for Graphviz, green where all of a node's points are covered, yellow where some are, red where none is.
[[nodiscard]] std::string coverage_dot(const Coverage& coverage);
// As a part of a page: counts, the drawing (SVG, empty: none), the tree of steps in colour, each with its points.
[[nodiscard]] std::string coverage_html(const Coverage& coverage, const std::string& svg);

}  // namespace muster
