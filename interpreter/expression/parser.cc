#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "interpreter/expression/expression.h"
#include "interpreter/expression/helpers.h"
#include "interpreter/expression/lexer.h"
#include "interpreter/expression/tree.h"

namespace muster {
namespace {

constexpr int depth_limit = 200;
// Operators of one rank nest to the left without end; the tree is walked by recursion.
constexpr size_t token_limit = 4000;

struct BinaryRule {
  std::string_view word;
  Operator op;
  int left, right;  // binding; right < left binds to the right
};

// The Lua 5.4 manual, 3.4.8.
constexpr std::array<BinaryRule, 21> binary_rules = {{
    {"or", Operator::or_, 1, 1},           {"and", Operator::and_, 2, 2},          {"<", Operator::less, 3, 3},
    {">", Operator::greater, 3, 3},        {"<=", Operator::less_equal, 3, 3},     {">=", Operator::greater_equal, 3, 3},
    {"~=", Operator::unequal, 3, 3},       {"==", Operator::equal, 3, 3},          {"|", Operator::bit_or, 4, 4},
    {"~", Operator::bit_xor, 5, 5},        {"&", Operator::bit_and, 6, 6},         {"<<", Operator::shift_left, 7, 7},
    {">>", Operator::shift_right, 7, 7},   {"..", Operator::concat, 9, 8},         {"+", Operator::add, 10, 10},
    {"-", Operator::subtract, 10, 10},     {"*", Operator::multiply, 11, 11},      {"/", Operator::divide, 11, 11},
    {"//", Operator::floor_divide, 11, 11}, {"%", Operator::modulo, 11, 11},       {"^", Operator::power, 14, 13},
}};
constexpr int unary_binding = 12;

class Parser {
 public:
  Parser(const LocatedText& text, Diagnostics& problems) : text_(text), problems_(problems) {}

  std::optional<Expression> run() {
    LexProblem lexical;
    if (!lex(text_.text, tokens_, lexical)) {
      refuse(lexical.begin, lexical.end, lexical.message, lexical.help);
      return std::nullopt;
    }
    if (tokens_.size() == 1) {
      refuse(0, static_cast<uint32_t>(text_.text.size()), "an expression was expected here, and nothing stands here");
      return std::nullopt;
    }
    if (tokens_.size() > token_limit) {
      refuse(0, 1, "this expression has more than " + std::to_string(token_limit) + " words", "split it over several steps with `set`");
      return std::nullopt;
    }
    NodePtr root = binary(0);
    if (!root) return std::nullopt;
    if (now().kind != Token::Kind::end) {
      trailing();
      return std::nullopt;
    }
    Expression out;
    out.at = text_.span(0, text_.text.size());
    out.text = text_.text;
    collect(*root, false);
    out.reads = std::move(reads_);
    out.tree.root = std::move(root);
    return out;
  }

 private:
  const Token& now() const { return tokens_[at_]; }
  bool is(std::string_view word) const {
    return now().word == word && (now().kind == Token::Kind::symbol || now().kind == Token::Kind::keyword);
  }
  bool take(std::string_view word) {
    if (!is(word)) return false;
    ++at_;
    return true;
  }
  std::string found() const {
    if (now().kind == Token::Kind::end) return "the expression ends";
    return "`" + text_.text.substr(now().begin, now().end - now().begin) + "` stands";
  }
  NodePtr refuse(uint32_t begin, uint32_t end, std::string message, std::string help = {}) {
    if (!refused_) {
      Diagnostic problem;
      problem.code = "expression-syntax";
      problem.at = text_.span(begin, end);
      problem.message = std::move(message);
      problem.help = std::move(help);
      problems_.push_back(std::move(problem));
    }
    refused_ = true;
    return nullptr;
  }
  NodePtr refuse_here(std::string message, std::string help = {}) { return refuse(now().begin, now().end, std::move(message), std::move(help)); }

  void trailing() {
    if (is("=")) {
      refuse_here("`=` is no comparison", "write `==`");
    } else if (is(":")) {
      refuse_here("methods cannot be called in expressions", "the helpers are functions: `len(x)`, `contains(x, y)`");
    } else if (is(";") || is(",")) {
      refuse_here("one expression was expected, and another follows", "a comma ends a value inside brackets of YAML: quote the whole");
    } else {
      refuse_here("an operator or the end was expected, and " + found() + " here");
    }
  }

  std::shared_ptr<ExpressionNode> make(ExpressionNode::Kind kind, uint32_t begin, uint32_t end) {
    auto node = std::make_shared<ExpressionNode>();
    node->kind = kind;
    node->text_begin = begin;
    node->text_end = end;
    node->at = text_.span(begin, end);
    return node;
  }

  NodePtr binary(int limit) {
    if (++depth_ > depth_limit) return refuse_here("this expression is nested deeper than " + std::to_string(depth_limit));
    NodePtr left = unary();
    while (left) {
      auto rule = std::find_if(binary_rules.begin(), binary_rules.end(), [&](const BinaryRule& r) { return is(r.word); });
      if (rule == binary_rules.end() || rule->left <= limit) break;
      ++at_;
      NodePtr right = binary(rule->right);
      if (!right) return nullptr;
      auto node = make(ExpressionNode::Kind::binary, left->text_begin, right->text_end);
      node->op = rule->op;
      node->children = {left, right};
      left = node;
    }
    --depth_;
    return left;
  }

  NodePtr unary() {
    uint32_t begin = now().begin;
    Operator op = Operator::not_;
    if (is("not")) {
      op = Operator::not_;
    } else if (is("#")) {
      op = Operator::length;
    } else if (is("-")) {
      op = Operator::negate;
    } else if (is("~")) {
      op = Operator::bit_not;
    } else {
      return postfix();
    }
    ++at_;
    NodePtr operand = binary(unary_binding);
    if (!operand) return nullptr;
    auto node = make(ExpressionNode::Kind::unary, begin, operand->text_end);
    node->op = op;
    node->children = {operand};
    return node;
  }

  NodePtr postfix() {
    NodePtr node = primary();
    while (node) {
      if (take(".")) {
        if (now().kind != Token::Kind::name) return refuse_here("a field's name was expected behind `.`, and " + found() + " here");
        node = field(node, now().word, now().end);
        ++at_;
      } else if (is("[")) {
        ++at_;
        uint32_t key_begin = now().begin;
        NodePtr key = binary(0);
        if (!key) return nullptr;
        if (!is("]")) return refuse_here("`]` was expected, and " + found() + " here");
        uint32_t end = now().end;
        ++at_;
        if (key->kind == ExpressionNode::Kind::constant && key->constant.is<int64_t>() && key->constant.get<int64_t>() == 0)
          return refuse(key_begin, key->text_end, "lists are counted from 1: `[0]` is never there", "the first one is `[1]`");
        if (key->kind == ExpressionNode::Kind::constant && key->constant.is<std::string>()) {
          node = field(node, key->constant.get<std::string>(), end);
          continue;
        }
        auto index = make(ExpressionNode::Kind::index, node->text_begin, end);
        index->children = {node, key};
        node = index;
      } else if (is("(")) {
        node = call(node);
      } else if (is(":")) {
        return refuse_here("methods cannot be called in expressions", "the helpers are functions: `len(x)`, `contains(x, y)`");
      } else if (now().kind == Token::Kind::text || is("{")) {
        return refuse_here("a helper's arguments stand in parentheses, and " + found() + " here");
      } else {
        break;
      }
    }
    return node;
  }

  // `a.b`: part of the name's path where everything before it is constant.
  NodePtr field(const NodePtr& what, const std::string& name, uint32_t end) {
    if (what->kind == ExpressionNode::Kind::name) {
      auto longer = std::make_shared<ExpressionNode>(*what);
      longer->path.push_back(name);
      longer->text_end = end;
      longer->at = text_.span(longer->text_begin, end);
      longer->children.clear();
      piece_ends_[longer.get()] = piece_ends_[what.get()];
      piece_ends_[longer.get()].push_back({end - static_cast<uint32_t>(name.size()), end});
      return longer;
    }
    auto index = make(ExpressionNode::Kind::index, what->text_begin, end);
    auto key = make(ExpressionNode::Kind::constant, end - static_cast<uint32_t>(name.size()), end);
    key->constant = Value(name);
    index->children = {what, key};
    return index;
  }

  NodePtr call(const NodePtr& what) {
    ++at_;
    std::vector<NodePtr> arguments;
    if (!is(")")) {
      while (true) {
        NodePtr argument = binary(0);
        if (!argument) return nullptr;
        arguments.push_back(std::move(argument));
        if (!take(",")) break;
      }
    }
    if (!is(")")) {
      if (is("=")) return refuse_here("`=` is no comparison", "write `==`");
      return refuse_here("`,` or `)` was expected, and " + found() + " here");
    }
    uint32_t end = now().end;
    ++at_;
    bool is_helper = what->kind == ExpressionNode::Kind::name && what->path.size() == 1;
    if (!is_helper) return refuse(what->text_begin, end, "only helpers can be called: `len(x)`, `contains(x, y)`, ...");
    auto node = make(ExpressionNode::Kind::call, what->text_begin, end);
    node->text = what->path[0];
    node->children = std::move(arguments);
    return node;
  }

  NodePtr primary() {
    const Token token = now();
    switch (token.kind) {
      case Token::Kind::number:
      case Token::Kind::text: {
        ++at_;
        auto node = make(ExpressionNode::Kind::constant, token.begin, token.end);
        node->constant = token.value;
        return node;
      }
      case Token::Kind::name: {
        ++at_;
        bool bound = std::find(bound_.begin(), bound_.end(), token.word) != bound_.end();
        auto node = make(bound ? ExpressionNode::Kind::parameter : ExpressionNode::Kind::name, token.begin, token.end);
        if (bound) {
          node->text = token.word;
        } else {
          node->path = {token.word};
          piece_ends_[node.get()] = {{token.begin, token.end}};
        }
        return node;
      }
      case Token::Kind::keyword:
        if (token.word == "nil" || token.word == "true" || token.word == "false") {
          ++at_;
          auto node = make(ExpressionNode::Kind::constant, token.begin, token.end);
          if (token.word != "nil") node->constant = Value(token.word == "true");
          return node;
        }
        if (token.word == "function") return function();
        return refuse_here("`" + token.word + "` is a statement: only expressions can stand here");
      case Token::Kind::symbol:
        if (token.word == "(") {
          ++at_;
          NodePtr inner = binary(0);
          if (!inner) return nullptr;
          if (!take(")")) return refuse_here("`)` was expected, and " + found() + " here");
          // A copy with the parentheses' span: `(a).b` is an index, not a longer name.
          auto node = std::make_shared<ExpressionNode>(*inner);
          if (inner->kind == ExpressionNode::Kind::name) piece_ends_[node.get()] = piece_ends_[inner.get()];
          return node;
        }
        if (token.word == "{") return table();
        if (token.word == "...") return refuse_here("`...` has no meaning in expressions");
        return refuse_here("a value was expected, and " + found() + " here");
      case Token::Kind::end: break;
    }
    return refuse_here("a value was expected, and " + found());
  }

  NodePtr function() {
    uint32_t begin = now().begin;
    ++at_;
    if (!take("(")) return refuse_here("`(` was expected behind `function`, and " + found() + " here");
    std::vector<std::string> parameters;
    while (!is(")")) {
      if (now().kind != Token::Kind::name) return refuse_here("a parameter's name was expected, and " + found() + " here");
      parameters.push_back(now().word);
      ++at_;
      if (!take(",")) break;
    }
    if (!take(")")) return refuse_here("`)` was expected, and " + found() + " here");
    if (!take("return")) return refuse_here("a function here is `function(x) return e end`: `return` was expected, and " + found());
    size_t outer = bound_.size();
    bound_.insert(bound_.end(), parameters.begin(), parameters.end());
    NodePtr body = binary(0);
    bound_.resize(outer);
    if (!body) return nullptr;
    if (!is("end")) return refuse_here("`end` was expected, and " + found() + " here");
    auto node = make(ExpressionNode::Kind::function, begin, now().end);
    ++at_;
    node->parameters = std::move(parameters);
    node->children = {body};
    return node;
  }

  NodePtr table() {
    uint32_t begin = now().begin;
    ++at_;
    std::vector<NodePtr> values, keys;
    while (!is("}")) {
      NodePtr key;
      if (now().kind == Token::Kind::name && tokens_[at_ + 1].word == "=" && tokens_[at_ + 1].kind == Token::Kind::symbol) {
        auto name = make(ExpressionNode::Kind::constant, now().begin, now().end);
        name->constant = Value(now().word);
        key = name;
        at_ += 2;
      } else if (take("[")) {
        key = binary(0);
        if (!key) return nullptr;
        if (!take("]") || !take("=")) return refuse_here("`] =` was expected, and " + found() + " here");
      }
      NodePtr value = binary(0);
      if (!value) return nullptr;
      keys.push_back(std::move(key));
      values.push_back(std::move(value));
      if (!take(",") && !take(";")) break;
    }
    if (!is("}")) return refuse_here("`,` or `}` was expected, and " + found() + " here");
    auto node = make(ExpressionNode::Kind::table, begin, now().end);
    ++at_;
    node->children = std::move(values);
    node->keys = std::move(keys);
    return node;
  }

  // Every free name, in the order of the text.
  void collect(const ExpressionNode& node, bool indexed) {
    if (node.kind == ExpressionNode::Kind::name) {
      Read read;
      read.path = node.path;
      read.at = node.at;
      for (auto [begin, end] : piece_ends_[&node]) read.pieces.push_back(text_.span(begin, end));
      read.is_whole = !indexed;
      reads_.push_back(std::move(read));
    }
    if (node.kind == ExpressionNode::Kind::call) {
      Read read;
      read.path = {node.text};
      uint32_t end = node.text_begin + static_cast<uint32_t>(node.text.size());
      read.at = text_.span(node.text_begin, end);
      read.pieces = {read.at};
      read.called = true;
      reads_.push_back(std::move(read));
    }
    for (size_t i = 0; i < node.children.size(); ++i) {
      if (i < node.keys.size() && node.keys[i]) collect(*node.keys[i], false);
      collect(*node.children[i], node.kind == ExpressionNode::Kind::index && i == 0);
    }
  }

  const LocatedText& text_;
  Diagnostics& problems_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  bool refused_ = false;
  std::vector<std::string> bound_;
  std::map<const ExpressionNode*, std::vector<std::pair<uint32_t, uint32_t>>> piece_ends_;
  std::vector<Read> reads_;
};

}  // namespace

std::string_view name_of(Operator op) {
  for (const BinaryRule& rule : binary_rules)
    if (rule.op == op) return rule.word;
  switch (op) {
    case Operator::not_: return "not";
    case Operator::length: return "#";
    case Operator::negate: return "-";
    default: return "~";
  }
}

std::optional<Expression> parse_expression(const LocatedText& text, Diagnostics& problems) { return Parser(text, problems).run(); }

}  // namespace muster
