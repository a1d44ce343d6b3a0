#include "interpreter/page/readable.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "interpreter/base/json.h"
#include "interpreter/base/withheld.h"

namespace muster {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

bool is_path(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.';
  });
}

bool is_plain_value(std::string_view text) {
  if (text == "true" || text == "false" || text == "null") return true;
  return !text.empty() && text.find_first_not_of("0123456789.-") == text.npos &&
         std::isdigit(static_cast<unsigned char>(text.back()));
}

std::string scalar(const ScalarArgument& value, std::string_view key) {
  if (hides(key) && value.text.is_constant() && !value.text.constant_text().empty()) return "***";
  return readable(value.text);
}

bool is_flat(const Argument& argument) {
  if (const auto* value = std::get_if<ScalarArgument>(&argument.value))
    return readable(value->text).find('\n') == std::string::npos;
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value))
    return std::all_of(items->begin(), items->end(), [](const Argument& item) { return is_flat(item); });
  const auto& entries = std::get<std::vector<Entry>>(argument.value);
  return std::all_of(entries.begin(), entries.end(), [](const Entry& entry) { return is_flat(entry.value); });
}

void yaml(const Argument& argument, std::string_view key, size_t depth, std::string& out) {
  const std::string indent(depth * 2, ' ');
  constexpr size_t widest = 100;
  std::string line = is_flat(argument) ? readable(argument, key) : std::string();
  if (!line.empty() && indent.size() + line.size() <= widest) {
    out += " " + line + "\n";
  } else if (const auto* value = std::get_if<ScalarArgument>(&argument.value)) {
    std::string text = scalar(*value, key);
    if (text.find('\n') == std::string::npos) {
      out += " " + text + "\n";
      return;
    }
    out += " |\n";
    while (!text.empty() && text.back() == '\n') text.pop_back();
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      out += indent + text.substr(at, end - at) + "\n";
      at = end + 1;
    }
  } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    out += "\n";
    for (const Argument& item : *items) {
      out += indent + "-";
      yaml(item, key, depth + 1, out);
    }
  } else {
    out += "\n";
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) {
      out += indent + entry.key.text + ":";
      yaml(entry.value, entry.key.text, depth + 1, out);
    }
  }
}

}  // namespace

std::string one_line(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (!is_blank(c)) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string readable(const Expression& expression) {
  std::string text = one_line(expression.text);
  constexpr std::string_view inputs = "inputs.", steps = "steps.", secrets = "secrets.";
  if (is_path(text)) {
    if (text.starts_with(inputs)) text = text.substr(inputs.size());
    if (text.starts_with(steps)) text = text.substr(steps.size());
    if (text.starts_with(secrets)) text = "secret " + text.substr(secrets.size());
  }
  return "<" + text + ">";
}

std::string readable(const Template& text) {
  std::string out;
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      out += *plain;
    } else {
      out += readable(std::get<Expression>(piece));
    }
  }
  return without_password(std::move(out));
}

std::string readable(const Argument& argument, std::string_view key) {
  if (const auto* value = std::get_if<ScalarArgument>(&argument.value)) return scalar(*value, key);
  std::string out;
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) out += (out.empty() ? "" : ", ") + readable(item, key);
    return "[" + out + "]";
  }
  for (const Entry& entry : std::get<std::vector<Entry>>(argument.value))
    out += (out.empty() ? "" : ", ") + entry.key.text + ": " + readable(entry.value, entry.key.text);
  return "{" + out + "}";
}

std::string readable_json(const Argument& argument, std::string_view key) {
  if (const auto* value = std::get_if<ScalarArgument>(&argument.value)) {
    std::string text = scalar(*value, key);
    if (value->text.whole() || (!value->quoted && is_plain_value(text))) return text;
    return print_json(Value(text));
  }
  std::string out;
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) out += (out.empty() ? "" : ", ") + readable_json(item, key);
    return "[" + out + "]";
  }
  for (const Entry& entry : std::get<std::vector<Entry>>(argument.value))
    out += (out.empty() ? "" : ", ") + print_json(Value(entry.key.text)) + ": " +
           readable_json(entry.value, entry.key.text);
  return "{" + out + "}";
}

std::string readable_yaml(const ActionCall& call) {
  std::string out = call.action.text + ":";
  const auto* entries = std::get_if<std::vector<Entry>>(&call.args.value);
  if (entries && !entries->empty()) {
    out += "\n";
    for (const Entry& entry : *entries) {
      out += "  " + entry.key.text + ":";
      yaml(entry.value, entry.key.text, 2, out);
    }
    return out;
  }
  yaml(call.args, call.action.text, 1, out);
  return out;
}

const Argument* argument_of(const Argument& map, std::string_view name) {
  const auto* entries = std::get_if<std::vector<Entry>>(&map.value);
  if (!entries) return nullptr;
  for (const Entry& entry : *entries)
    if (entry.key.text == name) return &entry.value;
  return nullptr;
}

std::string prose(std::string_view text) {
  std::string out;
  bool in_code = false;  // people write code spans themselves
  for (char c : text) {
    if (c == '`') in_code = !in_code;
    if (!in_code && (c == '<' || c == '*' || c == '\\')) out += '\\';
    out += c;
  }
  return out;
}

std::string prose(const Template& text) {
  std::string out;
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece)) {
      out += prose(*plain);
    } else {
      out += code(readable(std::get<Expression>(piece)));
    }
  }
  while (!out.empty() && is_blank(out.back())) out.pop_back();
  return out;
}

std::string prose_lines(std::string_view text) {
  std::string out, block;
  auto close = [&] {
    if (!block.empty()) out += "\n" + fenced(block, "text") + "\n";
    block.clear();
  };
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view line = text.substr(at, end - at);
    at = end + 1;
    if (line.starts_with("  ")) {
      block += std::string(line) + "\n";
      continue;
    }
    close();
    out += prose(line) + "\n";
  }
  close();
  while (!out.empty() && is_blank(out.back())) out.pop_back();
  return out.empty() ? out : out + "\n";
}

std::string code(std::string_view text) {
  std::string out;
  for (char c : one_line(text)) out += c == '`' ? '\'' : c;
  return "`" + out + "`";
}

std::string in_cell(std::string_view markdown) {
  std::string out;
  for (char c : one_line(markdown)) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string fenced(std::string_view text, std::string_view language) {
  size_t longest = 2, row = 0;
  for (char c : text) {
    row = c == '`' ? row + 1 : 0;
    longest = std::max(longest, row);
  }
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const std::string fence(longest + 1, '`');
  return fence + std::string(language) + "\n" + std::string(text) + "\n" + fence + "\n";
}

std::string anchor_of(std::string_view heading) {
  std::string out;
  for (char c : heading) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || c == '-' || c == '_' || byte >= 0x80) out += static_cast<char>(std::tolower(byte));
    if (c == ' ') out += '-';
  }
  return out;
}

}  // namespace muster
