#include "interpreter/checker/secrets.h"

#include <algorithm>

#include "interpreter/checker/names.h"
#include "interpreter/expression/tree.h"
#include "interpreter/language/enough.h"

namespace muster {
namespace {

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

// A place where an expression opens a secret.
struct Use {
  Span at;
  std::string name;
  bool is_joined = false;  // the value is the secret itself, longer text that holds it, or a table of such
};

bool is_secret(const ExpressionNode& node) {
  return node.kind == ExpressionNode::Kind::name && node.path.size() == 2 && node.path[0] == "secrets";
}

void find_uses(const ExpressionNode& node, bool is_joined, std::vector<Use>& out) {
  if (is_secret(node)) {
    out.push_back({{node.at.file, node.pieces.front().begin, node.pieces.back().end}, node.path[1], is_joined});
    return;
  }
  bool is_question = node.kind == ExpressionNode::Kind::call && node.text == "is_set" && node.children.size() == 1;
  if (is_question && is_secret(*node.children[0])) return;
  bool joins = node.kind == ExpressionNode::Kind::table ||
               (node.kind == ExpressionNode::Kind::binary && node.op == Operator::concat);
  for (size_t i = 0; i < node.children.size(); ++i)
    if (const ExpressionNode* key = node.key(i)) find_uses(*key, false, out);
  for (const NodePtr& child : node.children) find_uses(*child, is_joined && joins, out);
}

std::vector<Use> uses_in(const Expression& expression) {
  std::vector<Use> uses;
  if (expression.tree.root) find_uses(*expression.tree.root, true, uses);
  return uses;
}

// What of an action or a connection may hold a secret: for the help.
std::string open_fields(const std::vector<Field>& fields) {
  std::string list;
  auto opens = [](const Field& field, auto& self) -> bool {
    return field.opens_secrets || std::ranges::any_of(field.fields, [&](const Field& f) { return self(f, self); }) ||
           std::ranges::any_of(field.items, [&](const Field& f) { return self(f, self); });
  };
  for (const Field& field : fields)
    if (opens(field, opens)) list += (list.empty() ? "" : ", ") + quoted(field.name);
  return list;
}

class Places {
 public:
  Places(const std::vector<Field>& fields, std::string_view owner, Diagnostics& problems)
      : fields_(fields), owner_(owner), problems_(problems) {}

  void entries(const std::vector<Entry>& entries, const std::vector<Field>& fields, bool is_open) {
    for (const Entry& entry : entries)
      for (const Field& field : fields)
        if (field.name == entry.key.text) argument(entry.value, field, field.name, is_open);
  }

 private:
  void argument(const Argument& argument, const Field& field, std::string_view name, bool is_open) {
    if (is_enough(problems_)) return;
    if (field.type == FieldType::script) {
      // In the text no value at all may stand: check_injection says so.
      const auto* inner = std::get_if<std::vector<Entry>>(&argument.value);
      if (inner && !field.fields.empty()) entries(*inner, field.fields, is_open);
      return;
    }
    is_open = is_open || field.opens_secrets;
    const Field& item = field.items.empty() ? field : field.items.front();
    if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
      bool is_item_open = field.items.empty() ? is_open : is_open || item.opens_secrets;
      for (const auto& piece : scalar->text.pieces)
        if (const auto* expression = std::get_if<Expression>(&piece)) judge(*expression, name, is_item_open);
    } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
      for (const Argument& one : *items) this->argument(one, item, name, is_open);
    } else {
      const auto& inner = std::get<std::vector<Entry>>(argument.value);
      if (field.type == FieldType::object) return entries(inner, field.fields, is_open);
      for (const Entry& entry : inner) this->argument(entry.value, item, name, is_open);
    }
  }

  void judge(const Expression& expression, std::string_view field, bool is_open) {
    for (const Use& use : uses_in(expression)) {
      std::string secret = quoted("secrets." + use.name);
      if (!is_open) {
        std::string where = open_fields(fields_);
        refuse(problems_, use.at, "secret-here",
               secret + " cannot stand in `" + std::string(field) + "` of `" + std::string(owner_) +
                   "`: others could see it there",
               where.empty() ? "nothing of it can hold a secret" : "it can stand in " + where);
      } else if (!use.is_joined) {
        refuse(problems_, use.at, "secret-use", secret + " may be joined with text, and nothing else",
               "`is_set(secrets." + use.name + ")` is the one question that may be asked");
      }
    }
  }

  const std::vector<Field>& fields_;
  std::string_view owner_;
  Diagnostics& problems_;
};

}  // namespace

void check_secret(const SecretDeclaration& secret, Diagnostics& problems) {
  check_name(secret.name, "the name of a secret", problems);
  if (secret.env && secret.env->text.find('=') != std::string::npos)
    refuse(problems, secret.env->at, "bad-secret", quoted(secret.env->text) + " cannot be the name of a variable",
           "write the name alone, as in `{env: TOKEN}`");
  if (secret.command && secret.command->empty())
    refuse(problems, secret.name.at, "bad-secret", "the command of " + quoted(secret.name.text) + " is empty",
           "write the program and its arguments: `{command: [pass, show, token]}`");
  if (secret.encoding) {
    const std::string& said = secret.encoding->text;
    if (said == "raw" || said == "hex" || said == "base64") return;
    std::string_view near = nearest(said, {"raw", "hex", "base64"});
    refuse(problems, secret.encoding->at, "bad-choice",
           "`encoding` must be `raw`, `hex` or `base64`, and " + quoted(said) + " stands here",
           near.empty() ? "leave it out for text" : "did you mean " + quoted(near) + "?");
  }
}

void refuse_secrets(const Expression& expression, Diagnostics& problems) {
  for (const Use& use : uses_in(expression))
    refuse(problems, use.at, "secret-here",
           quoted("secrets." + use.name) + " cannot stand here: what stands here is stored and shown",
           "actions take it in `env`, `stdin`, `headers`, `auth`, bodies and `bind`; `is_set(secrets." + use.name +
               ")` may be asked anywhere");
}

void check_secret_places(const std::vector<Entry>& entries, const std::vector<Field>& fields, std::string_view owner,
                         Diagnostics& problems) {
  Places(fields, owner, problems).entries(entries, fields, false);
}

}  // namespace muster
