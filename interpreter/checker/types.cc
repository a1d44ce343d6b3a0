#include "interpreter/checker/types.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

#include "interpreter/checker/checker.h"
#include "interpreter/checker/own_expressions.h"
#include "interpreter/expression/tree.h"
#include "interpreter/language/enough.h"

namespace muster {
namespace {

enum class Type { unknown, nothing, boolean, number, text, list, map, moment, duration };

std::string_view words(Type type) {
  switch (type) {
    case Type::unknown:
      return "anything";
    case Type::nothing:
      return "nil";
    case Type::boolean:
      return "true or false";
    case Type::number:
      return "a number";
    case Type::text:
      return "text";
    case Type::list:
      return "a list";
    case Type::map:
      return "a map";
    case Type::moment:
      return "a moment";
    case Type::duration:
      return "a duration";
  }
  return "";
}

Type of_field(FieldType type) {
  switch (type) {
    case FieldType::text:
    case FieldType::script:
    case FieldType::path:
    case FieldType::url:
    case FieldType::choice:
      return Type::text;
    case FieldType::integer:
    case FieldType::number:
      return Type::number;
    case FieldType::boolean:
      return Type::boolean;
    case FieldType::duration:
      return Type::duration;
    case FieldType::timestamp:
      return Type::moment;
    case FieldType::list:
      return Type::list;
    case FieldType::map:
    case FieldType::object:
      return Type::map;
    case FieldType::any:
    case FieldType::connection:
    case FieldType::function:
    case FieldType::scalar_or_list:
      return Type::unknown;
  }
  return Type::unknown;
}

Type of_input(std::string_view type) {
  if (type == "string" || type == "path" || type == "url" || type == "enum" || type == "date") return Type::text;
  if (type == "integer" || type == "number") return Type::number;
  if (type == "boolean") return Type::boolean;
  if (type == "duration") return Type::duration;
  if (type == "timestamp") return Type::moment;
  if (type == "list") return Type::list;
  if (type == "map") return Type::map;
  return Type::unknown;
}

Type of_helper(std::string_view name) {
  static const std::unordered_map<std::string_view, Type> known = {
      {"contains", Type::boolean}, {"is_set", Type::boolean},   {"any", Type::boolean},    {"all", Type::boolean},
      {"len", Type::number},       {"sum", Type::number},       {"lines", Type::list},     {"split", Type::list},
      {"keys", Type::list},        {"map", Type::list},         {"filter", Type::list},    {"chunk", Type::list},
      {"sort", Type::list},        {"unique", Type::list},      {"match_all", Type::list}, {"trim", Type::text},
      {"lower", Type::text},       {"upper", Type::text},       {"join", Type::text},      {"format", Type::text},
      {"sha256", Type::text},      {"base64", Type::text},      {"to_json", Type::text},   {"now", Type::moment},
      {"timestamp", Type::moment}, {"duration", Type::duration}};
  auto found = known.find(name);
  return found == known.end() ? Type::unknown : found->second;
}

// A duration is its number of seconds.
bool can_meet(Type a, Type b) {
  auto counts = [](Type type) { return type == Type::number || type == Type::duration; };
  return a == Type::unknown || b == Type::unknown || a == b || (counts(a) && counts(b));
}

bool has_order(Type type) {
  return type == Type::unknown || type == Type::number || type == Type::text || type == Type::moment ||
         type == Type::duration;
}

bool is_order(Operator op) {
  return op == Operator::less || op == Operator::greater || op == Operator::less_equal || op == Operator::greater_equal;
}

class Types {
 public:
  Types(const Playbook& playbook, const Outline& outline, const std::vector<Action>& actions, Diagnostics& problems)
      : outline_(outline), actions_(actions), problems_(problems) {
    for (const Input& input : playbook.inputs)
      if (input.type) inputs_.emplace(input.name.text, of_input(input.type->text));
  }

  void check(const Expression& expression, std::string_view key, const Step* step) {
    if (!expression.tree.root || is_enough(problems_)) return;
    step_ = step;
    key_ = key;
    expression_ = &expression;
    Type type = type_of(*expression.tree.root);
    if ((key == "when" || key == "that") && type != Type::unknown && type != Type::boolean)
      refuse(expression.at, "not-true-or-false",
             "`" + std::string(key) + "` must yield true or false, and this yields " + std::string(words(type)),
             "compare it with something, as in `x == y` or `x ~= nil`");
    if (key == "foreach" && type != Type::unknown && type != Type::list)
      refuse(expression.at, "foreach-list", "`foreach` runs over a list, and this yields " + std::string(words(type)),
             "write a list, as in `foreach: [a, b]`, or the name of one");
  }

 private:
  void refuse(Span at, std::string code, std::string message, std::string help) {
    problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
  }

  // Looks at all beneath, and tells what it yields.
  Type type_of(const ExpressionNode& node) {
    std::array<Type, 2> types{Type::unknown, Type::unknown};  // of the first two children
    for (size_t i = 0; i < node.children.size(); ++i) {
      if (const ExpressionNode* key = node.key(i)) (void)type_of(*key);
      const Type type = type_of(*node.children[i]);
      if (i < types.size()) types[i] = type;
    }
    switch (node.kind) {
      case ExpressionNode::Kind::constant:
        return of_constant(node.constant());
      case ExpressionNode::Kind::name:
        refuse_field_of_scalar(node);
        return of_name(node.path);
      case ExpressionNode::Kind::unary:
        return node.op == Operator::not_ ? Type::boolean : Type::number;
      case ExpressionNode::Kind::binary:
        return of_binary(node, types[0], types[1]);
      case ExpressionNode::Kind::call:
        return of_helper(node.text);
      case ExpressionNode::Kind::table:
        return of_table(node);
      case ExpressionNode::Kind::parameter:
      case ExpressionNode::Kind::index:
      case ExpressionNode::Kind::function:
        return Type::unknown;
    }
    return Type::unknown;
  }

  static Type of_table(const ExpressionNode& node) {
    if (node.children.empty()) return Type::unknown;
    return node.keys ? Type::map : Type::list;
  }

  static Type of_constant(const Value& value) {
    if (value.is_null()) return Type::nothing;
    if (value.is<bool>()) return Type::boolean;
    if (value.is<int64_t>() || value.is<double>()) return Type::number;
    return value.is<std::string>() ? Type::text : Type::unknown;
  }

  Type of_binary(const ExpressionNode& node, Type left, Type right) {
    if (node.op == Operator::and_ || node.op == Operator::or_) return left == right ? left : Type::unknown;
    if (node.op == Operator::concat) return Type::text;
    bool is_equality = node.op == Operator::equal || node.op == Operator::unequal;
    if (!is_equality && !is_order(node.op))
      return left == Type::number && right == Type::number ? Type::number : Type::unknown;
    compare(node, left, right);
    return Type::boolean;
  }

  void compare(const ExpressionNode& node, Type left, Type right) {
    const bool fits = is_order(node.op) ? can_meet(left, right) && has_order(left) && has_order(right)
                                        : left == Type::nothing || right == Type::nothing || can_meet(left, right);
    if (fits) return;
    std::string_view a = text_of(*node.children[0]), b = text_of(*node.children[1]);
    std::string both = "`" + std::string(a) + "` is " + std::string(words(left)) + ", and `" + std::string(b) +
                       "` is " + std::string(words(right));
    if (!is_order(node.op)) {
      refuse(node.at, "unlike-types",
             both + (node.op == Operator::equal ? ": they are never equal" : ": they are always unequal"),
             help_for(*node.children[0], left, *node.children[1], right));
    } else {
      refuse(node.at, "unlike-types",
             can_meet(left, right) ? both + ": neither comes before the other" : both + ": they cannot be compared",
             help_for(*node.children[0], left, *node.children[1], right));
    }
  }

  // A literal in or out of quotes is what is wrong most of the time.
  static std::string help_for(const ExpressionNode& a, Type left, const ExpressionNode& b, Type right) {
    for (auto [literal, type, other] : {std::tuple{&a, left, right}, std::tuple{&b, right, left}}) {
      if (literal->kind != ExpressionNode::Kind::constant) continue;
      std::string written = to_text(literal->constant());
      if (type == Type::number && other == Type::text) return "write `\"" + written + "\"`";
      if (type == Type::text && other == Type::number && !written.empty() &&
          written.find_first_not_of("0123456789.") == std::string::npos)
        return "write `" + written + "` without quotes";
      if (type == Type::text && other == Type::boolean && (written == "true" || written == "false"))
        return "write `" + written + "` without quotes";
      if (type == Type::text && other == Type::duration) return "write `duration(\"" + written + "\")`";
      if (type == Type::text && other == Type::moment) return "write `timestamp(\"" + written + "\")`";
    }
    return "compare like with like";
  }

  std::string_view text_of(const ExpressionNode& node) const {
    std::string_view text = expression_->text;
    if (node.text_end > text.size() || node.text_begin > node.text_end) return text;
    return text.substr(node.text_begin, node.text_end - node.text_begin);
  }

  void refuse_field_of_scalar(const ExpressionNode& node) {
    if (node.path.size() < 3 || node.path[0] != "inputs") return;
    auto found = inputs_.find(node.path[1]);
    if (found == inputs_.end()) return;
    if (found->second != Type::text && found->second != Type::number && found->second != Type::boolean) return;
    refuse(node.at, "unknown-result",
           "`inputs." + node.path[1] + "` is " + std::string(words(found->second)) + ", and has no field `" +
               node.path[2] + "`",
           "an input of type `map` has fields");
  }

  Type of_name(const std::vector<std::string>& path) const {
    const std::string& root = path[0];
    if (root == "inputs" && path.size() == 2) {
      auto found = inputs_.find(path[1]);
      return found == inputs_.end() ? Type::unknown : found->second;
    }
    if (root == "run" && path.size() == 2) {
      if (path[1] == "started_at") return Type::moment;
      return path[1] == "dry_run" ? Type::boolean : Type::text;
    }
    if (root == "error" && path.size() == 2) {
      if (path[1] == "attempt" || path[1] == "exit_code" || path[1] == "status") return Type::number;
      return path[1] == "code" || path[1] == "message" || path[1] == "effect" ? Type::text : Type::unknown;
    }
    if (root == "result" && path.size() == 2 && step_) return of_result(*step_, path[1], key_ == "that");
    if (root != "steps" || path.size() != 3) return Type::unknown;
    if (path[2] == "state") return Type::text;
    if (path[2] == "attempts") return Type::number;
    if (path[2] == "started_at" || path[2] == "ended_at") return Type::moment;
    if (path[2] == "duration") return Type::duration;
    auto target = outline_.find_step(path[1]);
    const Step* step = target ? outline_.nodes()[*target].step : nullptr;
    return step ? of_result(*step, path[2], false) : Type::unknown;
  }

  // A field of what the step's one action gives; of what its verify asks, where it is read there.
  Type of_result(const Step& step, const std::string& name, bool in_claim) const {
    for (const Output& output : step.outputs)
      if (output.name.text == name) return Type::unknown;
    if (step.fanout && name == "items") return Type::list;
    if (step.fanout && (name == "count" || name == "succeeded" || name == "failed" || name == "skipped"))
      return Type::number;
    const std::vector<ActionCall>* calls = &step.actions;
    bool asks = (step.verify && !step.verify->probes.empty()) || (step.done_when && !step.done_when->probes.empty());
    if (in_claim && step.watch) return Type::unknown;  // whose claim it is, is not told here
    if (in_claim && asks) {
      // `verify` and `done_when` may ask different actions: then it is not told here which is meant.
      if (step.done_when || !step.verify) return Type::unknown;
      calls = &step.verify->probes;
    } else if (calls->empty() && step.verify && !step.group && !step.set) {
      calls = &step.verify->probes;
    }
    if (calls->size() != 1) return Type::unknown;
    const Action* action = find_action(actions_, calls->front().action.text);
    if (!action) return Type::unknown;
    for (const ResultField& field : action->results)
      if (field.name == name) return of_field(field.type);
    return Type::unknown;
  }

  const Outline& outline_;
  const std::vector<Action>& actions_;
  Diagnostics& problems_;
  std::unordered_map<std::string_view, Type> inputs_;
  const Step* step_ = nullptr;
  std::string_view key_;
  const Expression* expression_ = nullptr;
};

}  // namespace

void check_types(const Playbook& playbook, const Outline& outline, const std::vector<Action>& actions,
                 Diagnostics& problems) {
  Types types(playbook, outline, actions, problems);
  for (const OutlineNode& node : outline.nodes()) {
    if (is_enough(problems)) return;
    auto look = [&](const Expression& expression, std::string_view key) { types.check(expression, key, node.step); };
    if (node.step) each_own_expression(*node.step, look);
    if (node.phase) each_own_expression(*node.phase, look);
  }
}

}  // namespace muster
