#include "interpreter/plan/outlook.h"

#include <algorithm>

namespace muster {
namespace {

constexpr std::string_view in_the_run = "known in the run";

// What only the moment, or the world, can tell.
bool needs_the_world(const Expression& expression) {
  bool asks = false, reads_secret = false;
  for (const Read& read : expression.reads) {
    if (read.called && read.path[0] == "now") return true;
    asks = asks || (read.called && read.path[0] == "is_set");
    reads_secret = reads_secret || read.path[0] == "secrets";
  }
  return asks && reads_secret;
}

}  // namespace

Environment::Found Outlook::keep(Value value, size_t used) const {
  kept_.push_back(std::move(value));
  return {&kept_.back(), used};
}

tl::expected<Environment::Found, std::string> Outlook::find(std::span<const std::string> path) const {
  const std::string& root = path[0];
  if (root == "inputs") {
    if (path.size() < 2) return keep(Value(inputs_), 1);
    if (const Value* value = member(inputs_, path[1])) return Found{value, 2};
    return keep(Value(), 2);
  }
  if (root == "steps" && path.size() > 1) return keep(Unknown{"known after " + path[1]}, 2);
  if (root == "secrets" && path.size() > 1) return keep(Secret(path[1], ""), 2);
  if (root == "playbook" && path.size() > 1) {
    const std::string& field = path[1];
    if (field == "name") return keep(playbook_.playbook ? playbook_.playbook->text : "", 2);
    if (field == "version") return keep(playbook_.version.value_or(""), 2);
    if (field == "title") return keep(playbook_.title.value_or(""), 2);
    if (field == "owner") return keep(playbook_.owner.value_or(""), 2);
  }
  if (root == "result") return keep(Unknown{"known after the action"}, 1);
  if (root == "error") return keep(Unknown{"known when something failed"}, 1);
  return keep(Unknown{std::string(in_the_run)}, 1);
}

tl::expected<Value, Diagnostic> Outlook::value_of(const Expression& expression) const {
  if (needs_the_world(expression)) return Value(Unknown{std::string(in_the_run)});
  tl::expected<Evaluation, Diagnostic> evaluation = evaluate(expression, *this);
  kept_.clear();
  if (!evaluation) return tl::unexpected(std::move(evaluation.error()));
  return std::move(evaluation->value);
}

tl::expected<Value, Diagnostic> Outlook::value_of(const Template& text, bool is_url) const {
  if (text.is_constant()) return Value(text.constant_text());
  if (const Expression* whole = text.whole()) return value_of(*whole);
  bool open = std::any_of(text.pieces.begin(), text.pieces.end(), [](const auto& piece) {
    const auto* expression = std::get_if<Expression>(&piece);
    return expression && needs_the_world(*expression);
  });
  if (!open) {
    tl::expected<Value, Diagnostic> value = is_url ? evaluate_url(text, *this) : evaluate(text, *this);
    kept_.clear();
    if (!value || !value->is<Unknown>()) return value;
  }
  std::string out;
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      out += *plain;
      continue;
    }
    tl::expected<Value, Diagnostic> value = value_of(std::get<Expression>(piece));
    if (!value) return value;
    out += to_text(*value);
  }
  return Value(std::move(out));
}

ArgumentValues Outlook::argument_values() const {
  ArgumentValues values;
  values.text = [this](const Template& text, bool is_url) { return value_of(text, is_url); };
  values.connection = [](const Name& name) -> tl::expected<Value, Diagnostic> { return Value(name.text); };
  return values;
}

}  // namespace muster
