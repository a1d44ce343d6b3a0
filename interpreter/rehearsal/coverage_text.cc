#include <algorithm>
#include <map>

#include "interpreter/base/html.h"
#include "interpreter/base/utf8.h"
#include "interpreter/rehearsal/coverage.h"

namespace muster {
namespace {

bool is_told(const CoveragePoint& point) { return point.expected || point.runs > 0; }

CoverageKind kind_at(size_t i) { return static_cast<CoverageKind>(i); }

std::string of(const CoverageCount& count) {
  return std::to_string(count.covered) + " of " + std::to_string(count.points);
}

std::string runs_of(int runs) { return std::to_string(runs) + (runs == 1 ? " run" : " runs"); }

std::string title_of(const Playbook& playbook) {
  return (playbook.playbook ? playbook.playbook->text : "") + (playbook.version ? " " + *playbook.version : "");
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 2), ' ');
  return text;
}

std::string_view colour_class(const CoverageCount& count) {
  if (count.points == 0) return "nothing";
  return count.covered == count.points ? "all" : count.covered > 0 ? "some" : "none";
}

std::string_view fill_of(const CoverageCount& count) {
  if (count.points == 0) return "#e8ebef";
  return count.covered == count.points ? "#c9efd2" : count.covered > 0 ? "#ffeeb3" : "#ffd2cf";
}

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out + "\"";
}

bool is_drawn(const Node& node) { return node.kind != NodeKind::playbook && !node.is_item(); }

// A `foreach` and its item are drawn as one.
const Node& drawn_as(const StepGraph& graph, const Node& node) { return node.is_item() ? graph.at(node.parent) : node; }

class StepTree {
 public:
  explicit StepTree(const Coverage& coverage) : graph_(coverage.graph()), coverage_(coverage) {
    for (const CoveragePoint& point : coverage.points())
      if (is_told(point)) by_op_[point.op].push_back(&point);
  }
  std::string html() {
    out_ = "<div class=\"tree\"><ul>\n";
    node(graph_.root());
    return std::move(out_) + "</ul></div>\n";
  }

 private:
  void node(const Node& node) {
    const Node& body = node.kind == NodeKind::foreach ? graph_.at(node.body.front()) : node;
    const CoverageCount count = coverage_.count(node);
    out_ += "<li><span class=\"" + std::string(colour_class(count)) + "\">" +
            html_text(node.kind == NodeKind::playbook ? title_of(graph_.playbook()) : label_of(node)) + "</span>";
    std::string points;
    for (const CoveragePoint* point : by_op_[node.op.path]) {
      const std::string text = html_text(point->what) + (point->runs > 0 ? " × " + std::to_string(point->runs) : "");
      points += (points.empty() ? " " : ", ") + (point->runs == 0 ? "<span class=\"bad\">" + text + "</span>" : text);
    }
    out_ += "<span class=\"small\">" + points + "</span>";
    const bool has_more = !body.body.empty() || !body.rescue.empty() || !body.rollback.empty() ||
                          !body.always.empty() || !body.before.empty();
    if (has_more) {
      out_ += "\n<ul>\n";
      for (NodeId id : body.body) this->node(graph_.at(id));
      if (!body.before.empty()) list("between attempts", body.before.front());
      list("rescue", body.rescue);
      list("rollback", body.rollback);
      list("always", body.always);
      out_ += "</ul>\n";
    }
    out_ += "</li>\n";
  }
  void list(const char* name, const std::vector<NodeId>& ids) {
    if (ids.empty()) return;
    out_ += std::string("<li><span class=\"small\">") + name + "</span>\n<ul>\n";
    for (NodeId id : ids) node(graph_.at(id));
    out_ += "</ul></li>\n";
  }

  const StepGraph& graph_;
  const Coverage& coverage_;
  std::map<std::string, std::vector<const CoveragePoint*>> by_op_;
  std::string out_;
};

}  // namespace

std::string coverage_text(const Coverage& coverage) {
  std::string out = "coverage of " + escape_for_terminal(title_of(coverage.graph().playbook()), false) + ": " +
                    of(coverage.count()) + " points in " + runs_of(coverage.runs()) + "\n";
  for (size_t i = 0; i < coverage_kinds; ++i) {
    CoverageCount count = coverage.count(kind_at(i));
    if (count.points > 0) out += "  " + padded(std::string(plural_of(kind_at(i))), 11) + of(count) + "\n";
  }
  std::string missing;
  for (size_t i = 0; i < coverage_kinds; ++i)
    for (const CoveragePoint& point : coverage.points())
      if (point.kind == kind_at(i) && point.expected && point.runs == 0)
        missing += "  " + padded(std::string(plural_of(point.kind)), 11) + escape_for_terminal(point.op, false) + ": " +
                   point.what + "\n";
  return out + (missing.empty() ? "" : "not covered:\n" + missing);
}

namespace {

// Whose step it is, a called playbook's or the playbook's own, and what it is called there.
Map home_of(const StepGraph& graph, const std::string& op) {
  const Node* node = graph.find(OpId{op});
  if (!node) return {};
  const Scope& scope = graph.scopes()[node->scope];
  std::string path = op;
  if (node->scope != 0) path = path.substr(graph.at(graph.at(scope.top).parent).op.path.size() + 1);
  return Map{{"playbook", scope.playbook->playbook ? scope.playbook->playbook->text : ""}, {"path", std::move(path)}};
}

}  // namespace

Map coverage_value(const Coverage& coverage) {
  const Playbook& playbook = coverage.graph().playbook();
  Map kinds;
  for (size_t i = 0; i < coverage_kinds; ++i) {
    CoverageCount count = coverage.count(kind_at(i));
    if (count.points > 0)
      kinds[std::string(plural_of(kind_at(i)))] = Map{{"covered", count.covered}, {"points", count.points}};
  }
  List points;
  for (const CoveragePoint& point : coverage.points())
    if (is_told(point))
      points.push_back(Map{{"op", point.op},
                           {"kind", std::string(plural_of(point.kind))},
                           {"what", point.what},
                           {"expected", point.expected},
                           {"home", home_of(coverage.graph(), point.op)},
                           {"runs", point.runs}});
  const CoverageCount all = coverage.count();
  return Map{{"playbook", playbook.playbook ? playbook.playbook->text : ""},
             {"version", playbook.version ? Value(*playbook.version) : Value()},
             {"runs", coverage.runs()},
             {"covered", all.covered},
             {"points", all.points},
             {"kinds", std::move(kinds)},
             {"items", std::move(points)}};
}

std::string coverage_dot(const Coverage& coverage) {
  const StepGraph& graph = coverage.graph();
  std::string out = "digraph playbook {\n  rankdir=LR;\n  node [shape=box, style=filled];\n";
  for (const Node& node : graph.nodes()) {
    if (!is_drawn(node)) continue;
    const CoverageCount count = coverage.count(node);
    const Node& parent = drawn_as(graph, graph.at(node.parent));
    const std::string id = "n" + std::to_string(node.id.index);
    out += "  " + id + " [label=" + quoted(label_of(node)) + ", fillcolor=" + quoted(std::string(fill_of(count))) +
           ", tooltip=" + quoted(node.op.path + (count.points > 0 ? ": " + of(count) : "")) +
           (approval_of(graph, node) ? ", peripheries=2" : "") +
           (node.place != Place::body ? ", style=\"filled,dashed\"" : "") + "];\n";
    for (NodeId need : node.needs) out += "  n" + std::to_string(need.index) + " -> " + id + ";\n";
    if (parent.kind != NodeKind::playbook && node.needs.empty())
      out += "  n" + std::to_string(parent.id.index) + " -> " + id + " [style=dotted];\n";
  }
  return out + "}\n";
}

std::string coverage_html(const Coverage& coverage, const std::string& svg) {
  std::string out = "<h2>Coverage of " + html_text(title_of(coverage.graph().playbook())) + ": " +
                    of(coverage.count()) + " points in " + runs_of(coverage.runs()) + "</h2>\n<table>\n";
  for (size_t i = 0; i < coverage_kinds; ++i) {
    CoverageCount count = coverage.count(kind_at(i));
    if (count.points == 0) continue;
    out += "<tr><td>" + std::string(plural_of(kind_at(i))) + "</td><td><span class=\"" +
           std::string(colour_class(count)) + "\">" + of(count) + "</span></td></tr>\n";
  }
  out += "</table>\n";
  // A document of its own has a prologue that does not stand inside a page.
  if (size_t begin = svg.find("<svg"); begin != std::string::npos) out += svg.substr(begin);
  return out + StepTree(coverage).html();
}

}  // namespace muster
