#include "interpreter/cli/annotations.h"

namespace muster {
namespace {

std::string escaped(std::string_view text, bool is_property) {
  std::string out;
  for (char c : text) {
    if (c == '%') {
      out += "%25";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else if (is_property && c == ':') {
      out += "%3A";
    } else if (is_property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::string github_annotation(std::string_view file, int64_t line, std::string_view title, std::string_view message) {
  return "::error file=" + escaped(file, true) + (line > 0 ? ",line=" + std::to_string(line) : "") +
         ",title=" + escaped(title, true) + "::" + escaped(message, false) + "\n";
}

}  // namespace muster
