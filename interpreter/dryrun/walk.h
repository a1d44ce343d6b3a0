// One dry run under way. Inside this room only; docs/dry-run.md tells what it must do.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/checker/arguments.h"
#include "interpreter/dryrun/dry_run.h"
#include "interpreter/dryrun/foresight.h"
#include "interpreter/dryrun/order.h"

namespace muster {

// Hands declared reads on to the fence, and remembers what it did not execute.
class AskedReads final : public DeclaredReads {
 public:
  explicit AskedReads(FencedReads& fence) : fence_(fence) {}
  Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override {
    if (std::optional<std::string> why = fence_.refusal(command)) {
      refused_ = "declared read not executed: " + *why;
      return fail(ErrorCode::refused, *refused_);
    }
    return fence_.observe(command, std::move(stop));
  }
  // Why the last command was not executed; asked once.
  std::optional<std::string> take_refusal() { return std::exchange(refused_, std::nullopt); }

 private:
  FencedReads& fence_;
  std::optional<std::string> refused_;
};

class Walk {
 public:
  Walk(const DryRunParts& parts, const Map& inputs);
  Ledger go();

 private:
  // Why a step may not run at all; empty: it will.
  using Unsure = std::string;
  // What a read gave, or why it gave nothing.
  struct Answer {
    std::optional<Map> fields;
    std::string failure;  // it failed
    std::string unknown;  // it was not made
    std::optional<Error> error = {};
    std::vector<std::string> notes = {};
  };

  // --- dry_run.cc: groups
  void walk_list(const std::vector<NodeId>& list, std::string_view name, int depth, const Unsure& unsure);
  void walk(const Node& node, std::string_view list, int depth, Unsure unsure);
  void walk_inside(const Node& node, std::string_view list, int depth, const Unsure& unsure);
  void walk_items(const Node& loop, size_t entry, std::string_view list, int depth, const Unsure& unsure);
  void walk_options(const Node& choice, size_t entry, std::string_view list, int depth, const Unsure& unsure);
  void enter_playbook(const Node& called, size_t entry);
  void end_group(const Node& group, size_t entry, const Unsure& unsure);
  // Its condition; nothing: it is false, or raises, and the node is done with.
  std::optional<Unsure> condition(const Node& node, size_t entry, Unsure unsure);
  size_t begin(const Node& node, std::string_view list, int depth);
  PlannedGate gate_of(const Node& node);
  void collect_guarded(const Node& node, std::vector<std::string>& out) const;

  // --- foresee.cc: steps
  void foresee(const Node& node, size_t entry, const Unsure& unsure);
  void foresee_action(const Node& node, size_t entry, const Unsure& unsure);
  void foresee_set(const Node& node, size_t entry, const Unsure& unsure);
  void preview(const Node& node, const Action& action, const Map& args, LedgerStep& step);
  // What is known of a step that has gone through all of this.
  void know(const Node& node, Foreseen known);
  void add_outputs(const Node& node, size_t entry, Map& result);
  // It fails, now and in a run; `may_come_right`: the run tries again.
  void failed(const Node& node, size_t entry, std::string message, const std::optional<Error>& error = {});
  [[nodiscard]] bool is_made_up_for(const Node& node) const;

  // --- questions.cc: reads, and what is asked beside a step
  Answer read(const Action& action, const Map& args, const OpId& op, Duration limit);
  // Asks the one probe; nothing: there is none.
  std::optional<Answer> ask_probe(const Node& node, const std::vector<ActionCall>& probes, const OpId& op,
                                  const Map* result);
  // `own`: the step's result, where it has one; `open`: why the answer cannot count.
  void verify(const Node& node, size_t entry, const Map* own, const std::string& open);
  // Whether it is done already.
  bool is_done(const Node& node, size_t entry);
  std::vector<DryCheck> evidence(const Node& gate);
  struct Judged {
    bool all_hold = true;
    std::string unknown;  // a claim waits for this
    std::string first_failure;
    std::vector<std::string> lines;
  };
  Judged judge(const std::vector<Claim>& claims, const Node& node, const Map* result);

  // --- values.cc
  Foresight names(const Node& node);
  Foresight names_for_show(const Node& node);
  ArgumentValues argument_values(const Node& node, const Foresight& names);
  ArgumentValues shown_values(const Foresight& names);
  Value shown_text(const Node& node, const Template& text);
  [[nodiscard]] const Map& inputs_of(const Node& node) const;
  [[nodiscard]] const Node* called_above(const Node& node) const;
  [[nodiscard]] std::string secret_prefix(const Node& node) const;
  void open_secrets(const Node& node);
  void open_secrets(const Node& node, const Expression& expression);
  void open_secret_of(const Node& reader, const std::string& name);
  [[nodiscard]] Duration time_limit(const Node& node);
  Effect effect_of_call(const Node& node, const Action& action, const Map& args) const;
  // The change that is only predicted and may stand before this step; empty: none.
  std::string change_before(const Node& node);

  LedgerStep& at(size_t entry) { return ledger_.steps[entry]; }

  const DryRunParts& parts_;
  const Map& inputs_;
  Expansion expansion_;
  StepOrder order_;
  AskedReads commands_;
  Timestamp now_;
  Zones zones_;
  Ledger ledger_;
  Foreknowledge known_;
  std::map<std::string, Map> called_inputs_;  // by the op of the called playbook
  OpenedSecrets secrets_;
  ClosedSecrets closed_;
  std::vector<std::string> changes_;            // steps so far whose change is only predicted, by their short names
  std::vector<std::optional<Effect>> effects_;  // of the graph's nodes, as far as they are known beforehand
  std::vector<bool> is_over_;                   // of the graph's nodes: gone through, or passed over
};

}  // namespace muster
