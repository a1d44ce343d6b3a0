#include "interpreter/expression/evaluate.h"

#include <algorithm>
#include <deque>
#include <map>

#include "interpreter/base/json.h"
#include "interpreter/expression/helpers.h"
#include "interpreter/expression/operators.h"
#include "interpreter/expression/tree.h"

namespace muster {
namespace {

constexpr size_t shown_parts = 8;
constexpr size_t shown_characters = 200;
constexpr int call_depth = 50;  // functions handed to helpers that call helpers

std::string shown(const Value& value) {
  std::string text = value.is<std::string>() ? print_json(value) : to_text(value);
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) == 0x80) continue;
    if (characters++ == shown_characters) return text.substr(0, i) + "…";
  }
  return text;
}

// What keeps a value in memory, about.
int64_t weight(const Value& value) {
  constexpr int64_t slot = sizeof(Value);
  if (const auto* text = value.find<std::string>()) return static_cast<int64_t>(text->size()) + slot;
  if (const auto* list = value.find<List>()) {
    int64_t sum = slot;
    for (const Value& item : *list) sum += weight(item);
    return sum;
  }
  if (const auto* map = value.find<Map>()) {
    int64_t sum = slot;
    for (const auto& [name, item] : *map) sum += weight(item) + static_cast<int64_t>(name.size()) + slot;
    return sum;
  }
  return slot;
}

// Bytes that may be copied or read for one operation, so that the budget of operations bounds time.
constexpr int64_t bytes_per_operation = 256;

// What must be known of a value before it is handed on, found in one walk, and what it costs to read all of it.
struct Inside {
  const Unknown* unknown = nullptr;
  bool secret = false;

  explicit Inside(const Value& value) { look(value); }
  [[nodiscard]] int64_t cost() const { return nodes_ / 16 + bytes_ / bytes_per_operation; }

 private:
  void look(const Value& value) {
    ++nodes_;
    if (const auto* found = value.find<Unknown>()) {
      if (!unknown) unknown = found;
    } else if (value.is<Secret>()) {
      secret = true;
    } else if (const auto* text = value.find<std::string>()) {
      bytes_ += static_cast<int64_t>(text->size());
    } else if (const auto* list = value.find<List>()) {
      for (const Value& item : *list) look(item);
    } else if (const auto* map = value.find<Map>()) {
      for (const auto& [name, item] : *map) look(item);
    }
  }

  int64_t nodes_ = 0, bytes_ = 0;
};

class Evaluator {
 public:
  using Got = tl::expected<const Value*, Diagnostic>;

  Evaluator(const std::string& text, const Environment& names, Budget budget)
      : text_(text), names_(names), left_(budget), parts_left_(budget.bytes) {}

  Got value(const ExpressionNode& node) {
    if (!spend(1)) return spent(node);
    switch (node.kind) {
      case ExpressionNode::Kind::constant:
        return &node.constant();
      case ExpressionNode::Kind::name:
        return name(node);
      case ExpressionNode::Kind::parameter:
        return parameters_.at(node.text);
      case ExpressionNode::Kind::index:
        return index(node);
      case ExpressionNode::Kind::call:
        return node.text == "cond" && node.children.size() == 3 ? cond(node) : call(node);
      case ExpressionNode::Kind::unary:
        return unary(node);
      case ExpressionNode::Kind::binary:
        return binary(node);
      case ExpressionNode::Kind::table:
        return table(node);
      case ExpressionNode::Kind::function:
        break;  // the parser allows it as a helper's argument only
    }
    return raise(node, "a function can only be handed to a helper: `map(list, function(x) return x end)`");
  }

  std::vector<Part> parts() && { return std::move(parts_); }

 private:
  bool spend(int64_t operations) {
    left_.operations -= operations;
    return left_.operations >= 0;
  }
  tl::unexpected<Diagnostic> spent(const ExpressionNode& node) {
    if (left_.operations < 0) return raise(node, "this expression takes more steps than it may");
    return raise(node, "this expression needs more memory than it may");
  }

  tl::unexpected<Diagnostic> raise(const ExpressionNode& node, std::string message, std::string help = {}) {
    return raise(node, node.at, std::move(message), std::move(help));
  }

  // `node` is what failed, `at` the part of it to point at.
  tl::unexpected<Diagnostic> raise(const ExpressionNode& node, Span at, std::string message, std::string help = {}) {
    Diagnostic problem;
    problem.code = "expression-failed";
    problem.at = at;
    problem.message = std::move(message);
    problem.help = std::move(help);
    for (const auto& [word, value] : parameters_)
      if (problem.notes.size() < shown_parts) problem.notes.push_back({at, word + " = " + shown(*value)});
    // The parts of what failed come first when not all can be shown.
    for (bool inside : {true, false})
      for (const Part& part : parts_) {
        bool is_inside = part.at.begin >= node.at.begin && part.at.end <= node.at.end;
        if (is_inside == inside && problem.notes.size() < shown_parts)
          problem.notes.push_back({part.at, part.text + " = " + shown(part.value)});
      }
    std::stable_sort(problem.notes.begin(), problem.notes.end(),
                     [](const Note& a, const Note& b) { return a.at.begin < b.at.begin; });
    return tl::unexpected(std::move(problem));
  }

  std::string written(const ExpressionNode& node) const {
    return text_.substr(node.text_begin, node.text_end - node.text_begin);
  }

  Got keep(const ExpressionNode& node, Value made) {
    int64_t bytes = weight(made);
    left_.bytes -= bytes;
    if (!spend(bytes / bytes_per_operation) || left_.bytes < 0) return spent(node);
    kept_.push_back(std::move(made));
    return &kept_.back();
  }

  // Remembers the value of a part for claims and errors.
  const Value* part(const ExpressionNode& node, const Value* got) {
    if (inside_function_ > 0 || parts_left_ < 0) return got;
    std::string text = written(node);
    Span at = node.at;
    while (text.front() == '(' && text.back() == ')') text = text.substr(1, text.size() - 2);
    if (node.kind == ExpressionNode::Kind::name) at = {at.file, node.pieces.front().begin, node.pieces.back().end};
    for (const Part& known : parts_)
      if (known.text == text) return got;
    parts_left_ -= weight(*got);
    if (parts_left_ >= 0) parts_.push_back({at, std::move(text), *got});
    return got;
  }

  // `at` and `what_text` are the place and the text of `what`.
  Got step(const ExpressionNode& node, const Value& what, const Value& key, Span at, const std::string& what_text) {
    if (key.is<Secret>()) return raise(node, std::string(rule_of_secrets()));
    if (what.is<Unknown>()) return &what;
    if (key.is<Unknown>()) return keep(node, key);
    if (const auto* map = what.find<Map>()) {
      const auto* text = key.find<std::string>();
      const Value* found = text ? member(*map, *text) : nullptr;
      return found ? found : &nil_;
    }
    if (const auto* list = what.find<List>()) {
      Value number = as_number(key, false);
      double n = number.is<int64_t>()  ? static_cast<double>(number.get<int64_t>())
                 : number.is<double>() ? number.get<double>()
                                       : 0;
      if (n >= 1 && n <= static_cast<double>(list->size()) && static_cast<double>(static_cast<size_t>(n)) == n)
        return &(*list)[static_cast<size_t>(n) - 1];
      return &nil_;
    }
    if (what.is<Secret>()) return raise(node, at, std::string(rule_of_secrets()));
    return raise(node, at,
                 what.is_null() ? "`" + what_text + "` is nil"
                                : "`" + what_text + "` is " + article_and_type(what) + " and has no fields");
  }

  Got name(const ExpressionNode& node) {
    tl::expected<Environment::Found, std::string> found = names_.find(node.path);
    if (!found)
      return raise(node, Span{node.at.file, node.pieces.front().begin, node.pieces.back().end}, found.error());
    const Value* at = found->value;
    for (size_t i = found->used; i < node.path.size(); ++i) {
      bool deep = !at->is<Map>();  // the words of an error cost more than the step
      Span place{node.at.file, node.pieces.front().begin, node.pieces[i == 0 ? 0 : i - 1].end};
      Got next = step(node, *at, Value(node.path[i]), place, deep ? joined(node.path, i) : std::string());
      if (!next) return next;
      at = *next;
    }
    return part(node, at);
  }

  static std::string joined(const std::vector<std::string>& path, size_t count) {
    std::string out;
    for (size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ".") + path[i];
    return out;
  }

  Got index(const ExpressionNode& node) {
    Got what = value(*node.children[0]);
    if (!what) return what;
    Got key = value(*node.children[1]);
    if (!key) return key;
    Got got = step(node, **what, **key, node.children[0]->at, written(*node.children[0]));
    if (!got) return got;
    return part(node, *got);
  }

  // Only the side that is chosen is evaluated: `cond(x == nil, 0, x.size)` is what it is for.
  Got cond(const ExpressionNode& node) {
    Got test = value(*node.children[0]);
    if (!test) return test;
    if ((*test)->is<Unknown>()) return test;
    if ((*test)->is<Secret>()) return raise(*node.children[0], std::string(rule_of_secrets()));
    const ExpressionNode& side = *node.children[is_true(**test) ? 1 : 2];
    Got got = value(side);
    if (!got) return got;
    if (holds_secret(**got)) return raise(side, std::string(rule_of_secrets()));
    return part(node, *got);
  }

  // A script's function counts against its own limits; what it gives counts here.
  Got call_script(const ExpressionNode& node) {
    std::vector<Value> values;
    for (const NodePtr& child : node.children) {
      Got got = value(*child);
      if (!got) return got;
      Inside inside(**got);
      if (!spend(inside.cost())) return spent(node);
      if (inside.unknown) return keep(node, Value(*inside.unknown));
      if (inside.secret) return raise(*child, std::string(rule_of_secrets()));
      values.push_back(**got);
    }
    tl::expected<Value, std::string> answer = names_.call(node.text, values);
    if (!answer) return raise(node, answer.error());
    Got kept = keep(node, std::move(*answer));
    if (!kept) return kept;
    return part(node, *kept);
  }

  Got call(const ExpressionNode& node) {
    if (node.path.size() == 2) return call_script(node);
    const Helper* helper = find_helper(node.text);
    if (!helper) return raise(node, "no helper is called `" + node.text + "`");
    auto count = static_cast<int>(node.children.size());
    if (count < helper->least || (helper->most >= 0 && count > helper->most))
      return raise(node, "`" + node.text + "` is written `" + std::string(helper->form) + "`");
    if (std::optional<Got> answer = question_about_secret(node)) return std::move(*answer);
    std::vector<const Value*> values;
    std::vector<Callback> functions;
    const Unknown* unknown = nullptr;
    for (const NodePtr& child : node.children) {
      if (child->kind == ExpressionNode::Kind::function) {
        values.push_back(&nil_);
        functions.push_back(callback(*child));
        continue;
      }
      Got got = value(*child);
      if (!got) return got;
      Inside inside(**got);
      if (!spend(inside.cost())) return spent(node);
      if (inside.unknown) unknown = inside.unknown;
      if (inside.secret && node.text != "is_set") return raise(*child, std::string(rule_of_secrets()));
      values.push_back(*got);
      functions.emplace_back();
    }
    if (unknown) return keep(node, Value(*unknown));
    failed_inside_.reset();
    int64_t bytes_before = left_.bytes;
    HelperCall asked{values, functions, names_.now(),
                     [this](int64_t operations, int64_t bytes) {
                       left_.bytes -= bytes;
                       return spend(operations) && left_.bytes >= 0;
                     },
                     [this](const std::string& zone) { return names_.zone(zone); }};
    tl::expected<Value, std::string> answer = helper->call(asked);
    if (!answer) {
      if (failed_inside_) return tl::unexpected(std::move(*failed_inside_));
      if (left_.operations < 0 || left_.bytes < 0) return spent(node);
      return raise(node, answer.error());
    }
    left_.bytes = bytes_before;  // what the helper held meanwhile is gone, or part of its answer
    Got kept = keep(node, std::move(*answer));
    if (!kept) return kept;
    return part(node, *kept);
  }

  // `is_set(secrets.x)` is answered without opening it.
  std::optional<Got> question_about_secret(const ExpressionNode& node) {
    if (node.text != "is_set" || node.children.size() != 1) return std::nullopt;
    const ExpressionNode& asked = *node.children[0];
    if (asked.kind != ExpressionNode::Kind::name || asked.path.size() != 2 || asked.path[0] != "secrets")
      return std::nullopt;
    tl::expected<bool, std::string> answer = names_.has_secret(asked.path[1]);
    if (!answer) return raise(asked, answer.error());
    Got kept = keep(node, Value(*answer));
    if (!kept) return kept;
    return part(node, *kept);
  }

  Callback callback(const ExpressionNode& function) {
    return [this, &function](std::span<const Value* const> arguments) -> tl::expected<Value, std::string> {
      if (inside_function_ >= call_depth) return tl::unexpected(std::string("functions are nested too deep"));
      std::map<std::string, const Value*> outer = parameters_;
      if (function.parameters)
        for (size_t i = 0; i < function.parameters->size(); ++i)
          parameters_[(*function.parameters)[i]] = i < arguments.size() ? arguments[i] : &nil_;
      size_t kept_before = kept_.size();
      int64_t bytes_before = left_.bytes;
      ++inside_function_;
      const ExpressionNode& body = *function.children[0];
      Got got = value(body);
      if (got && holds_secret(**got)) got = raise(body, std::string(rule_of_secrets()));
      Value said;
      if (got) {
        // The value outlives what was made on the way to it.
        int64_t bytes = weight(**got) - weight(nil_);  // a plain value costs its step only
        left_.bytes = bytes_before - bytes;
        if (!spend(bytes / bytes_per_operation) || left_.bytes < 0) {
          got = spent(body);
        } else {
          said = **got;
        }
      }
      --inside_function_;
      parameters_ = std::move(outer);
      while (kept_.size() > kept_before) kept_.pop_back();
      if (got) return said;
      failed_inside_ = std::move(got.error());
      return tl::unexpected(failed_inside_->message);
    };
  }

  Got unary(const ExpressionNode& node) {
    Got operand = value(*node.children[0]);
    if (!operand) return operand;
    if ((*operand)->is<Unknown>()) return operand;
    tl::expected<Value, std::string> got = apply_unary(node.op, **operand);
    if (!got) return raise(node, got.error() + " (`" + written(*node.children[0]) + "`)");
    return keep(node, std::move(*got));
  }

  Got binary(const ExpressionNode& node) {
    Got left = value(*node.children[0]);
    if (!left) return left;
    if (node.op == Operator::and_ || node.op == Operator::or_) return decide(node, *left);
    Got right = value(*node.children[1]);
    if (!right) return right;
    if ((*left)->is<Unknown>()) return left;
    if ((*right)->is<Unknown>()) return right;
    if (node.op == Operator::equal || node.op == Operator::unequal) {
      Inside a(**left), b(**right);
      if (!spend(a.cost() + b.cost())) return spent(node);
      if (a.unknown || b.unknown) return keep(node, Value(a.unknown ? *a.unknown : *b.unknown));
    }
    tl::expected<Value, std::string> got = apply_binary(node.op, **left, **right);
    if (!got) return raise(node, got.error() + " (`" + written(node) + "`)");
    return keep(node, std::move(*got));
  }

  // `and`, `or`: `unknown and false` is false, `unknown or true` is true, everything else that reads an unknown is
  // unknown. What the right side raises behind an unknown left one is not known to happen, and so is unknown, too.
  Got decide(const ExpressionNode& node, const Value* left) {
    if (left->is<Secret>()) return raise(*node.children[0], std::string(rule_of_secrets()));
    bool is_and = node.op == Operator::and_;
    if (!left->is<Unknown>()) {
      if (is_true(*left) != is_and) return left;
      return value(*node.children[1]);
    }
    Got right = value(*node.children[1]);
    if (left_.operations < 0 || left_.bytes < 0) return spent(node);
    const bool* known = right ? (*right)->find<bool>() : nullptr;
    return known && *known != is_and ? right : left;
  }

  Got table(const ExpressionNode& node) {
    List list;
    Map map;
    bool has_keys = false;
    for (size_t i = 0; i < node.children.size(); ++i) {
      const ExpressionNode* named = node.key(i);
      if (!named) {
        Got item = value(*node.children[i]);
        if (!item) return item;
        list.push_back(**item);
        continue;
      }
      has_keys = true;
      Got key = value(*named);
      if (!key) return key;
      Got item = value(*node.children[i]);
      if (!item) return item;
      if ((*key)->is<Unknown>()) return key;
      const auto* text = (*key)->find<std::string>();
      if (!text) return raise(*named, "a key of a table must be text here, and is " + article_and_type(**key));
      if ((*item)->is_null()) {
        map.erase(*text);  // as in Lua: a field that is nil is not there
      } else {
        map[*text] = **item;
      }
    }
    if (has_keys && !list.empty()) return raise(node, "a table is a list or a map here, not both");
    return has_keys ? keep(node, Value(std::move(map))) : keep(node, Value(std::move(list)));
  }

  const std::string& text_;
  const Environment& names_;
  Budget left_;
  std::deque<Value> kept_;
  int64_t parts_left_;  // bytes; an expression over large data keeps its first parts only
  std::vector<Part> parts_;
  std::map<std::string, const Value*> parameters_;
  std::optional<Diagnostic> failed_inside_;
  int inside_function_ = 0;
  const Value nil_;
};

}  // namespace

tl::expected<Evaluation, Diagnostic> evaluate(const Expression& expression, const Environment& names, Budget budget) {
  Evaluator evaluator(expression.text, names, budget);
  Evaluator::Got got = evaluator.value(*expression.tree.root);
  if (!got) return tl::unexpected(std::move(got.error()));
  Evaluation out;
  out.value = **got;
  out.parts = std::move(evaluator).parts();
  return out;
}

}  // namespace muster
