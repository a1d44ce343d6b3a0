#include <algorithm>
#include <array>
#include <optional>

#include "interpreter/expression/expression.h"
#include "interpreter/expression/helpers.h"
#include "interpreter/expression/lexer.h"
#include "interpreter/expression/tree.h"

namespace muster {
namespace {

constexpr int depth_limit = 200;
constexpr size_t token_limit = 4000;

struct BinaryRule {
  std::string_view word;
  Operator op;
  int left, right;  // binding; right < left binds to the right
};

// The Lua 5.4 manual, 3.4.8.
constexpr std::array<BinaryRule, 21> binary_rules = {{
    {"or", Operator::or_, 1, 1},
    {"and", Operator::and_, 2, 2},
    {"<", Operator::less, 3, 3},
    {">", Operator::greater, 3, 3},
    {"<=", Operator::less_equal, 3, 3},
    {">=", Operator::greater_equal, 3, 3},
    {"~=", Operator::unequal, 3, 3},
    {"==", Operator::equal, 3, 3},
    {"|", Operator::bit_or, 4, 4},
    {"~", Operator::bit_xor, 5, 5},
    {"&", Operator::bit_and, 6, 6},
    {"<<", Operator::shift_left, 7, 7},
    {">>", Operator::shift_right, 7, 7},
    {"..", Operator::concat, 9, 8},
    {"+", Operator::add, 10, 10},
    {"-", Operator::subtract, 10, 10},
    {"*", Operator::multiply, 11, 11},
    {"/", Operator::divide, 11, 11},
    {"//", Operator::floor_divide, 11, 11},
    {"%", Operator::modulo, 11, 11},
    {"^", Operator::power, 14, 13},
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
      refuse_at(text_.at, "an expression was expected here, and nothing stands here");
      return std::nullopt;
    }
    if (tokens_.size() > token_limit) {
      refuse(0, 1, "this expression has more than " + std::to_string(token_limit) + " words",
             "split it over several steps with `set`");
      return std::nullopt;
    }
    NodePtr root = binary(0);
    if (!root || too_high(*root)) return std::nullopt;
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
  bool is(std::string_view word) const { return is_sign() && now().word == word; }
  bool is_sign() const { return now().kind == Token::Kind::symbol || now().kind == Token::Kind::keyword; }
  bool take(std::string_view word) {
    if (!is(word)) return false;
    ++at_;
    return true;
  }
  std::string found() const {
    if (now().kind == Token::Kind::end) return "the expression ends";
    return "`" + text_.text.substr(now().begin, now().end - now().begin) + "` stands";
  }
  std::nullptr_t refuse(uint32_t begin, uint32_t end, std::string message, std::string help = {}) {
    return refuse_at(text_.span(begin, end), std::move(message), std::move(help));
  }
  std::nullptr_t refuse_at(Span at, std::string message, std::string help = {}) {
    if (!refused_) {
      Diagnostic problem;
      problem.code = "expression-syntax";
      problem.at = at;
      problem.message = std::move(message);
      problem.help = std::move(help);
      problems_.push_back(std::move(problem));
    }
    refused_ = true;
    return nullptr;
  }
  std::nullptr_t refuse_here(std::string message, std::string help = {}) {
    return refuse(now().begin, now().end, std::move(message), std::move(help));
  }
  // Something else was expected: a comparison written with one `=`, a method, or what stands here.
  std::nullptr_t unexpected(const std::string& expected) {
    if (is("=")) return refuse_here("`=` is no comparison", "write `==`");
    if (is(":"))
      return refuse_here("methods cannot be called in expressions",
                         "the helpers are functions: `len(x)`, `contains(x, y)`");
    return refuse_here(expected + " was expected, and " + found() + (now().kind == Token::Kind::end ? "" : " here"));
  }

  void trailing() {
    if (is(";") || is(",")) {
      refuse_here("one expression was expected, and another follows",
                  "a comma ends a value inside brackets of YAML: quote the whole");
    } else if ((is("[") || is(".") || is("(")) && at_ > 0 && !is_indexable_) {
      refuse_here(
          "only names and what stands in parentheses can be followed by " + found().substr(0, found().find(' ')),
          "write `(…)` around what stands before it");
    } else {
      unexpected("an operator or the end");
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

  static int16_t higher(int16_t height, const ExpressionNode& below) {
    return std::max(height, static_cast<int16_t>(below.height + 1));
  }
  static void adopt(ExpressionNode& parent, std::vector<NodePtr> children) {
    for (const NodePtr& child : children) parent.height = higher(parent.height, *child);
    parent.children = std::move(children);
  }

  // Operators of one rank nest to the left without recursion in the parser, so the tree's height is asked, too.
  bool too_high(const ExpressionNode& node) {
    if (node.height <= depth_limit) return false;
    refuse(node.text_begin, node.text_end, "this expression is nested deeper than " + std::to_string(depth_limit),
           "split it over several steps with `set`");
    return true;
  }

  NodePtr binary(int limit) {
    if (++depth_ > depth_limit)
      return refuse_here("this expression is nested deeper than " + std::to_string(depth_limit),
                         "split it over several steps with `set`");
    NodePtr left = unary();
    while (left) {
      if (!is_sign()) break;
      auto rule =
          std::find_if(binary_rules.begin(), binary_rules.end(), [&](const BinaryRule& r) { return is(r.word); });
      if (rule == binary_rules.end() || rule->left <= limit) break;
      ++at_;
      NodePtr right = binary(rule->right);
      if (!right) return nullptr;
      auto node = make(ExpressionNode::Kind::binary, left->text_begin, right->text_end);
      node->op = rule->op;
      adopt(*node, {left, right});
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
    adopt(*node, {operand});
    return node;
  }

  // As in Lua, only names and parentheses can be indexed and called.
  NodePtr postfix() {
    is_indexable_ = now().kind == Token::Kind::name || is("(");
    bool indexable = is_indexable_;
    std::shared_ptr<ExpressionNode> node = primary();
    is_indexable_ = indexable;
    while (node && indexable) {
      if (take(".")) {
        if (now().kind != Token::Kind::name) return unexpected("a field's name behind `.`");
        node = field(node, std::string(now().word), now().begin, now().end, now().end);
        ++at_;
      } else if (is("[")) {
        node = index(node);
      } else if (is("(")) {
        node = call(node);
      } else if (is(":")) {
        return unexpected("an operator or the end");
      } else if (now().kind == Token::Kind::text || is("{")) {
        return refuse_here("a helper's arguments stand in parentheses, and " + found() + " here");
      } else {
        break;
      }
      is_indexable_ = true;
    }
    return node;
  }

  std::shared_ptr<ExpressionNode> index(const std::shared_ptr<ExpressionNode>& what) {
    uint32_t open = now().begin;
    ++at_;
    NodePtr key = binary(0);
    if (!key) return nullptr;
    if (!is("]")) return unexpected("`]`");
    uint32_t end = now().end;
    ++at_;
    if (key->kind == ExpressionNode::Kind::constant && key->constant().is<int64_t>() &&
        key->constant().get<int64_t>() == 0)
      return refuse(key->text_begin, key->text_end, "lists are counted from 1: `[0]` is never there",
                    "the first one is `[1]`");
    if (key->kind == ExpressionNode::Kind::constant && key->constant().is<std::string>())
      return field(what, key->constant().get<std::string>(), open, end, end);
    auto node = make(ExpressionNode::Kind::index, what->text_begin, end);
    adopt(*node, {what, key});
    return node;
  }

  // `a.b` and `a["b"]`: part of the name's path where everything before it is constant. `what` is ours alone until it
  // becomes a child, so a name grows in place.
  std::shared_ptr<ExpressionNode> field(const std::shared_ptr<ExpressionNode>& what, const std::string& name,
                                        uint32_t key_begin, uint32_t key_end, uint32_t end) {
    if (what->kind == ExpressionNode::Kind::name) {
      what->path.push_back(name);
      what->pieces.push_back(text_.span(key_begin, key_end));
      what->text_end = end;
      what->at = text_.span(what->text_begin, end);
      return what;
    }
    auto node = make(ExpressionNode::Kind::index, what->text_begin, end);
    auto key = make(ExpressionNode::Kind::constant, key_begin, key_end);
    key->literal = Value(name);
    adopt(*node, {what, key});
    return node;
  }

  std::shared_ptr<ExpressionNode> call(const std::shared_ptr<ExpressionNode>& what) {
    // `len(x)` is a helper, `runs.consecutive_days(x)` a function of a script.
    bool is_named = what->kind == ExpressionNode::Kind::name && what->path.size() <= 2 &&
                    text_.text[what->text_begin] != '(' && text_.text[what->text_end - 1] != ']';
    if (!is_named)
      return refuse(what->text_begin, what->text_end,
                    "only helpers and functions of scripts can be called: `len(x)`, `runs.longest(x)`, ...");
    bool is_script = what->path.size() == 2;
    const Helper* helper = is_script ? nullptr : find_helper(what->path[0]);
    ++at_;
    std::vector<NodePtr> arguments;
    if (!is(")")) {
      while (true) {
        if (is("function")) {
          if (is_script) return refuse_here("a script's function takes values, no functions");
          if (helper && helper->function_at != static_cast<int>(arguments.size()))
            return refuse_here("`" + what->path[0] + "` takes no function here",
                               "it is called as `" + std::string(helper->form) + "`");
          arguments.push_back(function());
        } else {
          arguments.push_back(binary(0));
        }
        if (!arguments.back()) return nullptr;
        if (!take(",")) break;
      }
    }
    if (!is(")")) return unexpected("`,` or `)`");
    uint32_t end = now().end;
    ++at_;
    auto node = make(ExpressionNode::Kind::call, what->text_begin, end);
    node->text = is_script ? what->path[0] + "." + what->path[1] : what->path[0];
    node->path = what->path;
    node->pieces = what->pieces;
    adopt(*node, std::move(arguments));
    return node;
  }

  std::shared_ptr<ExpressionNode> primary() {
    const Token& token = now();  // stays: all of them have been read
    switch (token.kind) {
      case Token::Kind::number:
      case Token::Kind::text: {
        ++at_;
        auto node = make(ExpressionNode::Kind::constant, token.begin, token.end);
        node->literal = token.value;
        return node;
      }
      case Token::Kind::name: {
        ++at_;
        bool bound = std::find(bound_.begin(), bound_.end(), token.word) != bound_.end();
        auto node = make(bound ? ExpressionNode::Kind::parameter : ExpressionNode::Kind::name, token.begin, token.end);
        if (bound) {
          node->text = std::string(token.word);
        } else {
          node->path.reserve(3);  // `steps.x.y`
          node->pieces.reserve(3);
          node->path.emplace_back(token.word);
          node->pieces.push_back(node->at);
        }
        return node;
      }
      case Token::Kind::keyword:
        if (token.word == "nil" || token.word == "true" || token.word == "false") {
          ++at_;
          auto node = make(ExpressionNode::Kind::constant, token.begin, token.end);
          if (token.word != "nil") node->literal = Value(token.word == "true");
          return node;
        }
        if (token.word == "function")
          return refuse_here("a function can only be handed to a helper",
                             "as in `map(list, function(x) return x end)`");
        return refuse_here("`" + std::string(token.word) + "` cannot begin a value: only expressions can stand here");
      case Token::Kind::symbol:
        if (token.word == "(") {
          ++at_;
          NodePtr inner = binary(0);
          if (!inner) return nullptr;
          if (!is(")")) return unexpected("`)`");
          // A copy whose place includes the parentheses, so that what is built around it is cut from the text whole.
          auto node = std::make_shared<ExpressionNode>(*inner);
          node->text_begin = token.begin;
          node->text_end = now().end;
          node->at = text_.span(token.begin, now().end);
          ++at_;
          return node;
        }
        if (token.word == "{") return table();
        if (token.word == "...") return refuse_here("`...` has no meaning in expressions");
        return unexpected("a value");
      case Token::Kind::end:
        break;
    }
    return unexpected("a value");
  }

  std::shared_ptr<ExpressionNode> function() {
    uint32_t begin = now().begin;
    ++at_;
    if (!take("(")) return unexpected("`(` behind `function`");
    std::vector<std::string> parameters;
    while (!is(")") || !parameters.empty()) {
      if (now().kind != Token::Kind::name) return unexpected("a parameter's name");
      parameters.emplace_back(now().word);
      ++at_;
      if (!take(",")) break;
    }
    if (!take(")")) return unexpected("`)`");
    if (!take("return"))
      return refuse_here("a function here is `function(x) return e end`: `return` was expected, and " + found());
    size_t outer = bound_.size();
    bound_.insert(bound_.end(), parameters.begin(), parameters.end());
    NodePtr body = binary(0);
    bound_.resize(outer);
    if (!body) return nullptr;
    if (!is("end")) return unexpected("`end`");
    auto node = make(ExpressionNode::Kind::function, begin, now().end);
    ++at_;
    if (!parameters.empty()) node->parameters = std::move(parameters);
    adopt(*node, {body});
    return node;
  }

  std::shared_ptr<ExpressionNode> table() {
    uint32_t begin = now().begin;
    ++at_;
    std::vector<NodePtr> values, keys;
    int16_t height = 1;
    bool has_keys = false;
    while (!is("}")) {
      NodePtr key;
      if (now().kind == Token::Kind::name && tokens_[at_ + 1].word == "=" &&
          tokens_[at_ + 1].kind == Token::Kind::symbol) {
        auto name = make(ExpressionNode::Kind::constant, now().begin, now().end);
        name->literal = Value(std::string(now().word));
        key = name;
        at_ += 2;
      } else if (take("[")) {
        key = binary(0);
        if (!key) return nullptr;
        if (!take("]")) return unexpected("`]`");
        if (!take("=")) return unexpected("`=`");
      }
      NodePtr value = binary(0);
      if (!value) return nullptr;
      if (key) height = higher(height, *key);
      has_keys = has_keys || key;
      keys.push_back(std::move(key));
      values.push_back(std::move(value));
      if (!take(",") && !take(";")) break;
    }
    if (!is("}")) return unexpected("`,` or `}`");
    auto node = make(ExpressionNode::Kind::table, begin, now().end);
    ++at_;
    node->height = height;
    adopt(*node, std::move(values));
    if (has_keys) node->keys = std::move(keys);
    return node;
  }

  // Every free name, in the order of the text.
  void collect(const ExpressionNode& node, bool indexed) {
    if (node.kind == ExpressionNode::Kind::name) {
      Read read;
      read.path = node.path;
      read.pieces = node.pieces;
      read.at = {node.at.file, node.pieces.front().begin, node.pieces.back().end};
      read.is_whole = !indexed;
      reads_.push_back(std::move(read));
    }
    if (node.kind == ExpressionNode::Kind::call) {
      Read read;
      read.path = node.path;
      read.pieces = node.pieces;
      read.at = {node.at.file, node.pieces.front().begin, node.pieces.back().end};
      read.called = true;
      reads_.push_back(std::move(read));
    }
    for (size_t i = 0; i < node.children.size(); ++i) {
      if (const ExpressionNode* key = node.key(i)) collect(*key, false);
      collect(*node.children[i], node.kind == ExpressionNode::Kind::index && i == 0);
    }
  }

  const LocatedText& text_;
  Diagnostics& problems_;
  std::vector<Token> tokens_;
  size_t at_ = 0;
  int depth_ = 0;
  bool refused_ = false;
  bool is_indexable_ = true;  // what was just read may be followed by `.`, `[`, `(`
  std::vector<std::string> bound_;
  std::vector<Read> reads_;
};

}  // namespace

std::string_view name_of(Operator op) {
  for (const BinaryRule& rule : binary_rules)
    if (rule.op == op) return rule.word;
  switch (op) {
    case Operator::not_:
      return "not";
    case Operator::length:
      return "#";
    case Operator::negate:
      return "-";
    default:
      return "~";
  }
}

std::optional<Expression> parse_expression(const LocatedText& text, Diagnostics& problems) {
  return Parser(text, problems).run();
}

}  // namespace muster
