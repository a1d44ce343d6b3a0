#include "steps/statement_errors.h"

#include <algorithm>
#include <charconv>

namespace muster {

namespace {

struct Prefix {
  int64_t line = 0, column = 0;
  size_t bytes = 0;  // of the message, with the colon behind it
};

bool take(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool take(std::string_view& text, int64_t& number) {
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{}) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

std::optional<Prefix> prefix_of(const std::string& message) {
  std::string_view rest = message;
  Prefix prefix;
  const bool is_one = take(rest, "line ") && take(rest, prefix.line) && take(rest, ", column ") &&
                      take(rest, prefix.column) && take(rest, ": ");
  if (!is_one) return std::nullopt;
  prefix.bytes = message.size() - rest.size();
  return prefix;
}

}  // namespace

Error in_statement(Error error, const std::string& argument) {
  std::optional<Prefix> prefix = prefix_of(error.message);
  if (prefix) error.place = ArgumentPlace{argument, prefix->line, prefix->column};
  return error;
}

Error in_wrapped_statement(Error error, std::string_view text, const std::string& argument,
                           const std::string& otherwise) {
  std::optional<Prefix> prefix = prefix_of(error.message);
  if (!prefix) return error;
  error.message.erase(0, prefix->bytes);
  const int64_t lines = text.empty() ? 0 : 1 + std::ranges::count(text, '\n');
  const int64_t line = prefix->line - 1;
  const bool is_the_authors = line >= 1 && line <= lines;
  if (!is_the_authors) {
    error.place = ArgumentPlace{otherwise};
    return error;
  }
  error.message.insert(0, "line " + std::to_string(line) + ", column " + std::to_string(prefix->column) + ": ");
  error.place = ArgumentPlace{argument, line, prefix->column};
  return error;
}

}  // namespace muster
