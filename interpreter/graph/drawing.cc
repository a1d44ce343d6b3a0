#include "interpreter/graph/drawing.h"

namespace muster {
namespace {

std::string marks_of(const StepGraph& graph, const Node& node) {
  std::string out;
  if (approval_of(graph, node)) out += " [gate]";
  if (node.kind == NodeKind::foreach) {
    const Fanout& fanout = *node.step->fanout;
    const auto* list = fanout.foreach ? std::get_if<Expression>(&fanout.foreach->list) : nullptr;
    const size_t values = list || !fanout.foreach ? 0 : std::get<std::vector<Argument>>(fanout.foreach->list).size();
    out += " [foreach " + (list ? list->text : std::to_string(values) + " values") +
           (fanout.first_success ? ", until one succeeds" : "") + "]";
    return out + marks_of(graph, graph.at(node.body.front()));
  }
  const std::optional<Expression>* when = when_of(node);
  if (when && *when) out += " [when " + (*when)->text + "]";
  if (node.step && node.step->done_when) out += " [done_when]";
  if (node.step && node.step->verify && node.kind != NodeKind::verify) out += " [verify]";
  if (node.undoes()) out += node.rollback_automatic ? " [rollback auto]" : " [rollback]";
  return out;
}

std::string what_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::action:
      return node.step->actions.front().action.text;
    case NodeKind::verify:
      return "verify";
    case NodeKind::set:
      return "set";
    case NodeKind::fail:
      return "fail";
    case NodeKind::wait:
      return "wait";
    case NodeKind::audit:
      return "audit";
    case NodeKind::call:
      return "call " + (node.step->call->playbook ? node.step->call->playbook->text : "");
    case NodeKind::choose:
      return "choose";
    case NodeKind::option:
      return "option";
    case NodeKind::manual:
      return "manual";
    default:
      return "";
  }
}

// A `foreach` and its item are drawn as one.
const Node& drawn_as(const StepGraph& graph, const Node& node) { return node.is_item() ? graph.at(node.parent) : node; }

void others_of(const StepGraph& graph, const Node& node, int depth, std::string& out);

void list(const StepGraph& graph, const Node& node, int depth, std::string& out) {
  const Node& body = node.kind == NodeKind::foreach ? graph.at(node.body.front()) : node;
  std::string what = what_of(body);
  out += std::string(static_cast<size_t>(depth) * 2, ' ') + label_of(node) + (what.empty() ? "" : "  (" + what + ")") +
         marks_of(graph, node) + "\n";
  for (NodeId id : body.body) list(graph, graph.at(id), depth + 1, out);
  others_of(graph, body, depth, out);
}

// What runs only where something went wrong, or at the end.
void others_of(const StepGraph& graph, const Node& node, int depth, std::string& out) {
  auto others = [&](const std::vector<NodeId>& ids, const char* name) {
    if (ids.empty()) return;
    out += std::string(static_cast<size_t>(depth) * 2 + 2, ' ') + name + ":\n";
    for (NodeId id : ids) list(graph, graph.at(id), depth + 2, out);
  };
  others(node.rescue, "rescue");
  others(node.rollback, "rollback");
  others(node.always, "always");
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out + "\"";
}

std::string mermaid_text(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"') {
      out += "#quot;";
    } else {
      out.push_back(c == '\n' ? ' ' : c);
    }
  }
  return out;
}

}  // namespace

std::string draw_text(const StepGraph& graph) {
  const Playbook& playbook = graph.playbook();
  std::string out =
      (playbook.playbook ? playbook.playbook->text : "") + (playbook.version ? " " + *playbook.version : "") + "\n";
  for (NodeId id : graph.root().body) list(graph, graph.at(id), 1, out);
  others_of(graph, graph.root(), 0, out);
  return out;
}

std::string draw_dot(const StepGraph& graph) {
  std::string out = "digraph playbook {\n  rankdir=LR;\n  node [shape=box];\n";
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::playbook || node.is_item()) continue;
    const NodeId parent = drawn_as(graph, graph.at(node.parent)).id;
    out += "  n" + std::to_string(node.id.index) + " [label=" + quoted(label_of(node)) +
           (approval_of(graph, node) ? ", peripheries=2" : "") + (node.place != Place::body ? ", style=dashed" : "") +
           "];\n";
    for (NodeId need : node.needs)
      out += "  n" + std::to_string(need.index) + " -> n" + std::to_string(node.id.index) + ";\n";
    if (parent.index != 0 && node.needs.empty())
      out += "  n" + std::to_string(parent.index) + " -> n" + std::to_string(node.id.index) + " [style=dotted];\n";
  }
  return out + "}\n";
}

std::string draw_mermaid(const StepGraph& graph) {
  std::string out = "flowchart LR\n";
  for (const Node& node : graph.nodes()) {
    if (node.kind == NodeKind::playbook || node.is_item()) continue;
    const NodeId parent = drawn_as(graph, graph.at(node.parent)).id;
    std::string id = "n" + std::to_string(node.id.index);
    std::string text = mermaid_text(label_of(node));
    out += "  " + id + (approval_of(graph, node) ? "{{\"" + text + "\"}}" : "[\"" + text + "\"]") + "\n";
    for (NodeId need : node.needs) out += "  n" + std::to_string(need.index) + " --> " + id + "\n";
    if (parent.index != 0 && node.needs.empty()) out += "  n" + std::to_string(parent.index) + " -.-> " + id + "\n";
  }
  return out;
}

}  // namespace muster
