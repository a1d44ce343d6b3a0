// `foreach`: a step once per item of its list, some at a time; what the items add up to.
//
// The list is evaluated once and stands in the journal before the first item begins. An item is a node of its own, with
// its own events; here only so many are begun as may run, and those that have ended are counted.
#include <algorithm>
#include <cmath>

#include "interpreter/checker/checker.h"
#include "interpreter/checker/references.h"
#include "interpreter/engine/incomplete.h"
#include "interpreter/engine/loop.h"
#include "interpreter/language/failure_limit.h"

namespace muster {
namespace {

bool went_well(StepState state) {
  return state == StepState::succeeded || state == StepState::already_done || state == StepState::recovered;
}

bool may_have_had_effect(const OpRecord& op) {
  return op.state == StepState::failed && op.attempt > 0 && op.certainty != "none";
}

Diagnostic wrong_value(Span at, std::string message) {
  Diagnostic wrong;
  wrong.code = "expression-failed";
  wrong.at = at;
  wrong.message = std::move(message);
  return wrong;
}

}  // namespace

const Value* Engine::Loop::item_of(const Node& node) {
  const Node& item = expansion_.at(node.item);
  if (item.index == 0) return nullptr;
  const OpRecord& loop = record(expansion_.at(item.parent));
  return loop.items ? &loop.items->at(static_cast<size_t>(item.index) - 1) : nullptr;
}

tl::expected<List, Map> Engine::Loop::list_of(const Node& loop) {
  const ItemList& written = *loop.step->fanout->foreach;
  const Node* gate = gate_above(loop);
  RunEnvironment names = environment(loop, gate ? record(*gate).gate.opened_at : now());
  if (const auto* expression = std::get_if<Expression>(&written.list)) {
    tl::expected<Evaluation, Diagnostic> answer = evaluate(*expression, names);
    if (!answer) return tl::unexpected(expression_error(answer.error()));
    if (List* list = answer->value.find<List>()) return std::move(*list);
    return tl::unexpected(expression_error(wrong_value(
        expression->at, "`foreach` runs over a list, and `" + expression->text + "` yields " +
                            (answer->value.is_null() ? "nil" : "a " + std::string(type_name(answer->value))))));
  }
  List list;
  for (const Argument& item : std::get<std::vector<Argument>>(written.list)) {
    tl::expected<Value, Diagnostic> value = type_any(item, argument_values(loop, names));
    if (!value) return tl::unexpected(expression_error(value.error()));
    list.push_back(std::move(*value));
  }
  return list;
}

tl::expected<int64_t, Map> Engine::Loop::failures_allowed(const Node& loop, size_t count) {
  const std::optional<FailureLimit>& limit = loop.step->fanout->max_failures;
  if (!limit) return 0;
  std::optional<int64_t> number = limit->count;
  std::optional<double> share = limit->percent;
  if (!number && !share) {
    RunEnvironment names = environment(loop, now());
    tl::expected<Value, Map> value = value_of(limit->text, names);
    if (!value) return tl::unexpected(value.error());
    if (!value->is_null() && !parse_failure_limit(to_text(*value), number, share))
      return tl::unexpected(expression_error(
          wrong_value(limit->text.at,
                      "`max_failures` is a whole number or a percentage, and this yields `" + to_text(*value) + "`")));
  }
  if (share) number = static_cast<int64_t>(std::floor(*share * static_cast<double>(count) / 100.0));
  return number.value_or(0);
}

tl::expected<int64_t, Map> Engine::Loop::items_at_once(const Node& loop) {
  const Fanout& fanout = *loop.step->fanout;
  if (fanout.first_success || !fanout.max_parallel) return 1;
  if (fanout.max_parallel->known) return *fanout.max_parallel->known;
  RunEnvironment names = environment(loop, now());
  tl::expected<Value, Map> value = value_of(fanout.max_parallel->text, names);
  if (!value) return tl::unexpected(value.error());
  if (value->is_null()) return 1;
  if (const auto* number = value->find<int64_t>(); number && *number >= 1) return *number;
  return tl::unexpected(expression_error(
      wrong_value(fanout.max_parallel->text.at,
                  "`max_parallel` is a whole number from 1, and this yields `" + to_text(*value) + "`")));
}

std::optional<Map> Engine::Loop::record_list(const Node& loop) {
  if (record(loop).items) return std::nullopt;
  tl::expected<List, Map> list = list_of(loop);
  if (!list) return list.error();
  tl::expected<int64_t, Map> allowed = failures_allowed(loop, list->size());
  if (!allowed) return allowed.error();
  tl::expected<int64_t, Map> at_once = items_at_once(loop);
  if (!at_once) return at_once.error();
  size_t count = list->size();
  add(EventKind::evaluated, loop.op, 0,
      Map{{"foreach", std::move(*list)}, {"max_failures", *allowed}, {"max_parallel", *at_once}});
  expansion_.expand(loop, count);
  return std::nullopt;
}

// Whether an item that failed is still to be put back, before the next one is tried.
bool Engine::Loop::waits_for_undo(const Node& loop, const Node& item) {
  if (!loop.step->fanout->first_success || item.is_group() || !item.undoes()) return false;
  const OpRecord& op = record(item);
  if (op.rolled_back || !may_have_had_effect(op) || history_.ends_by == "stop") return false;
  if (!history_.cancel || history_.cancel->rollback) return true;
  // Who cancels leaves it as it is, but what was begun is seen to its end.
  const OpRecord* automatic = history_.find(item.op.rollback().child("auto"));
  return (automatic && automatic->attempt > 0) ||
         std::any_of(item.rollback.begin(), item.rollback.end(), [&](NodeId id) {
           const OpRecord* step = history_.find(expansion_.at(id).op);
           return step && (step->state != StepState::pending || step->attempt > 0 || step->entered);
         });
}

LoopRun& Engine::Loop::loop_run(const Node& loop) {
  auto [it, is_new] = loops_.try_emplace(loop.id.index);
  LoopRun& at = it->second;
  if (!is_new) return at;
  size_t begun = 0;
  for (size_t i = 1; i <= expansion_.count(loop); ++i)
    if (history_.find(Expansion::op_of_item(loop, i))) begun = i;
  for (size_t i = 1; i <= begun; ++i) {
    const Node& item = expansion_.item(loop, i);
    if (has_ended(item) && !waits_for_undo(loop, item)) {
      count_item(item, at);
    } else {
      at.open.push_back(item.id);
    }
  }
  at.next = begun + 1;
  return at;
}

void Engine::Loop::count_item(const Node& item, LoopRun& at) {
  const OpRecord& op = record(item);
  if (went_well(op.state)) {
    ++at.succeeded;
  } else if (op.state == StepState::skipped) {
    ++at.skipped;
  } else {
    ++at.failed;
    if (counts_as_failed(op)) ++at.failures;
    // Where the next item would begin on what this one left behind, a group's own rollback included, none is tried.
    const bool one_by_one = expansion_.at(item.parent).step->fanout->first_success;
    const bool left_behind = one_by_one && counts_as_failed(op) && !failed_undos(history_, &item.op).empty();
    at.cut_short =
        at.cut_short || op.state == StepState::cancelled || op.state == StepState::not_reached || left_behind;
  }
}

bool Engine::Loop::may_begin_next(const Node& loop, const LoopRun& at) {
  if (at.next > expansion_.count(loop) || at.cut_short) return false;
  if (loop.step->fanout->first_success) return at.succeeded == 0;
  return at.failures <= record(loop).max_failures;
}

bool Engine::Loop::loop_is_over(const Node& loop) {
  const LoopRun& at = loop_run(loop);
  if (!at.open.empty()) return false;
  return at.next > expansion_.count(loop) || (loop.step->fanout->first_success && at.succeeded > 0);
}

bool Engine::Loop::loop_failed(const Node& loop) {
  if (!record(loop).items) return false;
  const LoopRun& at = loop_run(loop);
  if (at.cut_short) return true;
  // A failure that comes from how the run ends is none that `max_failures` is about.
  if (at.failures > 0 && (rejected_ || history_.cancel || !history_.ends_by.empty())) return true;
  if (loop.step->fanout->first_success) return loop_is_over(loop) && at.succeeded == 0;
  return at.failures > record(loop).max_failures;
}

std::vector<NodeId> Engine::Loop::begun_of(const Node& group) {
  if (group.kind != NodeKind::foreach) return group.body;
  std::vector<NodeId> items;
  if (!record(group).items) return items;
  const size_t next = loop_run(group).next;
  for (size_t i = 1; i < next; ++i) items.push_back(expansion_.item(group, i).id);
  return items;
}

Engine::Loop::Status Engine::Loop::advance_items(const Node& loop, Context context) {
  LoopRun& at = loop_run(loop);
  const size_t at_once = static_cast<size_t>(record(loop).max_parallel);
  bool active = false;
  bool blocked = false;
  for (size_t i = 0;;) {
    const bool stop = context.stop || loop_failed(loop);
    if (i == at.open.size()) {
      if (stop || at.open.size() >= at_once || !may_begin_next(loop, at)) break;
      at.open.push_back(expansion_.item(loop, at.next++).id);
    }
    const Node& item = expansion_.at(at.open[i]);
    Status status = has_ended(item) ? Status::ended : advance(item, Context{stop, context.ending});
    if (has_ended(item)) {
      status = waits_for_undo(loop, item) ? undo(item) : Status::ended;
      if (status == Status::ended) {
        count_item(item, at);
        at.open.erase(at.open.begin() + static_cast<std::ptrdiff_t>(i));
        continue;
      }
    }
    active = active || status == Status::active;
    blocked = blocked || status == Status::blocked;
    ++i;
  }
  if (active) return Status::active;
  return blocked ? Status::blocked : Status::ended;
}

Map Engine::Loop::result_of_loop(const Node& loop) {
  const int64_t count = static_cast<int64_t>(expansion_.count(loop));
  const LoopRun& at = loop_run(loop);
  return Map{{"count", count}, {"succeeded", at.succeeded}, {"failed", at.failed}, {"skipped", at.skipped}};
}

// Of the item that failed first, or last where each was to make up for the one before.
Map Engine::Loop::error_of_loop(const Node& loop) {
  const bool first_success = loop.step->fanout->first_success;
  const OpRecord* told = nullptr;
  int64_t failed = 0;
  for (NodeId id : begun_of(loop)) {
    const OpRecord& op = record(expansion_.at(id));
    if (!counts_as_failed(op) || !op.error) continue;
    ++failed;
    if (!told || (first_success ? op.ended_seq > told->ended_seq : op.ended_seq < told->ended_seq)) told = &op;
  }
  const std::string count = std::to_string(expansion_.count(loop));
  if (!told)
    return Map{{"code", "failed"},
               {"message", first_success ? "none of the " + count + " items of `" + loop.op.path + "` succeeded"
                                         : "not all items of `" + loop.op.path + "` ran"},
               {"effect", first_success ? "none" : "maybe"},
               {"step", loop.op.path}};
  Map error = *told->error;
  const std::string message = "`" + told->op.path + "`: " + text_of(error, "message");
  if (first_success) {
    error["message"] = "none of the " + count + " items succeeded; the last, " + message;
  } else if (failed > 1) {
    error["message"] = std::to_string(failed) + " of " + count + " items failed; the first, " + message;
  } else {
    error["message"] = message;
  }
  return error;
}

void Engine::Loop::collect_behind(const Node& node, Place place, const Node* of, std::vector<Behind>& out) {
  if (node.kind == NodeKind::action) out.push_back({&node, place, of});
  const bool unlisted = node.kind == NodeKind::foreach && !expansion_.is_expanded(node);
  for (NodeId id : unlisted ? node.body : expansion_.body_of(node)) collect_behind(expansion_.at(id), place, of, out);
  auto follow = [&](const std::vector<NodeId>& steps, Place how) {
    for (NodeId id : steps) collect_behind(expansion_.at(id), how, &node, out);
  };
  if (!node.before.empty()) follow(node.before.front(), Place::before);  // the same before each further attempt
  follow(node.rescue, Place::rescue);
  follow(node.rollback, Place::rollback);
  follow(node.always, Place::always);
}

const Node* Engine::Loop::loop_without_list(const Node& node) {
  const Node* found = nullptr;
  for (const Node* item = &expansion_.at(node.item); item->id.index != 0;) {
    const Node& loop = expansion_.at(item->parent);
    if (item->index == 0) found = &loop;
    item = &expansion_.at(loop.item);
  }
  return found;
}

std::string Engine::Loop::guarded_read(const Node& gate, const Node& loop) {
  const Node& behind = parts_.graph->at(gate.origin);
  std::vector<const Expression*> read;
  const ItemList& items = *loop.step->fanout->foreach;
  if (const auto* expression = std::get_if<Expression>(&items.list)) {
    read.push_back(expression);
  } else {
    for (const Argument& item : std::get<std::vector<Argument>>(items.list)) collect_expressions(item, read);
  }
  for (const Expression* expression : read) {
    for (const Read& name : expression->reads) {
      if (name.path.size() < 2 || name.path[0] != "steps") continue;
      const Node* step = parts_.graph->find_step(name.path[1], loop.scope);
      if (step && step->id.index >= behind.id.index && step->id.index < behind.end) return name.path[1];
    }
  }
  return {};
}

void Engine::Loop::record_lists_beneath(const Node& node, const Node& gate) {
  if (node.kind == NodeKind::foreach && !expansion_.is_expanded(node)) {
    // A list that cannot be made yet is told so at the gate, and asked again when its turn comes.
    if (!guarded_read(gate, node).empty() || record_list(node)) return;
  }
  for (NodeId id : expansion_.body_of(node)) record_lists_beneath(expansion_.at(id), gate);
}

}  // namespace muster
