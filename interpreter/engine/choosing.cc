// `choose`: whose turn it is, is decided once and recorded; the next option only where the author wants it and all that
// the failed one did is undone.
#include <algorithm>

#include "interpreter/engine/incomplete.h"
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

std::string id_of(const Node& option) { return option.op.path.substr(option.op.path.rfind('/') + 1); }

}  // namespace

const Node* Engine::Loop::chosen_option(const Node& node) {
  const OpRecord& op = record(node);
  if (op.chosen.empty()) return nullptr;
  for (NodeId id : node.body)
    if (id_of(expansion_.at(id)) == op.chosen.back()) return &expansion_.at(id);
  return nullptr;
}

Engine::Loop::Status Engine::Loop::advance_choice(const Node& node, Context context) {
  while (true) {
    const Node* option = chosen_option(node);
    if (!option) {
      if (context.stop || record(node).refuted || !choose_next(node, nullptr)) return Status::ended;
      continue;
    }
    if (!has_ended(*option)) {
      Status status = advance(*option, context);
      if (!has_ended(*option)) return status;
    }
    if (!may_fall_back(node, *option, context) || !choose_next(node, &record(*option))) return Status::ended;
  }
}

// A person who said no, or ended the run, did not ask for another way; and where something was not undone none is safe.
bool Engine::Loop::may_fall_back(const Node& node, const Node& option, Context context) {
  if (!node.step->choose->fallback || !counts_as_failed(record(option))) return false;
  if (context.stop || rejected_ || run_timed_out() || record(node).timed_out) return false;
  if (!context.ending && (history_.cancel || !history_.ends_by.empty())) return false;
  return failed_undos(history_, &option.op).empty();
}

bool Engine::Loop::cannot_choose(const Node& node, Map error) {
  error["step"] = node.op.path;
  if (!member(error, "effect")) error["effect"] = "none";
  add(EventKind::evaluated, node.op, 0, Map{{"refuted", true}, {"error", std::move(error)}});
  return false;
}

bool Engine::Loop::choose(const Node& node, const Node& option) {
  add(EventKind::evaluated, node.op, 0, Map{{"chosen", id_of(option)}});
  // Its `when` was asked by the choice, or did not count.
  if (option.step->when) add(EventKind::evaluated, option.op, 0, Map{{"when", true}});
  return true;
}

bool Engine::Loop::choose_next(const Node& node, const OpRecord* failed) {
  const Choose& choice = *node.step->choose;
  const std::vector<std::string> tried = record(node).chosen;
  std::string all;
  for (NodeId id : node.body) all += (all.empty() ? "`" : ", `") + id_of(expansion_.at(id)) + "`";
  if (choice.by && tried.empty()) {
    RunEnvironment names = environment(node, now());
    tl::expected<Evaluation, Diagnostic> said = evaluate(*choice.by, names);
    if (!said) return cannot_choose(node, expression_error(said.error()));
    const auto* name = said->value.find<std::string>();
    for (NodeId id : node.body)
      if (name && id_of(expansion_.at(id)) == *name) return choose(node, expansion_.at(id));
    Diagnostic wrong;
    wrong.code = "expression-failed";
    wrong.at = choice.by->at;
    wrong.message = "`" + choice.by->text + "` must name an option, and yields " +
                    (name ? "`" + *name + "`" : std::string(type_name(said->value)));
    wrong.help = "options are " + all;
    return cannot_choose(node, expression_error(wrong));
  }
  for (NodeId id : node.body) {
    const Node& option = expansion_.at(id);
    if (std::find(tried.begin(), tried.end(), id_of(option)) != tried.end()) continue;
    if (option.step->when) {
      RunEnvironment names = environment(option, now());
      names.set_no_error();
      if (failed && failed->error) names.set_error(&*failed->error);
      tl::expected<bool, Map> holds = ask(*option.step->when, names);
      if (!holds) return cannot_choose(node, holds.error());
      if (!*holds) continue;
    }
    return choose(node, option);
  }
  if (failed) return false;  // its failure stands
  return cannot_choose(node, Map{{"code", "failed"},
                                 {"message", "nothing could be chosen at `" + node.op.path + "`: the `when` of " + all +
                                                 (node.body.size() == 1 ? " is" : " are") + " false"}});
}

void Engine::Loop::pass_over_options(const Node& node) {
  if (history_.cancel) return;
  const Node* chosen = chosen_option(node);
  for (NodeId id : node.body) {
    const Node& option = expansion_.at(id);
    if (has_ended(option) || &option == chosen) continue;
    add(EventKind::skipped, option.op, 0,
        Map{{"state", "skipped"},
            {"reason", chosen ? "`" + id_of(*chosen) + "` was chosen" : std::string("nothing was chosen")}});
  }
}

}  // namespace muster
