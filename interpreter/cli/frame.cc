#include "interpreter/cli/frame.h"

#include <algorithm>
#include <set>

#include "interpreter/base/utf8.h"
#include "interpreter/cli/terminal.h"
#include "interpreter/cli/under_way.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

constexpr size_t widest_name = 24;
constexpr size_t few = 20;  // items that are all shown

struct Row {
  size_t depth = 0;
  const char* mark = "○";
  const char* colour = "2";
  std::string name, title, right;
  bool is_phase = false, is_phase_over = false, is_live = false;
  size_t phase = 0;  // the row of its phase
};

void mark(Row& row, const OpRecord* op, bool is_running) {
  if (is_running) {
    row.mark = "●", row.colour = "36";
    return;
  }
  if (!op) return;
  if (op->gate.state == GateState::open) {
    row.mark = "●", row.colour = "33";
    return;
  }
  switch (op->state) {
    case StepState::succeeded:
    case StepState::already_done:
    case StepState::recovered:
      row.mark = "✓", row.colour = "32";
      break;
    case StepState::failed:
      row.mark = "✗", row.colour = "31";
      break;
    case StepState::rolled_back:
      row.mark = "↶", row.colour = "33";
      break;
    case StepState::in_doubt:
      row.mark = "?", row.colour = "33";
      break;
    case StepState::running:
    case StepState::waiting:
      row.mark = "●", row.colour = "36";
      break;
    case StepState::skipped:
    case StepState::cancelled:
    case StepState::not_reached:
      row.mark = "-";
      break;
    case StepState::pending:
      break;
  }
}

std::string claims_of(const OpRecord& op) {
  const Value* value = op.verified ? member(*op.verified, "claims") : nullptr;
  const List* claims = value ? value->find<List>() : nullptr;
  if (!claims || claims->empty()) return {};
  size_t held = 0;
  for (const Value& claim : *claims) {
    const Value* holds = member(claim, "held");
    if (holds && holds->is<bool>() && holds->get<bool>()) ++held;
  }
  return std::to_string(held) + " of " + std::to_string(claims->size()) +
         (claims->size() == 1 ? " claim holds" : " claims hold");
}

std::string right_of(const Node& node, const OpRecord* op, const std::string& so_far) {
  if (!so_far.empty()) return so_far;
  if (!op) return {};
  if (op->gate.state == GateState::open) return "waiting at its gate";
  if (op->asked) return "waiting for a person";
  if (op->due_at) return (node.kind == NodeKind::wait ? "until " : "tries again at ") + clock_of(*op->due_at);
  if (op->state == StepState::pending || op->state == StepState::running || op->state == StepState::waiting) return {};
  std::string took = op->started_at && op->ended_at ? spent(*op->ended_at - *op->started_at) : "";
  std::string state(name_of(op->state));
  if (op->state == StepState::in_doubt) return "in doubt";
  if (op->state == StepState::skipped || op->state == StepState::cancelled || op->state == StepState::not_reached)
    return state;
  std::string out = claims_of(*op);
  if (op->state != StepState::succeeded) out += (out.empty() ? "" : ", ") + state;
  return out + (out.empty() || took.empty() ? "" : ", ") + took;
}

std::string last_name(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

class Rows {
 public:
  Rows(const StepGraph& graph, const RunHistory& history, const FrameStyle& style)
      : graph_(graph, history.in_order()), history_(history), style_(style) {
    for (const OpId& op : under_way(graph, history)) running_.insert(op.path);
    for (NodeId id : graph.root().body) add(graph.at(id), 0);
    for (NodeId id : graph.root().always)
      if (const OpRecord* op = history.find(graph.at(id).op); op && op->state != StepState::pending)
        add(graph.at(id), 0);
  }
  std::vector<Row> rows;

 private:
  void add(const Node& node, size_t depth) {
    const OpRecord* op = history_.find(node.op);
    bool is_running = running_.count(node.op.path) > 0;
    Row row;
    row.depth = depth;
    row.is_phase = depth == 0;
    row.phase = depth == 0 ? rows.size() : rows.empty() ? 0 : rows.back().phase;
    std::string title = label_of(node);
    row.name = safe_line(last_name(node.op.path));
    row.title = title == last_name(node.op.path) ? "" : safe_line(title);
    row.right = right_of(node, op, is_running && style_.so_far ? style_.so_far(node.op.path) : "");
    if (node.kind == NodeKind::foreach && op && op->items)
      row.right = items_of(node) + (row.right.empty() ? "" : ", " + row.right);
    mark(row, op, is_running);
    row.is_phase_over = row.is_phase && op && is_final(op->state);
    row.is_live =
        is_running ||
        (op && (op->gate.state == GateState::open || op->state == StepState::in_doubt || op->due_at || op->asked));
    rows.push_back(std::move(row));
    if (!node.is_group() || !op || !op->entered) return;
    if (node.kind == NodeKind::foreach) {
      // Of many items only those are lines that somebody may want to see.
      for (size_t i = 1; i <= graph_.count(node); ++i) {
        const OpRecord* item = history_.find(Expansion::op_of_item(node, i));
        bool is_told =
            item && (!is_final(item->state) || item->state == StepState::failed || graph_.count(node) <= few);
        if (is_told) add(graph_.item(node, i), depth + 1);
      }
      return;
    }
    for (NodeId id : node.body) add(graph_.at(id), depth + 1);
    for (const std::vector<NodeId>* more : {&node.rescue, &node.always})
      for (NodeId id : *more)
        if (const OpRecord* begun = history_.find(graph_.at(id).op); begun && begun->state != StepState::pending)
          add(graph_.at(id), depth + 1);
  }

  std::string items_of(const Node& loop) const {
    size_t ended = 0, count = graph_.count(loop);
    for (size_t i = 1; i <= count; ++i) {
      const OpRecord* item = history_.find(Expansion::op_of_item(loop, i));
      if (item && is_final(item->state)) ++ended;
    }
    return std::to_string(ended) + " of " + std::to_string(count);
  }

  Expansion graph_;
  const RunHistory& history_;
  const FrameStyle& style_;
  std::set<std::string> running_;
};

// Folds what is over, then keeps a window around what is under way.
std::vector<Row> fitted(std::vector<Row> rows, size_t height) {
  if (rows.size() <= height) return rows;
  std::vector<Row> kept;
  for (const Row& row : rows)
    if (row.is_phase || !rows[row.phase].is_phase_over) kept.push_back(row);
  if (kept.size() <= height) return kept;
  size_t live = 0;
  for (size_t i = 0; i < kept.size(); ++i)
    if (kept[i].is_live || kept[i].is_phase_over) live = i;
  size_t room = height - std::min<size_t>(height, 2);  // a line above and below tell what is left out
  size_t begin = live > room / 2 ? live - room / 2 : 0;
  begin = std::min(begin, kept.size() - room);
  auto note = [](size_t count) {
    Row row;
    row.mark = " ";
    row.name = "… " + std::to_string(count) + " more";
    return row;
  };
  std::vector<Row> out;
  if (begin > 0) out.push_back(note(begin));
  out.insert(out.end(), kept.begin() + static_cast<std::ptrdiff_t>(begin),
             kept.begin() + static_cast<std::ptrdiff_t>(begin + room));
  if (begin + room < kept.size()) out.push_back(note(kept.size() - begin - room));
  return out;
}

std::string padded(std::string text, size_t width) {
  size_t count = character_count(text);
  if (count < width) text.append(width - count, ' ');
  return text;
}

std::string drawn(const Row& row, size_t name_width, const FrameStyle& style) {
  std::string indent(1 + row.depth * 4, ' ');
  size_t right = character_count(row.right);
  size_t room = style.width - std::min(style.width, indent.size() + 2 + right + 2);
  std::string left = short_line(padded(row.name, name_width) + "  " + row.title, std::max<size_t>(room, 4));
  return indent + painted(row.mark, row.colour, style.colour) + " " + padded(left, room) + "  " + row.right;
}

}  // namespace

std::vector<std::string> frame(const StepGraph& graph, const RunHistory& history, const std::string& run,
                               const FrameStyle& style) {
  Rows all(graph, history, style);
  const Playbook& playbook = graph.playbook();
  std::string name = playbook.playbook ? safe_line(playbook.playbook->text) : "";
  if (playbook.version) name += " " + safe_line(*playbook.version);
  std::string id = "run " + run;
  size_t room = style.width > id.size() + 3 ? style.width - id.size() - 3 : 4;
  std::vector<std::string> out{" " + painted(padded(short_line(name, room), room), "1", style.colour) + "  " + id};
  std::vector<Row> rows = fitted(std::move(all.rows), style.height > 3 ? style.height - 1 : 2);
  for (const Row& row : rows) {
    size_t name_width = 0;
    for (const Row& other : rows)
      if (other.depth == row.depth) name_width = std::max(name_width, character_count(other.name));
    out.push_back(drawn(row, std::min(name_width, widest_name), style));
  }
  return out;
}

std::string boxed(const std::string& text, size_t width) {
  size_t inner = std::max<size_t>(width, 24) - 4;
  auto edge = [&](const char* left, const char* right) {
    std::string out = left;
    for (size_t i = 0; i < inner + 2; ++i) out += "─";
    return out + right + "\n";
  };
  std::string out = edge("┌", "┐");
  std::string line;
  size_t count = 0;
  auto flush = [&] {
    out += "│ " + line + std::string(inner - count, ' ') + " │\n";
    line.clear();
    count = 0;
  };
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '\n') {
      flush();
      ++i;
      continue;
    }
    if (count == inner) {
      flush();
      line = "  ";
      count = 2;
    }
    size_t length = 1;
    while (i + length < text.size() && (static_cast<unsigned char>(text[i + length]) & 0xC0) == 0x80) ++length;
    line.append(text, i, length);
    ++count;
    i += length;
  }
  if (count > 0) flush();
  return out + edge("└", "┘");
}

}  // namespace muster
