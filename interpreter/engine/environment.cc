#include "interpreter/engine/environment.h"

#include "interpreter/base/lua_places.h"

namespace muster {
namespace {

std::string why_no_result(const std::string& id, const OpRecord* record, bool sensitive) {
  std::string start = "step `" + id + "` has no result: ";
  if (!record) return start + "it has not run";
  if (sensitive && record->outcome_ok)
    return start +
           "it is `sensitive`, and what was not stored was lost when the run was taken up again; "
           "`muster retry RUN --from STEP` reads it anew";
  switch (record->state) {
    case StepState::skipped:
      return start + "it was skipped";
    case StepState::not_reached:
      return start + "it was not reached";
    case StepState::failed:
      return start + "it failed (" + (record->error ? text_of(*record->error, "message") : "") + ")";
    default:
      return start + "it is " + std::string(name_of(record->state));
  }
}

}  // namespace

Environment::Found RunEnvironment::keep(Value value, size_t used) const {
  kept_.push_back(std::move(value));
  return {&kept_.back(), used};
}

tl::expected<Environment::Found, std::string> RunEnvironment::find(std::span<const std::string> path) const {
  const std::string& root = path[0];
  if (root == "steps") return step(path);
  if (root == "inputs") {
    if (!inputs_) return tl::unexpected("the inputs of the called playbook are not known: " + inputs_unknown_);
    if (path.size() < 2) return keep(Value(*inputs_), 1);
    const Value* value = member(*inputs_, path[1]);
    if (!value) return keep(Value(), 2);  // an optional input that was not given
    return Found{value, 2};
  }
  if (root == "secrets") {
    if (path.size() < 2 || !secrets_) return tl::unexpected(std::string("`secrets` is read by a secret's name"));
    if (secrets_by_name_) return keep(Value(Secret(path[1], "")), 2);
    tl::expected<const Value*, std::string> secret = secrets_->find(secret_prefix_ + path[1]);
    if (!secret) return tl::unexpected(secret.error());
    return Found{*secret, 2};
  }
  if (root == "result" || root == "error") {
    const Map* map = root == "result" ? result_ : error_;
    if (!map && root == "error" && may_lack_error_) return keep(Value(), path.size());
    if (!map) return tl::unexpected("`" + root + "` has no value here");
    if (path.size() < 2) return keep(Value(*map), 1);
    const Value* value = member(*map, path[1]);
    if (!value) return keep(Value(), 2);
    return Found{value, 2};
  }
  if (root == "run") {
    if (path.size() < 2) return tl::unexpected(std::string("`run` is read by its fields, as in `run.status`"));
    const std::string& field = path[1];
    if (field == "id") return keep(facts_.id, 2);
    if (field == "status") return keep(facts_.status, 2);
    if (field == "reason") return keep(facts_.reason, 2);
    if (field == "started_by") return keep(facts_.started_by, 2);
    if (field == "started_at") return keep(facts_.started_at, 2);
    if (field == "dry_run") return keep(false, 2);
    return tl::unexpected("`run` has no field `" + field + "`");
  }
  if (root == "playbook") {
    if (path.size() < 2)
      return tl::unexpected(std::string("`playbook` is read by its fields, as in `playbook.version`"));
    std::optional<Value> field = playbook_field(expansion_.graph().playbook_of(node_), path[1]);
    if (field) return keep(std::move(*field), 2);
    return tl::unexpected("`playbook` has no field `" + path[1] + "`");
  }
  if (std::optional<Found> found = item(root)) return *found;
  return tl::unexpected("nothing is called `" + root + "`");
}

std::optional<Environment::Found> RunEnvironment::item(const std::string& name) const {
  for (const Node* item = &expansion_.at(node_.item); item->id.index != 0;) {
    const Node& loop = expansion_.at(item->parent);
    if (name == "index" && item->index > 0) return keep(item->index, 1);
    const OpRecord* record = history_.find(loop.op);
    if (name == loop.step->fanout->name() && record && record->items && item->index > 0)
      return Found{&record->items->at(static_cast<size_t>(item->index) - 1), 1};
    item = &expansion_.at(loop.item);
  }
  return std::nullopt;
}

tl::expected<bool, std::string> RunEnvironment::has_secret(const std::string& name) const {
  if (!secrets_) return Environment::has_secret(name);
  return secrets_->has(secret_prefix_ + name);
}

tl::expected<Value, std::string> RunEnvironment::call(const std::string& function,
                                                      std::span<const Value> arguments) const {
  if (!scripts_) return Environment::call(function, arguments);
  return call_of_expression(*scripts_, function, arguments, now_);
}

tl::expected<const TimeZone*, std::string> RunEnvironment::zone(const std::string& name) const {
  if (!zones_) return nullptr;
  return zones_->find(*files_, name);
}

const Map* RunEnvironment::result_of(const Node& node, const OpRecord* record) const {
  if (record && record->result) return &*record->result;
  if (own_result_ && node.op == node_.op) return own_result_;
  if (!unstored_) return nullptr;
  auto found = unstored_->find(node.op.path);
  return found == unstored_->end() ? nullptr : &found->second;
}

tl::expected<Environment::Found, std::string> RunEnvironment::step(std::span<const std::string> path) const {
  if (path.size() < 2)
    return tl::unexpected(std::string("`steps` is read by a step's id, as in `steps.restored.file`"));
  const Node* node = expansion_.graph().find_step(path[1], node_.scope);
  if (!node) return tl::unexpected("no step is called `" + path[1] + "`");
  node = &expansion_.as_seen_by(node_, *node);
  const OpRecord* record = history_.find(node->op);
  const Map* result = result_of(*node, record);
  const bool sensitive = node->step && node->step->sensitive.value_or(false);
  if (path.size() < 3) {
    if (!result) return tl::unexpected(why_no_result(path[1], record, sensitive));
    Map whole = *result;
    if (record && record->items) whole["items"] = items_of(history_, *record);
    return keep(Value(std::move(whole)), 2);
  }
  const std::string& field = path[2];
  if (field == "state") return keep(std::string(name_of(record ? record->state : StepState::pending)), 3);
  if (field == "attempts") return keep(record ? record->attempt : 0, 3);
  if (field == "error") return keep(record && record->error ? Value(*record->error) : Value(), 3);
  if (field == "started_at") return keep(record && record->started_at ? Value(*record->started_at) : Value(), 3);
  if (field == "ended_at") return keep(record && record->ended_at ? Value(*record->ended_at) : Value(), 3);
  if (field == "duration") {
    if (!record || !record->started_at || !record->ended_at) return keep(Value(), 3);
    return keep(*record->ended_at - *record->started_at, 3);
  }
  if (!result) return tl::unexpected(why_no_result(path[1], record, sensitive));
  if (record && record->items && field == "items") return keep(Value(items_of(history_, *record)), 3);
  const Value* value = member(*result, field);
  if (!value) return keep(Value(), 3);
  return Found{value, 3};
}

std::optional<Value> playbook_field(const Playbook& playbook, std::string_view field) {
  if (field == "name") return Value(playbook.playbook ? playbook.playbook->text : std::string());
  if (field == "version") return Value(playbook.version.value_or(""));
  if (field == "title") return Value(playbook.title.value_or(""));
  if (field == "owner") return Value(playbook.owner.value_or(""));
  return std::nullopt;
}

tl::expected<Value, std::string> call_of_expression(const Scripts& scripts, const std::string& function,
                                                    std::span<const Value> arguments, Timestamp now) {
  Result<Value> answer = scripts.call(function, arguments, ScriptContext{now, {}, {}});
  if (answer) return std::move(*answer);
  const std::string places = lua_places(answer.error().message, answer.error().cause);
  return tl::unexpected(answer.error().message + (places.empty() ? "" : " (" + places + ")"));
}

}  // namespace muster
