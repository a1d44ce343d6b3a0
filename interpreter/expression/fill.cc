#include <optional>

#include "interpreter/expression/evaluate.h"

namespace muster {
namespace {

bool is_unreserved(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
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

tl::unexpected<Diagnostic> refuse(const Expression& expression, std::string message, std::string help) {
  Diagnostic problem;
  problem.code = "expression-failed";
  problem.at = expression.at;
  problem.message = std::move(message);
  problem.help = std::move(help);
  return tl::unexpected(std::move(problem));
}

tl::expected<Value, Diagnostic> fill(const Template& text, const Environment& names, Budget budget, bool url) {
  if (const Expression* only = text.whole()) {
    tl::expected<Evaluation, Diagnostic> got = evaluate(*only, names, budget);
    if (!got) return tl::unexpected(std::move(got.error()));
    return std::move(got->value);
  }
  std::string out;
  std::string secret_name;
  bool is_secret = false;
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
    if (value.is_null())
      return refuse(expression, "`" + expression.text + "` is nil, and nil cannot stand inside text",
                    "give a default: `" + expression.text + " or \"\"`");
    if (const Unknown* found = find_unknown(value)) {
      if (!unknown) unknown = *found;
      continue;
    }
    if (!value.is<Secret>() && holds_secret(value))
      return refuse(expression,
                    "`" + expression.text + "` holds a secret somewhere inside, and cannot stand inside text",
                    "name the secret itself");
    std::string piece;
    if (const auto* secret = value.find<Secret>()) {
      if (secret_name.empty()) secret_name = secret->name();
      is_secret = true;
      piece = std::string(secret->reveal(SecretSink::concatenation));
    } else {
      piece = to_text(value);
    }
    bool leading = i == 0;
    out += url && !leading ? percent_encode(piece) : piece;
  }
  if (unknown) return Value(*unknown);
  if (is_secret) return Value(Secret(secret_name, std::move(out)));
  return Value(std::move(out));
}

}  // namespace

tl::expected<Value, Diagnostic> evaluate(const Template& text, const Environment& names, Budget budget) {
  return fill(text, names, budget, false);
}

tl::expected<Value, Diagnostic> evaluate_url(const Template& text, const Environment& names, Budget budget) {
  return fill(text, names, budget, true);
}

}  // namespace muster
