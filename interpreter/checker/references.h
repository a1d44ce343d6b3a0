// Every free name in every expression: is it there, may it be read here, can it have a value by then?
//
// Errors: Diagnostics at the name (`unknown-step`, `unknown-result`, `not-yet`, `unknown-input`, `unknown-name`, ...).
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/outline.h"
#include "interpreter/language/playbook.h"

namespace muster {

// The fields of a result, where they are known at load.
struct ResultShape {
  bool known = false;
  std::vector<std::string_view> fields;
};

// From where an expression is read.
struct ReadScope {
  uint32_t node = 0;                    // into the outline
  bool before_the_run = false;          // no step can have a result: connections, locks, the playbook's gate
  bool own_result = false;              // after the action: the step's own fields, and the steps inside a group
  const ResultShape* result = nullptr;  // `result` may be read
  bool error = false;                   // `error` may be read
  bool outside_items = false;           // before the step's own `foreach`: its item is not known yet
  bool fields_judge_secrets = false;    // arguments: check_secret_places tells where a secret may stand
};

class References {
 public:
  References(const Playbook& playbook, const Outline& outline, const std::vector<Action>& actions,
             const Scripts& scripts, Diagnostics& problems);

  void check(const Expression& expression, const ReadScope& scope);
  void check(const Template& text, const ReadScope& scope);
  void check(const Argument& argument, const ReadScope& scope);
  void check(const std::vector<Entry>& entries, const ReadScope& scope);
  template <class T>
  void check(const std::optional<T>& maybe, const ReadScope& scope) {
    if (maybe) check(*maybe, scope);
  }
  void check(const DurationText& text, const ReadScope& scope) { check(text.text, scope); }
  void check(const IntegerText& text, const ReadScope& scope) { check(text.text, scope); }

  // What `steps.<id>` offers beside the reserved fields; `steps.<id>` of its probe where a step only verifies.
  [[nodiscard]] ResultShape shape_of(const Step& step) const;
  [[nodiscard]] ResultShape shape_of(const ActionCall& call) const;
  [[nodiscard]] ResultShape shape_of_body(const Step& step) const;  // without its own `outputs`
  // The steps with a `foreach` that stand around a place, innermost first.
  [[nodiscard]] std::vector<uint32_t> loops_around(const ReadScope& scope) const;
  // The id that was most likely meant, or empty. Not sought any more once much is wrong: each look costs all ids.
  [[nodiscard]] std::string_view nearest_step(std::string_view id) const;

 private:
  void check(const Read& read, const ReadScope& scope);
  void check_tree(const ExpressionNode& node);
  void check_step(const Read& read, const ReadScope& scope);
  void check_secret(const Read& read);
  void check_function(const Read& read);
  [[nodiscard]] bool in_recovery(uint32_t node) const;
  bool is_item(const std::string& name, const ReadScope& scope) const;
  bool is_within(const ReadScope& scope, uint32_t loop) const;  // in an item of it
  void check_field(const Read& read, const std::vector<std::string_view>& known, std::string_view owner,
                   size_t piece = 1);
  void refuse(Span at, std::string code, std::string message, std::string help = {});

  const Outline& outline_;
  const std::vector<Action>& actions_;
  const Scripts& scripts_;
  Diagnostics& problems_;
  std::vector<std::string_view> inputs_, secrets_;
};

// Every expression in an argument, in order.
void collect_expressions(const Argument& argument, std::vector<const Expression*>& out);

}  // namespace muster
