#include "interpreter/expression/evaluate.h"

#include <algorithm>
#include <deque>
#include <map>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
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
  if (text.size() <= shown_characters) return text;
  size_t cut = shown_characters;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  return text.substr(0, cut) + "…";
}

// What keeps a value in memory, about.
int64_t weight(const Value& value) {
  if (const auto* text = value.find<std::string>()) return static_cast<int64_t>(text->size()) + 16;
  if (const auto* list = value.find<List>()) {
    int64_t sum = 16;
    for (const Value& item : *list) sum += weight(item);
    return sum;
  }
  if (const auto* map = value.find<Map>()) {
    int64_t sum = 16;
    for (const auto& [name, item] : *map) sum += weight(item) + static_cast<int64_t>(name.size()) + 48;
    return sum;
  }
  return 16;
}

class Evaluator {
 public:
  using Got = tl::expected<const Value*, Diagnostic>;

  Evaluator(const std::string& text, const Environment& names, Budget budget) : text_(text), names_(names), left_(budget) {}

  Got value(const ExpressionNode& node) {
    if (--left_.operations < 0) return raise(node, "this expression takes more steps than it may");
    switch (node.kind) {
      case ExpressionNode::Kind::constant: return &node.constant;
      case ExpressionNode::Kind::name: return name(node);
      case ExpressionNode::Kind::parameter: return parameters_.at(node.text);
      case ExpressionNode::Kind::index: return index(node);
      case ExpressionNode::Kind::call: return call(node);
      case ExpressionNode::Kind::unary: return unary(node);
      case ExpressionNode::Kind::binary: return binary(node);
      case ExpressionNode::Kind::table: return table(node);
      case ExpressionNode::Kind::function: return raise(node, "a function can only be handed to a helper: `map(list, function(x) return x end)`");
    }
    return raise(node, "this cannot be evaluated");
  }

  std::vector<Part> parts() && { return std::move(parts_); }

 private:
  tl::unexpected<Diagnostic> raise(const ExpressionNode& node, std::string message, std::string help = {}) {
    Diagnostic problem;
    problem.code = "expression-failed";
    problem.at = node.at;
    problem.message = std::move(message);
    problem.help = std::move(help);
    for (const Part& part : parts_) {
      if (problem.notes.size() >= shown_parts) break;
      problem.notes.push_back({part.at, part.text + " = " + shown(part.value)});
    }
    return tl::unexpected(std::move(problem));
  }

  std::string written(const ExpressionNode& node) const { return text_.substr(node.text_begin, node.text_end - node.text_begin); }

  Got keep(const ExpressionNode& node, Value made) {
    left_.bytes -= weight(made);
    if (left_.bytes < 0) return raise(node, "this expression needs more memory than it may");
    kept_.push_back(std::move(made));
    return &kept_.back();
  }

  // Remembers the value of a part for claims and errors.
  const Value* part(const ExpressionNode& node, const Value* got) {
    if (inside_function_ > 0) return got;
    std::string text = written(node);
    for (const Part& known : parts_)
      if (known.text == text) return got;
    parts_.push_back({node.at, std::move(text), *got});
    return got;
  }

  Got step(const ExpressionNode& node, const Value& what, const Value& key, const std::string& what_text) {
    if (what.is<Unknown>()) return &what;
    if (key.is<Unknown>()) return keep(node, key);
    if (const auto* map = what.find<Map>()) {
      const auto* text = key.find<std::string>();
      if (!text) return &nil_;
      const Value* found = member(*map, *text);
      return found ? found : &nil_;
    }
    if (const auto* list = what.find<List>()) {
      Value number = as_number(key, false);
      double at = number.is<int64_t>() ? static_cast<double>(number.get<int64_t>()) : number.is<double>() ? number.get<double>() : 0;
      if (at == 0 && number.is<int64_t>()) return raise(node, "lists are counted from 1: `[0]` is never there", "the first one is `[1]`");
      if (at >= 1 && at <= static_cast<double>(list->size()) && static_cast<double>(static_cast<size_t>(at)) == at)
        return &(*list)[static_cast<size_t>(at) - 1];
      return &nil_;
    }
    if (what.is<Secret>()) return raise(node, "a secret has no fields");
    return raise(node, what.is_null() ? "`" + what_text + "` is nil" : "`" + what_text + "` is a " + std::string(type_name(what)) + " and has no fields");
  }

  Got name(const ExpressionNode& node) {
    tl::expected<Environment::Found, std::string> found = names_.find(node.path);
    if (!found) return raise(node, found.error());
    const Value* at = found->value;
    std::string so_far;
    for (size_t i = 0; i < node.path.size(); ++i) {
      if (i >= found->used) {
        Got next = step(node, *at, Value(node.path[i]), so_far);
        if (!next) return next;
        at = *next;
      }
      so_far += (i == 0 ? "" : ".") + node.path[i];
    }
    return part(node, at);
  }

  Got index(const ExpressionNode& node) {
    Got what = value(*node.children[0]);
    if (!what) return what;
    Got key = value(*node.children[1]);
    if (!key) return key;
    Got got = step(node, **what, **key, written(*node.children[0]));
    if (!got) return got;
    return part(node, *got);
  }

  Got call(const ExpressionNode& node) {
    const Helper* helper = find_helper(node.text);
    if (!helper) return raise(node, "no helper is called `" + node.text + "`");
    auto count = static_cast<int>(node.children.size());
    if (count < helper->least || (helper->most >= 0 && count > helper->most))
      return raise(node, "`" + node.text + "` is written `" + std::string(helper->form) + "`");
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
      if (const Unknown* found = find_unknown(**got)) unknown = found;
      if (holds_secret(**got) && node.text != "is_set")
        return raise(*child, "a secret may be joined with text, and nothing else; `is_set(…)` is the one question");
      values.push_back(*got);
      functions.emplace_back();
    }
    if (unknown) return keep(node, Value(*unknown));
    failed_inside_.reset();
    HelperCall asked{values, functions, names_.now(), [this](int64_t operations, int64_t bytes) {
                       left_.operations -= operations;
                       left_.bytes -= bytes;
                       return left_.operations >= 0 && left_.bytes >= 0;
                     }};
    tl::expected<Value, std::string> answer = helper->call(asked);
    if (!answer) {
      if (failed_inside_) return tl::unexpected(std::move(*failed_inside_));
      if (left_.operations < 0) return raise(node, "this expression takes more steps than it may");
      if (left_.bytes < 0) return raise(node, "this expression needs more memory than it may");
      return raise(node, answer.error());
    }
    Got kept = keep(node, std::move(*answer));
    if (!kept) return kept;
    return part(node, *kept);
  }

  Callback callback(const ExpressionNode& function) {
    return [this, &function](const std::vector<Value>& arguments) -> tl::expected<Value, std::string> {
      if (inside_function_ >= call_depth) return tl::unexpected(std::string("functions are nested too deep"));
      std::map<std::string, const Value*> outer = parameters_;
      const Value none;
      for (size_t i = 0; i < function.parameters.size(); ++i) parameters_[function.parameters[i]] = i < arguments.size() ? &arguments[i] : &none;
      ++inside_function_;
      Got got = value(*function.children[0]);
      --inside_function_;
      parameters_ = std::move(outer);
      if (got) return **got;
      failed_inside_ = got.error();
      return tl::unexpected(got.error().message);
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
    if (node.op == Operator::and_ || node.op == Operator::or_) {
      bool decides = node.op == Operator::and_;
      if (!(*left)->is<Unknown>()) {
        if (is_true(**left) != decides) return left;
        return value(*node.children[1]);
      }
      // Unknown on the left: the right side alone may decide, and what it raises is not known to happen.
      Got right = value(*node.children[1]);
      if (right && !(*right)->is<Unknown>() && is_true(**right) != decides) {
        // `unknown and x` yields x only when the left is true; a false right side makes it false either way.
        return keep(node, Value(!decides));
      }
      return left;
    }
    Got right = value(*node.children[1]);
    if (!right) return right;
    if ((*left)->is<Unknown>()) return left;
    if ((*right)->is<Unknown>()) return right;
    tl::expected<Value, std::string> got = apply_binary(node.op, **left, **right);
    if (!got) return raise(node, got.error() + " (`" + written(node) + "`)");
    return keep(node, std::move(*got));
  }

  Got table(const ExpressionNode& node) {
    List list;
    Map map;
    for (size_t i = 0; i < node.children.size(); ++i) {
      Got item = value(*node.children[i]);
      if (!item) return item;
      if (!node.keys[i]) {
        list.push_back(**item);
        continue;
      }
      Got key = value(*node.keys[i]);
      if (!key) return key;
      if ((*key)->is<Unknown>()) return key;
      if (const auto* text = (*key)->find<std::string>()) {
        if ((*item)->is_null()) {
          map.erase(*text);  // as in Lua: a field that is nil is not there
        } else {
          map[*text] = **item;
        }
      } else {
        return raise(*node.keys[i], "a key of a table must be text here, and is a " + std::string(type_name(**key)));
      }
    }
    if (!list.empty() && !map.empty()) return raise(node, "a table is a list or a map here, not both");
    if (!map.empty() || (node.children.size() > 0 && list.empty())) return keep(node, Value(std::move(map)));
    return keep(node, Value(std::move(list)));
  }

  const std::string& text_;
  const Environment& names_;
  Budget left_;
  std::deque<Value> kept_;
  std::vector<Part> parts_;
  std::map<std::string, const Value*> parameters_;
  std::optional<Diagnostic> failed_inside_;
  int inside_function_ = 0;
  const Value nil_;
};

bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
}

std::string percent_encode(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(byte)) {
      out.push_back(c);
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

tl::expected<Value, Diagnostic> fill(const Template& text, const Environment& names, Budget budget, bool url) {
  if (const Expression* only = text.whole()) {
    tl::expected<Evaluation, Diagnostic> got = evaluate(*only, names, budget);
    if (!got) return tl::unexpected(std::move(got.error()));
    return std::move(got->value);
  }
  std::string out;
  std::string secret_name;
  std::optional<Unknown> unknown;
  for (size_t i = 0; i < text.pieces.size(); ++i) {
    if (const auto* plain = std::get_if<std::string>(&text.pieces[i])) {
      out += *plain;
      continue;
    }
    const Expression& expression = std::get<Expression>(text.pieces[i]);
    tl::expected<Evaluation, Diagnostic> got = evaluate(expression, names, budget);
    if (!got) return tl::unexpected(std::move(got.error()));
    const Value& value = got->value;
    if (value.is_null()) {
      Diagnostic problem;
      problem.code = "expression-failed";
      problem.at = expression.at;
      problem.message = "`" + expression.text + "` is nil, and nil cannot stand inside text";
      problem.help = "give a default: `" + expression.text + " or \"\"`";
      return tl::unexpected(std::move(problem));
    }
    if (const auto* found = value.find<Unknown>()) {
      unknown = *found;
      continue;
    }
    std::string piece;
    if (const auto* secret = value.find<Secret>()) {
      secret_name = secret->name();
      piece = std::string(secret->reveal(SecretSink::concatenation));
    } else {
      piece = to_text(value);
    }
    bool leading = i == 0;
    out += url && !leading ? percent_encode(piece) : piece;
  }
  if (unknown) return Value(*unknown);
  if (!secret_name.empty()) return Value(Secret(secret_name, std::move(out)));
  return Value(std::move(out));
}

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

tl::expected<Value, Diagnostic> evaluate(const Template& text, const Environment& names, Budget budget) { return fill(text, names, budget, false); }

tl::expected<Value, Diagnostic> evaluate_url(const Template& text, const Environment& names, Budget budget) { return fill(text, names, budget, true); }

}  // namespace muster
