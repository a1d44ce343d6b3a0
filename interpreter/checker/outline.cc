#include "interpreter/checker/outline.h"

#include <algorithm>
#include <unordered_set>

namespace muster {

Outline::Outline(const Playbook& playbook) {
  uint32_t root = add({});
  uint32_t list = static_cast<uint32_t>(lists_.size());
  lists_.emplace_back();
  for (const Phase& phase : playbook.phases) {
    OutlineNode node;
    node.phase = &phase;
    node.parent = root;
    node.list_index = list;
    node.place = static_cast<uint32_t>(lists_[list].size());
    if (playbook.parallel) node.chain = node.place;
    uint32_t index = add(std::move(node));  // phases are barriers: one chain
    lists_[list].push_back(index);
    add_group(index, phase.group);
    if (phase.rollback) add_steps(index, phase.rollback->steps, ListOf::rollback, false);
    nodes_[index].last = static_cast<uint32_t>(nodes_.size() - 1);
  }
  add_steps(root, playbook.rescue, ListOf::rescue, false);
  if (playbook.rollback) add_steps(root, playbook.rollback->steps, ListOf::rollback, false);
  add_steps(root, playbook.always, ListOf::always, false);
  nodes_[root].last = static_cast<uint32_t>(nodes_.size() - 1);
  resolve_needs();
}

uint32_t Outline::add(OutlineNode node) {
  uint32_t index = static_cast<uint32_t>(nodes_.size());
  if (node.step) {
    by_address_.emplace(node.step, index);
    if (node.step->id) by_id_.emplace(node.step->id->text, index);
  }
  if (node.phase) by_address_.emplace(node.phase, index);
  node.last = index;
  nodes_.push_back(std::move(node));
  return index;
}

void Outline::add_group(uint32_t node, const Group& group) {
  add_steps(node, group.steps, ListOf::body, group.parallel);
  add_steps(node, group.rescue, ListOf::rescue, false);
  add_steps(node, group.always, ListOf::always, false);
}

void Outline::add_steps(uint32_t parent, const std::vector<Step>& steps, ListOf list, bool parallel) {
  uint32_t list_index = static_cast<uint32_t>(lists_.size());
  lists_.emplace_back();
  for (const Step& step : steps) {
    OutlineNode node;
    node.step = &step;
    node.parent = parent;
    node.list = list;
    node.list_index = list_index;
    node.place = static_cast<uint32_t>(lists_[list_index].size());
    bool waits_for_the_one_before = node.place > 0 && !parallel && !step.needs;
    node.chain = waits_for_the_one_before ? nodes_[lists_[list_index].back()].chain : node.place;
    uint32_t index = add(std::move(node));
    lists_[list_index].push_back(index);
    if (step.group) add_group(index, *step.group);
    if (step.choose) add_options(index, *step.choose);
    add_steps(index, step.rescue, ListOf::rescue, false);
    if (step.retry) add_steps(index, step.retry->before, ListOf::before, false);
    if (step.rollback) add_steps(index, step.rollback->steps, ListOf::rollback, false);
    nodes_[index].last = static_cast<uint32_t>(nodes_.size() - 1);
  }
}

// Options do not wait for each other: one of them runs, or one after another has failed.
void Outline::add_options(uint32_t parent, const Choose& choose) {
  uint32_t list_index = static_cast<uint32_t>(lists_.size());
  lists_.emplace_back();
  for (const Option& option : choose.options) {
    OutlineNode node;
    node.step = &option.step;
    node.parent = parent;
    node.list_index = list_index;
    node.place = node.chain = static_cast<uint32_t>(lists_[list_index].size());
    uint32_t index = add(std::move(node));
    lists_[list_index].push_back(index);
    if (option.step.group) add_group(index, *option.step.group);
    if (option.step.rollback) add_steps(index, option.step.rollback->steps, ListOf::rollback, false);
    nodes_[index].last = static_cast<uint32_t>(nodes_.size() - 1);
  }
}

void Outline::resolve_needs() {
  for (OutlineNode& node : nodes_) {
    if (!node.step) continue;
    if (node.step->needs)
      for (const Name& name : *node.step->needs)
        if (auto target = find_step(name.text)) node.needs.push_back(*target);
    if (node.place == 0) continue;
    // Who waits for the one above, by default or in so many words, goes on with its chain. (Nodes come in file order.)
    uint32_t above = lists_[node.list_index][node.place - 1];
    bool by_default = !node.step->needs && node.chain != node.place;
    bool in_words = node.needs.size() == 1 && node.needs[0] == above;
    if (by_default || in_words) node.chain = nodes_[above].chain;
  }
}

std::optional<uint32_t> Outline::find_step(std::string_view id) const {
  auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return found->second;
}

std::vector<std::string_view> Outline::step_ids() const {
  std::vector<std::string_view> ids;
  for (const OutlineNode& node : nodes_)
    if (node.step && node.step->id) ids.push_back(node.step->id->text);
  return ids;
}

std::optional<uint32_t> Outline::place_in(uint32_t list_index, uint32_t parent, uint32_t node) const {
  if (!is_inside(node, parent) || node == parent) return std::nullopt;
  while (nodes_[node].parent != parent) node = nodes_[node].parent;
  if (nodes_[node].list_index != list_index) return std::nullopt;
  return nodes_[node].place;
}

bool Outline::ends_before(uint32_t earlier, uint32_t later) const {
  std::vector<uint32_t> open{later};
  std::unordered_set<uint32_t> seen{later};
  auto visit = [&](uint32_t node) {
    if (seen.insert(node).second) open.push_back(node);
  };
  while (!open.empty()) {
    const uint32_t at = open.back();
    open.pop_back();
    if (at == 0) continue;
    const OutlineNode& node = nodes_[at];
    if (auto place = place_in(node.list_index, node.parent, earlier);
        place && *place >= node.chain && *place < node.place)
      return true;
    const OutlineNode& first = nodes_[lists_[node.list_index][node.chain]];
    for (uint32_t need : first.needs) {
      if (is_inside(earlier, need)) return true;
      visit(need);
    }
    // Lists of a group run one after the other; a step's rollback runs after the step.
    if (node.list != ListOf::body && is_inside(earlier, node.parent)) {
      if (earlier == node.parent) return node.list == ListOf::rollback;
      uint32_t child = earlier;
      while (nodes_[child].parent != node.parent) child = nodes_[child].parent;
      if (nodes_[child].list < node.list) return true;
    }
    visit(node.parent);
  }
  return false;
}

// Waiting as a graph of starts and ends: a start waits for the start of its group and for the ends of what it needs; an
// end waits for its own start and for the ends of the body.
std::vector<uint32_t> Outline::cycle() const {
  const uint32_t count = static_cast<uint32_t>(nodes_.size());
  // Who only waits for what stands above waits in no circle, and that is how nearly all playbooks are written.
  bool looks_ahead = false;
  for (uint32_t i = 0; i < count && !looks_ahead; ++i)
    looks_ahead = std::any_of(nodes_[i].needs.begin(), nodes_[i].needs.end(),
                              [&](uint32_t need) { return need >= i || is_inside(i, need); });
  if (!looks_ahead) return {};
  enum : uint8_t { fresh, open, done };
  std::vector<uint8_t> state(count * 2, fresh);
  struct Frame {
    uint32_t vertex;  // node * 2: its start; + 1: its end
    std::vector<uint32_t> waits_for;
    size_t next = 0;
  };
  std::vector<std::vector<uint32_t>> bodies(count);
  for (uint32_t i = 1; i < count; ++i)
    if (nodes_[i].list == ListOf::body) bodies[nodes_[i].parent].push_back(i);
  auto waits = [&](uint32_t vertex) {
    uint32_t at = vertex / 2;
    const OutlineNode& node = nodes_[at];
    std::vector<uint32_t> list;
    if (vertex % 2 == 1) {
      list.push_back(vertex - 1);
      for (uint32_t child : bodies[at]) list.push_back(child * 2 + 1);
      return list;
    }
    if (at != 0) list.push_back(nodes_[at].list == ListOf::rollback ? node.parent * 2 + 1 : node.parent * 2);
    if (node.place > 0 && node.chain != node.place && (!node.step || !node.step->needs))
      list.push_back(lists_[node.list_index][node.place - 1] * 2 + 1);
    for (uint32_t need : node.needs) list.push_back(need * 2 + 1);
    return list;
  };
  for (uint32_t root = 0; root < count * 2; ++root) {
    if (state[root] != fresh) continue;
    std::vector<Frame> stack;
    stack.push_back({root, waits(root)});
    state[root] = open;
    while (!stack.empty()) {
      Frame& top = stack.back();
      if (top.next == top.waits_for.size()) {
        state[top.vertex] = done;
        stack.pop_back();
        continue;
      }
      uint32_t next = top.waits_for[top.next++];
      if (state[next] == done) continue;
      if (state[next] == fresh) {
        state[next] = open;
        stack.push_back({next, waits(next)});
        continue;
      }
      std::vector<uint32_t> path;
      auto from = std::find_if(stack.begin(), stack.end(), [&](const Frame& f) { return f.vertex == next; });
      for (auto it = from; it != stack.end(); ++it)
        if (uint32_t node = it->vertex / 2; path.empty() || path.back() != node) path.push_back(node);
      if (path.size() > 1 && path.front() == path.back()) path.pop_back();
      return path;
    }
  }
  return {};
}

}  // namespace muster
