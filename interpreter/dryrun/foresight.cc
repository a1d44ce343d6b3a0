#include "interpreter/dryrun/foresight.h"

#include "interpreter/engine/environment.h"

namespace muster {
namespace {

constexpr std::string_view in_the_run = "known in the run";

std::string why_no_result(const std::string& id, const Foreseen& known) {
  return "step `" + id + "` has no result: it " +
         (known.state == StepState::skipped ? "is skipped" : "is " + std::string(name_of(known.state)));
}

}  // namespace

std::string short_name(const Node& node) {
  const bool is_copy = node.op.path.find('[') != std::string::npos;
  return node.step && node.step->id && !is_copy ? node.step->id->text : node.op.path;
}

Environment::Found Foresight::keep(Value value, size_t used) const {
  kept_.push_back(std::move(value));
  return {&kept_.back(), used};
}

tl::expected<Environment::Found, std::string> Foresight::find(std::span<const std::string> path) const {
  const std::string& root = path[0];
  if (root == "steps") return step(path);
  if (root == "inputs") {
    if (path.size() < 2) return keep(Value(inputs_), 1);
    const Value* value = member(inputs_, path[1]);
    if (!value) return keep(Value(), 2);  // an optional input that was not given
    return Found{value, 2};
  }
  if (root == "secrets") {
    if (path.size() < 2) return tl::unexpected(std::string("`secrets` is read by a secret's name"));
    return secret(path[1]);
  }
  if (root == "result") {
    if (!result_) return keep(Unknown{"known after the action"}, 1);
    if (path.size() < 2) return keep(Value(*result_), 1);
    const Value* value = member(*result_, path[1]);
    if (!value) return keep(Value(), 2);
    return Found{value, 2};
  }
  if (root == "error") return keep(Unknown{"known when something failed"}, 1);
  if (root == "run" && path.size() > 1) {
    if (path[1] == "dry_run") return keep(true, 2);
    if (path[1] == "started_by" && !person_.empty()) return keep(person_, 2);
    return keep(Unknown{std::string(in_the_run)}, 2);
  }
  if (root == "playbook" && path.size() > 1) {
    std::optional<Value> field = playbook_field(expansion_.graph().playbook_of(node_), path[1]);
    if (field) return keep(std::move(*field), 2);
  }
  if (std::optional<Found> found = item(root)) return *found;
  return tl::unexpected("nothing is called `" + root + "`");
}

std::optional<Environment::Found> Foresight::item(const std::string& name) const {
  for (const Node* item = &expansion_.at(node_.item); item->id.index != 0;) {
    const Node& loop = expansion_.at(item->parent);
    const bool asked = name == "index" || name == loop.step->fanout->name();
    if (asked && item->index == 0) return keep(Unknown{"known for each item"}, 1);
    if (asked && name == "index") return keep(item->index, 1);
    if (asked) {
      auto known = known_.find(loop.op.path);
      if (known != known_.end() && known->second.items)
        return Found{&known->second.items->at(static_cast<size_t>(item->index) - 1), 1};
    }
    item = &expansion_.at(loop.item);
  }
  return std::nullopt;
}

tl::expected<Environment::Found, std::string> Foresight::secret(const std::string& name) const {
  if (secrets_by_name_) return keep(Value(Secret(name, "")), 2);
  if (closed_)
    if (auto closed = closed_->find(secret_prefix_ + name); closed != closed_->end())
      return keep(Unknown{closed->second}, 2);
  if (!opened_) return tl::unexpected("no secret is called `" + name + "`");
  tl::expected<const Value*, std::string> found = opened_->find(secret_prefix_ + name);
  if (!found) return tl::unexpected(found.error());
  return Found{*found, 2};
}

tl::expected<bool, std::string> Foresight::has_secret(const std::string& name) const {
  if (!opened_) return Environment::has_secret(name);
  return opened_->has(secret_prefix_ + name);
}

tl::expected<Value, std::string> Foresight::call(const std::string& function, std::span<const Value> arguments) const {
  if (!scripts_) return Environment::call(function, arguments);
  return call_of_expression(*scripts_, function, arguments, now_);
}

tl::expected<Environment::Found, std::string> Foresight::step(std::span<const std::string> path) const {
  if (path.size() < 2)
    return tl::unexpected(std::string("`steps` is read by a step's id, as in `steps.restored.file`"));
  const Node* node = expansion_.graph().find_step(path[1], node_.scope);
  if (!node) return tl::unexpected("no step is called `" + path[1] + "`");
  node = &expansion_.as_seen_by(node_, *node);
  auto found = known_.find(node->op.path);
  if (found == known_.end()) return keep(Unknown{"known after " + path[1]}, 2);
  const Foreseen& known = found->second;
  if (!known.unknown.empty()) return keep(Unknown{known.unknown}, 2);
  if (path.size() < 3) {
    if (!known.result_unknown.empty()) return keep(Unknown{known.result_unknown}, 2);
    if (!known.result) return tl::unexpected(why_no_result(path[1], known));
    return keep(Value(*known.result), 2);
  }
  const std::string& field = path[2];
  if ((field == "state" || field == "error") && !known.state_unknown.empty())
    return keep(Unknown{known.state_unknown}, 3);
  if (field == "state") return keep(std::string(name_of(known.state)), 3);
  if (field == "error") return keep(known.error ? Value(*known.error) : Value(), 3);
  if (field == "attempts" || field == "started_at" || field == "ended_at" || field == "duration")
    return keep(Unknown{std::string(in_the_run)}, 3);
  if (!known.result_unknown.empty()) return keep(Unknown{known.result_unknown}, 2);
  if (!known.result) return tl::unexpected(why_no_result(path[1], known));
  const Value* value = member(*known.result, field);
  if (!value) return keep(Value(), 3);
  return Found{value, 3};
}

tl::expected<Value, Diagnostic> readable(const Template& text, const Environment& names, bool is_url) {
  if (text.is_constant()) return Value(text.constant_text());
  tl::expected<Value, Diagnostic> value = is_url ? evaluate_url(text, names) : evaluate(text, names);
  if (!value || !value->is<Unknown>() || text.whole()) return value;
  std::string out;
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      out += *plain;
      continue;
    }
    tl::expected<Evaluation, Diagnostic> part = evaluate(std::get<Expression>(piece), names);
    if (!part) return tl::unexpected(std::move(part.error()));
    out += to_text(part->value);
  }
  return Value(std::move(out));
}

}  // namespace muster
