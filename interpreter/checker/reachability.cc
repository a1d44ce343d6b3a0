#include "interpreter/checker/reachability.h"

#include <algorithm>
#include <array>
#include <string>

#include "interpreter/checker/own_expressions.h"
#include "interpreter/expression/evaluate.h"
#include "interpreter/language/enough.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 6> always_there = {"state",      "error",    "attempts",
                                                          "started_at", "ended_at", "duration"};

// For expressions that read nothing.
class Nothing final : public Environment {
 public:
  tl::expected<Found, std::string> find(std::span<const std::string>) const override {
    return tl::unexpected(std::string("nothing is known"));
  }
  Timestamp now() const override { return {}; }
};

bool is_always_false(const Expression& expression) {
  if (!expression.tree.root || !expression.reads.empty()) return false;
  tl::expected<Evaluation, Diagnostic> answer = evaluate(expression, Nothing());
  const bool* yes = answer ? answer->value.find<bool>() : nullptr;
  return yes && !*yes;
}

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string name_of(const OutlineNode& node) {
  if (node.step) return node.step->id ? "step " + quoted(node.step->id->text) : "this step";
  if (node.phase) return node.phase->id ? "phase " + quoted(node.phase->id->text) : "this phase";
  return "the playbook";
}

Span place_of(const OutlineNode& node) {
  const std::optional<Name>& id = node.step ? node.step->id : node.phase->id;
  Span at = node.step ? node.step->at : node.phase->at;
  return id ? id->at : Span{at.file, at.begin, at.begin + 1};
}

class Reachability {
 public:
  Reachability(const Outline& outline, Diagnostics& problems) : outline_(outline), problems_(problems) {
    // How many gates and waits begin up to each node: steps stand in the order of the file.
    pauses_.reserve(outline.nodes().size());
    for (const OutlineNode& node : outline.nodes()) {
      bool pauses = (node.step && (node.step->approval || node.step->wait)) || (node.phase && node.phase->approval);
      pauses_.push_back((pauses_.empty() ? 0 : pauses_.back()) + (pauses ? 1 : 0));
      keeps_secrets_ = keeps_secrets_ || (node.step && node.step->sensitive.value_or(false));
    }
  }

  void run() {
    const std::vector<OutlineNode>& nodes = outline_.nodes();
    uint32_t dead_list = UINT32_MAX, dead_place = 0;
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      if (is_enough(problems_)) return;
      const OutlineNode& node = nodes[i];
      if (!node.step && !node.phase) continue;
      if (node.step && node.list_index == dead_list && node.place > dead_place && node.chain <= dead_place) {
        warn(place_of(node), "unreachable", name_of(node) + " never runs: the `fail` above it ends its group",
             "give the `fail` a `when`, or remove what stands below it");
        dead_list = UINT32_MAX;  // once is enough
      }
      if (node.step && node.step->fail && !node.step->when && !node.step->on_failure) {
        dead_list = node.list_index;
        dead_place = node.place;
      }
      const std::optional<Expression>& when = node.step ? node.step->when : node.phase->when;
      if (when && is_always_false(*when))
        warn(when->at, "unreachable", name_of(node) + " never runs: its `when` is always false", "");
      if (node.step) {
        find_dead_rollback(node);
        find_lost_results(i);
      }
    }
  }

 private:
  void warn(Span at, std::string code, std::string message, std::string help) {
    problems_.push_back({Severity::warning, std::move(code), at, std::move(message), std::move(help), {}});
  }

  // A group that has its own rollback is undone by that, not step by step; a group inside it fails on its own first.
  void find_dead_rollback(const OutlineNode& node) {
    if (!node.step->rollback || node.step->group || node.list != ListOf::body || node.parent == 0) return;
    const OutlineNode& group = outline_.nodes()[node.parent];
    const bool has_own = group.step ? group.step->rollback.has_value() : group.phase && group.phase->rollback;
    if (!has_own) return;
    warn(node.step->rollback->at, "unreachable",
         "this rollback never runs: " + name_of(group) + " has its own, which runs instead of those of its steps",
         "move it into that one");
  }

  void find_lost_results(uint32_t index) {
    const OutlineNode& node = outline_.nodes()[index];
    const uint32_t undone = undone_by(index);
    const bool asks_state = undone != 0 && asks_for_state(*node.step, undone);
    if (!keeps_secrets_ && undone == 0) return;
    each_own_expression(*node.step, [&](const Expression& expression, std::string_view) {
      for (const Read& read : expression.reads) {
        if (read.path.size() < 3 || read.path[0] != "steps") continue;
        if (std::find(always_there.begin(), always_there.end(), read.path[2]) != always_there.end()) continue;
        auto target = outline_.find_step(read.path[1]);
        if (!target || *target == index || !outline_.nodes()[*target].step) continue;
        const Step& step = *outline_.nodes()[*target].step;
        if (*target == undone && !asks_state && !step.actions.empty())
          warn(read.at, "rollback-blind",
               "step " + quoted(read.path[1]) + " has no result when it failed halfway, and is undone then, too",
               "take what it needs from a step before, or give this step `when: steps." + read.path[1] +
                   ".state == \"succeeded\"`");
        if (step.sensitive.value_or(false) && is_pause_between(*target, index))
          warn(read.at, "sensitive-lost",
               "the result of step " + quoted(read.path[1]) +
                   " is never stored: it is lost when the run is resumed behind the gate or wait in between",
               "read it again in a step of its own, right before it is needed");
      }
    });
  }

  // The step in whose rollback it stands; 0: none.
  uint32_t undone_by(uint32_t index) const {
    const std::vector<OutlineNode>& nodes = outline_.nodes();
    for (uint32_t at = index; at != 0; at = nodes[at].parent)
      if (nodes[at].list == ListOf::rollback) return nodes[nodes[at].parent].step ? nodes[at].parent : 0;
    return 0;
  }

  bool asks_for_state(const Step& step, uint32_t undone) const {
    if (!step.when) return false;
    const std::string& id =
        outline_.nodes()[undone].step->id ? outline_.nodes()[undone].step->id->text : step.when->text;
    return std::any_of(step.when->reads.begin(), step.when->reads.end(), [&](const Read& read) {
      return read.path.size() > 2 && read.path[0] == "steps" && read.path[1] == id &&
             (read.path[2] == "state" || read.path[2] == "error");
    });
  }

  bool is_pause_between(uint32_t earlier, uint32_t later) const {
    const uint32_t end = outline_.nodes()[earlier].last;
    return end < later && pauses_[later] > pauses_[end];
  }

  const Outline& outline_;
  Diagnostics& problems_;
  std::vector<uint32_t> pauses_;
  bool keeps_secrets_ = false;
};

}  // namespace

void check_reachability(const Outline& outline, Diagnostics& problems) { Reachability(outline, problems).run(); }

}  // namespace muster
