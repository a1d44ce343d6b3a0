#include "interpreter/checker/references.h"

#include <algorithm>
#include <array>

#include "interpreter/checker/checker.h"
#include "interpreter/checker/secrets.h"
#include "interpreter/expression/helpers.h"
#include "interpreter/expression/tree.h"
#include "interpreter/language/enough.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 6> reserved_fields = {"state",      "error",    "attempts",
                                                             "started_at", "ended_at", "duration"};
constexpr std::array<std::string_view, 6> run_fields = {"id",         "status",     "reason",
                                                        "started_at", "started_by", "dry_run"};
constexpr std::array<std::string_view, 4> playbook_fields = {"name", "version", "title", "owner"};
constexpr std::array<std::string_view, 10> error_fields = {"step",   "item",   "code",      "message", "attempt",
                                                           "effect", "status", "exit_code", "claims",  "cause"};
constexpr std::array<std::string_view, 7> root_names = {"inputs", "steps", "run",    "playbook",
                                                        "result", "error", "secrets"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

template <class List>
std::vector<std::string_view> names(const List& list) {
  return {list.begin(), list.end()};
}

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known,
                         std::string_view prefix = "") {
  std::string_view near = nearest(word, known);
  return near.empty() ? "" : "did you mean `" + std::string(prefix) + std::string(near) + "`?";
}

Span from_start(const Read& read, size_t pieces) {
  Span at = read.at;
  if (pieces <= read.pieces.size()) at.end = read.pieces[pieces - 1].end;
  return at;
}

// A field of what somebody else sent: it may be missing, and then it is nil.
bool is_parsed_data(const ExpressionNode& node) {
  if (node.kind != ExpressionNode::Kind::name) return false;
  size_t result = node.path[0] == "result" ? 1 : node.path[0] == "steps" ? 2 : 0;
  if (result == 0 || node.path.size() < result + 2) return false;
  const std::string& field = node.path[result];
  return field == "value" || field == "row" || field == "rows";
}

// Plain text that reads like the name of a value: `inputs.user`, `steps.x.file`.
// `loops`: the names of items that could be meant.
bool looks_like_a_value(std::string_view text, const std::vector<std::string_view>& loops) {
  size_t dot = text.find('.');
  if (dot == std::string_view::npos ||
      !(contains(std::array<std::string_view, 3>{"inputs", "steps", "secrets"}, text.substr(0, dot)) ||
        std::find(loops.begin(), loops.end(), text.substr(0, dot)) != loops.end()))
    return false;
  bool start = true;
  for (char c : text.substr(dot + 1)) {
    bool letter = (c >= 'a' && c <= 'z') || c == '_';
    if (start ? !letter : !(letter || (c >= '0' && c <= '9') || c == '.')) return false;
    start = c == '.';
  }
  return !start;
}

}  // namespace

References::References(const Playbook& playbook, const Outline& outline, const std::vector<Action>& actions,
                       const Scripts& scripts, Diagnostics& problems)
    : outline_(outline), actions_(actions), scripts_(scripts), problems_(problems) {
  for (const Input& input : playbook.inputs) inputs_.push_back(input.name.text);
  for (const SecretDeclaration& secret : playbook.secrets) secrets_.push_back(secret.name.text);
}

void References::refuse(Span at, std::string code, std::string message, std::string help) {
  problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

void References::check(const Expression& expression, const ReadScope& scope) {
  for (const Read& read : expression.reads) check(read, scope);
  if (expression.tree.root) check_tree(*expression.tree.root);
  if (!scope.fields_judge_secrets) refuse_secrets(expression, problems_);
}

// What parses and is hardly meant, and helpers with too few or too many arguments.
void References::check_tree(const ExpressionNode& node) {
  auto warn = [&](std::string code, std::string message, std::string help) {
    problems_.push_back({Severity::warning, std::move(code), node.at, std::move(message), std::move(help), {}});
  };
  auto is_never_true = [](const ExpressionNode& n) {
    return n.kind == ExpressionNode::Kind::constant &&
           (n.constant().is_null() || (n.constant().is<bool>() && !n.constant().get<bool>()));
  };
  if (node.kind == ExpressionNode::Kind::binary && node.op == Operator::or_ &&
      node.children[0]->kind == ExpressionNode::Kind::binary && node.children[0]->op == Operator::and_ &&
      is_never_true(*node.children[0]->children[1]))
    warn("always-or", "this is always what stands behind `or`", "write `cond(test, yes, no)`");
  if (node.kind == ExpressionNode::Kind::unary && node.op == Operator::not_ && is_parsed_data(*node.children[0]))
    warn("not-missing", "this is true when the field is missing, too", "write `== false`");
  if (node.kind == ExpressionNode::Kind::call) {
    const Helper* helper = find_helper(node.text);
    int given = static_cast<int>(node.children.size());
    if (helper && (given < helper->least || (helper->most >= 0 && given > helper->most)))
      refuse(node.at, "wrong-arguments",
             quoted(node.text) + " does not take " + std::to_string(given) + (given == 1 ? " argument" : " arguments"),
             "it is called as `" + std::string(helper->form) + "`");
  }
  for (size_t i = 0; i < node.children.size(); ++i)
    if (const ExpressionNode* key = node.key(i)) check_tree(*key);
  for (const NodePtr& child : node.children) check_tree(*child);
}

void References::check(const Template& text, const ReadScope& scope) {
  for (const auto& piece : text.pieces)
    if (const Expression* expression = std::get_if<Expression>(&piece)) check(*expression, scope);
}

void References::check(const Argument& argument, const ReadScope& scope) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    check(scalar->text, scope);
    std::string_view text = scalar->quoted ? std::string_view() : scalar->text.plain();
    std::vector<std::string_view> loops;
    if (text.find('.') != std::string_view::npos)
      for (uint32_t loop : loops_around(scope)) loops.push_back(outline_.nodes()[loop].step->fanout->name());
    if (looks_like_a_value(text, loops))
      problems_.push_back({Severity::warning,
                           "text-not-value",
                           argument.at,
                           "this is the text " + quoted(text) + ", not a value",
                           "write `${{ " + std::string(text) + " }}`, or quote it if the text is meant",
                           {}});
  } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) {
      if (is_enough(problems_)) return;
      check(item, scope);
    }
  } else {
    check(std::get<std::vector<Entry>>(argument.value), scope);
  }
}

void References::check(const std::vector<Entry>& entries, const ReadScope& scope) {
  for (const Entry& entry : entries) {
    if (is_enough(problems_)) return;
    check(entry.value, scope);
  }
}

void References::check_field(const Read& read, const std::vector<std::string_view>& known, std::string_view owner,
                             size_t piece) {
  if (read.path.size() <= piece || contains(known, read.path[piece])) return;
  std::string list;
  for (std::string_view name : known) list += (list.empty() ? "" : ", ") + quoted(name);
  std::string help = did_you_mean(read.path[piece], known);
  refuse(read.pieces[piece], "unknown-field", quoted(owner) + " has no field " + quoted(read.path[piece]),
         help.empty() ? "it has " + list : help);
}

void References::check(const Read& read, const ReadScope& scope) {
  const std::string& root = read.path[0];
  const std::vector<std::string_view>& helpers = helper_names();
  if (read.path.size() == 1 && std::binary_search(helpers.begin(), helpers.end(), std::string_view(root))) {
    if (!read.called) refuse(read.at, "not-called", quoted(root) + " is a function", "call it: `" + root + "(...)`");
    return;
  }
  if (read.called) return check_function(read);
  if (root == "inputs") {
    if (read.path.size() < 2 || contains(inputs_, read.path[1])) return;
    std::string help = did_you_mean(read.path[1], inputs_, "inputs.");
    refuse(from_start(read, 2), "unknown-input", "no input is called " + quoted(read.path[1]),
           help.empty() ? "declare it under `inputs`" : help);
  } else if (root == "steps") {
    check_step(read, scope);
  } else if (root == "run") {
    check_field(read, names(run_fields), "run");
  } else if (root == "playbook") {
    check_field(read, names(playbook_fields), "playbook");
  } else if (root == "secrets") {
    check_secret(read);
  } else if (root == "result") {
    if (!scope.result) {
      refuse(
          read.at, "name-not-here",
          "`result` can be read in `verify`, `watch`, `outputs`, `retry.when` and in a `done_when` with an action only",
          "name the step: `steps.ID.field`");
    } else if (scope.result->known && read.path.size() > 1 && !contains(scope.result->fields, read.path[1])) {
      std::string help = did_you_mean(read.path[1], scope.result->fields);
      std::string list;
      for (std::string_view name : scope.result->fields) list += (list.empty() ? "" : ", ") + quoted(name);
      refuse(read.pieces[1], "unknown-result", "the result has no field " + quoted(read.path[1]),
             !help.empty() || list.empty() ? help : "it has " + list);
    }
  } else if (root == "error") {
    if (scope.error || in_recovery(scope.node)) return check_field(read, names(error_fields), "error");
    refuse(read.at, "name-not-here",
           "`error` can be read in `rescue`, `always`, `retry.when` and the `when` of an option behind a first one",
           "");
  } else if (is_item(root, scope)) {
    return;
  } else {
    std::vector<std::string_view> known = names(root_names);
    known.insert(known.end(), helpers.begin(), helpers.end());
    for (uint32_t loop : loops_around(scope)) known.push_back(outline_.nodes()[loop].step->fanout->name());
    std::string help = did_you_mean(root, known);
    if (help.empty() && contains(inputs_, root)) help = "did you mean `inputs." + root + "`?";
    const OutlineNode& here = outline_.nodes()[scope.node];
    if (here.step && here.step->fanout && (root == here.step->fanout->name() || root == "index"))
      help = "it is known in each item: this is asked once, for all of them";
    else if (help.empty() && (root == "item" || root == "index"))
      help = "it is known inside a `foreach`";
    if (help.empty() && outline_.find_step(root)) help = "did you mean `steps." + root + "`?";
    refuse(from_start(read, 1), "unknown-name", "nothing is called " + quoted(root),
           help.empty() ? "text in expressions is quoted" : help);
  }
}

void References::check_function(const Read& read) {
  std::string name = read.path.size() == 1 ? read.path[0] : read.path[0] + "." + read.path[1];
  if (read.path.size() == 2 && has_function(&scripts_, name)) return;
  std::vector<std::string_view> known = names(scripts_.names());
  if (read.path.size() == 1) known = helper_names();
  std::string help = did_you_mean(name, known);
  if (help.empty() && read.path.size() == 2)
    help = "functions behind a dot are those of the Lua files under `extensions`";
  refuse(read.at, "unknown-function", "no function is called " + quoted(name), help);
}

// Whether a failure has brought it there, or may have.
bool References::in_recovery(uint32_t node) const {
  for (; node != 0; node = outline_.nodes()[node].parent)
    if (ListOf list = outline_.nodes()[node].list; list != ListOf::body && list != ListOf::rollback) return true;
  return false;
}

void References::check_secret(const Read& read) {
  if (read.path.size() < 2) {
    refuse(read.at, "unknown-secret", "`secrets` is read by a secret's name", "write `secrets.NAME`");
  } else if (!contains(secrets_, read.path[1])) {
    std::string help = did_you_mean(read.path[1], secrets_, "secrets.");
    refuse(from_start(read, 2), "unknown-secret", "no secret is called " + quoted(read.path[1]),
           help.empty() ? "declare it under `secrets`" : help);
  } else if (read.path.size() > 2 || !read.is_whole) {
    refuse(read.path.size() > 2 ? read.pieces[2] : read.at, "secret-use",
           quoted("secrets." + read.path[1]) + " is one text and has no fields",
           "keep each part in a secret of its own");
  }
}

void References::check_step(const Read& read, const ReadScope& scope) {
  if (read.path.size() < 2) {
    refuse(read.at, "unknown-step", "`steps` is read by a step's id", "write `steps.ID.field`");
    return;
  }
  const std::string& id = read.path[1];
  std::optional<uint32_t> target = outline_.find_step(id);
  if (!target) {
    std::string_view near = nearest_step(id);
    refuse(from_start(read, 2), "unknown-step", "no step is called " + quoted(id),
           near.empty() ? "" : "did you mean `steps." + std::string(near) + "`?");
    return;
  }
  bool of_a_field = read.path.size() > 2;
  if (of_a_field && contains(reserved_fields, read.path[2])) return;
  const Step& step = *outline_.nodes()[*target].step;
  ResultShape shape = shape_of(step);
  if (step.fanout && !is_within(scope, *target)) shape = {true, {"items", "count", "succeeded", "failed", "skipped"}};
  for (uint32_t at = outline_.nodes()[*target].parent; at != 0; at = outline_.nodes()[at].parent) {
    const Step* loop = outline_.nodes()[at].step;
    if (!loop || !loop->fanout || is_within(scope, at)) continue;
    const std::string name = loop->id ? quoted(loop->id->text) : "a `foreach`";
    refuse(from_start(read, 2), "inside-foreach", "step " + quoted(id) + " runs once per item of " + name,
           loop->id ? "outside, the `outputs` of " + name + " are seen, in `steps." + loop->id->text + ".items`"
                    : "give the `foreach` an id and `outputs`");
    return;
  }
  if (of_a_field && shape.known && !contains(shape.fields, read.path[2])) {
    std::vector<std::string_view> known = shape.fields;
    known.insert(known.end(), reserved_fields.begin(), reserved_fields.end());
    std::string help = did_you_mean(read.path[2], known, "steps." + id + ".");
    if (help.empty()) {
      std::string list;
      for (std::string_view name : shape.fields) list += (list.empty() ? "" : ", ") + quoted(name);
      help = list.empty() ? "it has no result, only `state`, `error`, `duration`" : "it has " + list;
    }
    refuse(read.pieces[2], "unknown-result", "step " + quoted(id) + " has no field " + quoted(read.path[2]), help);
    return;
  }
  if (step.manual && read.path.size() > 3 && read.path[2] == "answers") {
    std::vector<std::string_view> asked;
    for (const Input& field : step.manual->form) asked.push_back(field.name.text);
    check_field(read, asked, "steps." + id + ".answers", 3);
  }
  if (scope.own_result && *target == scope.node && of_a_field && !step.fanout && shape_of_body(step).known &&
      !contains(shape_of_body(step).fields, read.path[2])) {
    refuse(read.pieces[2], "not-yet",
           "the output " + quoted(read.path[2]) + " of " + quoted(id) + " is made once everything else of it is done",
           "read what it is made of");
    return;
  }
  if (scope.own_result && outline_.is_inside(*target, scope.node)) return;
  if (!scope.before_the_run && outline_.ends_before(*target, scope.node)) return;
  if (*target == scope.node) {
    refuse(from_start(read, 2), "not-yet", "step " + quoted(id) + " has no result here: it has not run yet", "");
  } else {
    refuse(from_start(read, 2), "not-yet", "step " + quoted(id) + " may not have ended by then",
           scope.before_the_run ? "only inputs are known before the first step"
                                : "put it before this step, or name it in `needs`");
  }
}

std::vector<uint32_t> References::loops_around(const ReadScope& scope) const {
  std::vector<uint32_t> loops;
  for (uint32_t at = scope.node; at != 0; at = outline_.nodes()[at].parent) {
    const Step* step = outline_.nodes()[at].step;
    if (step && step->fanout && !(at == scope.node && scope.outside_items)) loops.push_back(at);
  }
  return loops;
}

bool References::is_within(const ReadScope& scope, uint32_t loop) const {
  return outline_.is_inside(scope.node, loop) && !(scope.node == loop && scope.outside_items);
}

bool References::is_item(const std::string& name, const ReadScope& scope) const {
  for (uint32_t loop : loops_around(scope))
    if (name == "index" || name == outline_.nodes()[loop].step->fanout->name()) return true;
  return false;
}

std::string_view References::nearest_step(std::string_view id) const {
  constexpr size_t much = 20;
  return problems_.size() < much ? nearest(id, outline_.step_ids()) : std::string_view();
}

ResultShape References::shape_of(const ActionCall& call) const {
  ResultShape shape;
  const Action* action = find_action(actions_, call.action.text);
  if (!action) return shape;
  shape.known = action->origin.empty() || !action->results.empty();  // else a script may give anything
  shape.fields.reserve(action->results.size());
  for (const ResultField& field : action->results) shape.fields.push_back(field.name);
  return shape;
}

ResultShape References::shape_of(const Step& step) const {
  ResultShape shape = shape_of_body(step);
  for (const Output& output : step.outputs) shape.fields.push_back(output.name.text);
  return shape;
}

ResultShape References::shape_of_body(const Step& step) const {
  ResultShape shape;
  shape.known = true;
  if (step.actions.size() == 1) {
    shape = shape_of(step.actions[0]);
  } else if (step.actions.size() > 1) {
    shape.known = false;
  } else if (step.call) {
    shape.known = step.call->called != nullptr;
    if (shape.known)
      for (const Output& output : step.call->called->outputs) shape.fields.push_back(output.name.text);
  } else if (step.choose) {
    shape.fields.push_back("chosen");
    for (const Option& option : step.choose->options)
      for (const Output& output : option.step.outputs)
        if (!contains(shape.fields, output.name.text)) shape.fields.push_back(output.name.text);
  } else if (step.set) {
    for (const Entry& entry : step.set->values) shape.fields.push_back(entry.key.text);
  } else if (step.manual) {
    shape.fields = {"answers", "by", "at"};
  } else if (!step.group && step.verify && step.verify->probes.size() == 1) {
    shape = shape_of(step.verify->probes[0]);
  }
  return shape;
}

void collect_expressions(const Argument& argument, std::vector<const Expression*>& out) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    for (const auto& piece : scalar->text.pieces)
      if (const Expression* expression = std::get_if<Expression>(&piece)) out.push_back(expression);
  } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) collect_expressions(item, out);
  } else {
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) collect_expressions(entry.value, out);
  }
}

}  // namespace muster
