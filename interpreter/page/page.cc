#include "interpreter/page/page.h"

#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/page/page_markdown.h"
#include "interpreter/page/readable.h"
#include "interpreter/plan/parts.h"
#include "interpreter/plan/printed.h"

namespace muster {
namespace {

// Of the steps between attempts there is a copy for each attempt: the first stands for all.
bool is_further_copy(const Node& node) {
  constexpr std::string_view mark = "~before";
  const std::string& path = node.op.path;
  for (size_t at = path.find(mark); at != std::string::npos; at = path.find(mark, at)) {
    at += mark.size();
    if (path.substr(at, std::min(path.find('/', at), path.size()) - at) != "1") return true;
  }
  return false;
}

// The first sentence, and the next where it is short; at most the first paragraph, and nothing of a list behind it.
std::string purpose_of(const std::string& text) {
  constexpr size_t enough = 60;  // characters, below which a sentence says too little: `For a timer.`
  const size_t paragraph = std::min({text.find("\n\n"), text.find(":\n"), text.size()});
  size_t end = paragraph;
  for (size_t at = text.find('.'); at < end; at = text.find('.', at + 1))
    if (at + 1 >= enough && (at + 1 >= text.size() || text[at + 1] == ' ' || text[at + 1] == '\n')) end = at + 1;
  return one_line(std::string_view(text).substr(0, end));
}

void add_claims(const std::vector<Claim>& claims, std::vector<PageClaim>& out) {
  for (const Claim& claim : claims)
    out.push_back({claim.name.value_or(""), one_line(claim.that.text), claim.severity ? claim.severity->text : ""});
}

PageGate gate_of(const Approval& approval) {
  return {approval.message ? prose(*approval.message) : "",
          approval.approvers.empty() ? "anybody" : printed(approval.approvers)};
}

PageStep step_of(const StepGraph& graph, const Node& node, const std::vector<Action>& actions) {
  PageStep out;
  out.path = node.op.path;
  out.what = what_of(node);
  out.list = std::string(name_of(node.place));
  out.is_group = node.kind == NodeKind::foreach ? graph.at(node.body.front()).is_group() : node.is_group();
  if (node.phase && node.phase->title) out.title = prose(*node.phase->title);
  if (node.step && node.step->title) out.title = prose(*node.step->title);
  if (const Boxed<Approval>& approval = approval_of(graph, node)) out.gate = gate_of(*approval);
  if (!node.step) return out;
  const Step& step = *node.step;
  out.by_person = step.manual.has_value();
  if (!step.actions.empty())
    if (const Action* action = find_action(actions, step.actions.front().action.text))
      out.effect = effect_of(step.actions.front(), *action, step.effect, false);
  if (step.verify) add_claims(step.verify->that, out.claims);
  if (step.watch) add_claims(step.watch->that, out.claims);
  if (step.call && step.call->playbook) out.calls = step.call->playbook->text;
  return out;
}

bool does_something(const Node& node) {
  return node.kind == NodeKind::action || node.kind == NodeKind::verify || node.kind == NodeKind::wait ||
         node.kind == NodeKind::audit || node.kind == NodeKind::manual;
}

void add_decider(const Approval& approval, std::vector<std::string>& out) {
  std::string who = approval.approvers.empty() ? "anybody" : printed(approval.approvers);
  if (std::find(out.begin(), out.end(), who) == out.end()) out.push_back(std::move(who));
}

Value gate_value(const std::optional<PageGate>& gate) {
  if (!gate) return {};
  return Map{{"message", gate->message}, {"approvers", gate->approvers}};
}

}  // namespace

int Share::percent() const {
  const int all = machine + person;
  return all == 0 ? 100 : machine * 100 / all;
}

Page make_page(const StepGraph& graph, const std::vector<Action>& actions) {
  const Playbook& playbook = graph.playbook();
  Page page;
  page.playbook = playbook.playbook ? playbook.playbook->text : "";
  page.version = playbook.version.value_or("");
  page.title = playbook.title.value_or("");
  page.purpose = purpose_of(playbook.description.value_or(""));
  for (const Name& tag : playbook.tags) page.tags.push_back(tag.text);
  for (const Input& input : playbook.inputs)
    if (input.required) page.needed.push_back(input.name.text);
  for (const Node& node : graph.nodes()) {
    if (is_further_copy(node)) continue;
    if (does_something(node)) ++(node.kind == NodeKind::manual ? page.share.person : page.share.machine);
    if (const Boxed<Approval>& approval = approval_of(graph, node)) {
      ++page.share.gates;
      add_decider(*approval, page.deciders);
    }
    if (node.scope == 0 && node.id.index != 0 && !node.is_item()) page.steps.push_back(step_of(graph, node, actions));
  }
  page.markdown = markdown_of(graph, actions, page);
  return page;
}

Value value_of(const Page& page) {
  List steps;
  for (const PageStep& step : page.steps) {
    List claims;
    for (const PageClaim& claim : step.claims)
      claims.push_back(Map{{"name", claim.name}, {"that", claim.that}, {"severity", claim.severity}});
    steps.push_back(Map{{"path", step.path},
                        {"what", step.what},
                        {"title", step.title},
                        {"list", step.list},
                        {"group", step.is_group},
                        {"by", step.by_person ? "person" : "machine"},
                        {"effect", step.effect ? Value(name_of(*step.effect)) : Value()},
                        {"gate", gate_value(step.gate)},
                        {"claims", std::move(claims)},
                        {"calls", step.calls.empty() ? Value() : Value(step.calls)}});
  }
  return Map{{"playbook", page.playbook},
             {"version", page.version},
             {"title", page.title},
             {"purpose", page.purpose},
             {"tags", List(page.tags.begin(), page.tags.end())},
             {"needed", List(page.needed.begin(), page.needed.end())},
             {"deciders", List(page.deciders.begin(), page.deciders.end())},
             {"share", Map{{"machine", page.share.machine},
                           {"person", page.share.person},
                           {"gates", page.share.gates},
                           {"percent", page.share.percent()}}},
             {"steps", std::move(steps)},
             {"markdown", page.markdown}};
}

}  // namespace muster
