#include "interpreter/graph/expansion.h"

#include <cassert>
#include <charconv>

namespace muster {

void Expansion::expand(const Node& loop, size_t count) { items_[loop.id.index].resize(count); }

size_t Expansion::count(const Node& loop) const {
  auto it = items_.find(loop.id.index);
  return it == items_.end() ? 0 : it->second.size();
}

const Node& Expansion::item(const Node& loop, size_t index) {
  assert(index >= 1 && index <= count(loop));
  uint32_t& made = items_[loop.id.index][index - 1];
  if (made != 0) return at({made});
  const Node& pattern = at(loop.body.front());
  const uint32_t first = pattern.id.index, last = pattern.end;
  const uint32_t moved = static_cast<uint32_t>(size()) - first;
  const std::string name = op_of_item(loop, index).path;
  auto move = [&](NodeId& id) {
    if (id.index >= first && id.index < last) id.index += moved;
  };
  for (uint32_t i = first; i < last; ++i) {
    Node copy = at({i});
    copy.op.path.replace(0, pattern.op.path.size(), name);
    copy.end += moved;
    if (i == first) copy.index = static_cast<int64_t>(index);
    move(copy.id);
    move(copy.parent);
    move(copy.item);
    for (std::vector<NodeId>* list : {&copy.needs, &copy.body, &copy.rescue, &copy.rollback, &copy.always})
      for (NodeId& id : *list) move(id);
    for (std::vector<NodeId>& list : copy.before)
      for (NodeId& id : list) move(id);
    copies_.push_back(std::move(copy));
  }
  made = first + moved;
  return at({made});
}

const Node* Expansion::find(const OpId& op) {
  const std::string& path = op.path;
  size_t close = path.rfind(']');
  if (close == std::string::npos) return graph_->find(op);
  size_t open = path.rfind('[', close);
  if (open == std::string::npos) return nullptr;
  const Node* loop = find(OpId{path.substr(0, open)});
  size_t index = 0;
  auto [stop, error] = std::from_chars(path.data() + open + 1, path.data() + close, index);
  bool is_there = loop && loop->kind == NodeKind::foreach && error == std::errc{} && stop == path.data() + close;
  if (!is_there || index < 1 || index > count(*loop)) return nullptr;
  const Node& item = this->item(*loop, index);
  if (close + 1 == path.size()) return &item;
  const Node& pattern = graph_->at(item.origin);
  const Node* within = graph_->find(OpId{pattern.op.path + path.substr(close + 1)});
  return within ? &at({item.id.index + (within->id.index - pattern.id.index)}) : nullptr;
}

std::vector<NodeId> Expansion::body_of(const Node& group) {
  if (group.kind != NodeKind::foreach) return group.body;
  std::vector<NodeId> items;
  for (size_t i = 1; i <= count(group); ++i) items.push_back(item(group, i).id);
  return items;
}

const Node& Expansion::as_seen_by(const Node& reader, const Node& of_playbook) const {
  const Node& target = graph_->as_seen_by(graph_->at(reader.origin), of_playbook);
  const Node* item = &at(reader.item);
  while (item->id.index != 0) {
    const Node& loop = at(item->parent);
    const Node& pattern = graph_->at(item->origin);
    if (target.id.index >= pattern.id.index && target.id.index < pattern.end)
      return at({item->id.index + (target.id.index - pattern.id.index)});
    if (target.id == loop.origin) return *item;
    item = &at(loop.item);
  }
  return target;
}

void Expansion::append(uint32_t begin, uint32_t end, std::vector<const Node*>& out) {
  for (uint32_t i = begin; i < end;) {
    const Node& node = at({i});
    out.push_back(&node);
    ++i;
    if (node.kind != NodeKind::foreach) continue;
    for (NodeId id : body_of(node)) append(id.index, at(id).end, out);
    i = node.end;
  }
}

std::vector<const Node*> Expansion::in_order() {
  std::vector<const Node*> out;
  append(0, root().end, out);
  return out;
}

}  // namespace muster
