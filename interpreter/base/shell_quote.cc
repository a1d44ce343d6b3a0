#include "interpreter/base/shell_quote.h"

#include <algorithm>

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

}  // namespace muster
