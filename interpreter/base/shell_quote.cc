#include "interpreter/base/shell_quote.h"

#include <algorithm>
#include <array>

namespace muster {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-./:=@%+,").find(c) != std::string_view::npos;
}

std::string in_quotes(std::string_view argument) {
  std::string out = "'";
  for (char c : argument) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out.push_back(c);
    }
  }
  return out + "'";
}

}  // namespace

std::string shell_quote(std::string_view argument) {
  if (!argument.empty() && std::all_of(argument.begin(), argument.end(), is_plain)) return std::string(argument);
  return in_quotes(argument);
}

std::string shell_line(const std::vector<std::string>& argv) {
  std::string out;
  for (size_t i = 0; i < argv.size(); ++i) {
    bool is_assignment = i == 0 && argv[i].find('=') != std::string::npos;
    out += (i == 0 ? "" : " ") + (is_assignment ? in_quotes(argv[i]) : shell_quote(argv[i]));
  }
  return out;
}

std::string remote_shell_line(const std::vector<std::string>& argv) {
  static constexpr std::array<std::string_view, 20> keywords = {
      "case", "do", "done", "elif", "else",     "end",    "esac",   "fi",    "for",   "foreach",
      "if",   "in", "then", "time", "function", "select", "switch", "until", "while", "coproc"};
  std::string out;
  for (size_t i = 0; i < argv.size(); ++i) {
    bool is_assignment = i == 0 && argv[i].find('=') != std::string::npos;
    bool is_keyword = i == 0 && std::find(keywords.begin(), keywords.end(), argv[i]) != keywords.end();
    bool is_expanded = argv[i].starts_with('=');  // by zsh and tcsh
    out +=
        (i == 0 ? "" : " ") + (is_assignment || is_keyword || is_expanded ? in_quotes(argv[i]) : shell_quote(argv[i]));
  }
  return out;
}

}  // namespace muster
