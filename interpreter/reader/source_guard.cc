#include "interpreter/reader/source_guard.h"

#include <array>
#include <cstdio>

#include "interpreter/base/utf8.h"

namespace muster {
namespace {

void refuse(Diagnostics& problems, uint32_t file, size_t at, size_t length, std::string code, std::string message,
            std::string help) {
  Diagnostic d;
  d.code = std::move(code);
  d.at = {file, static_cast<uint32_t>(at), static_cast<uint32_t>(at + length)};
  d.message = std::move(message);
  d.help = std::move(help);
  problems.push_back(std::move(d));
}

// Of valid UTF-8; its length goes to `length`.
uint32_t decode(std::string_view text, size_t at, size_t& length) {
  unsigned char c = static_cast<unsigned char>(text[at]);
  length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
  if (length == 1) return c;
  uint32_t code = c & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  return code;
}

const char* what_is_wrong(uint32_t code) {
  if (code == '\t' || code == '\n') return nullptr;
  if (code < 0x20 || code == 0x7F || (code >= 0x80 && code < 0xA0 && code != 0x85)) return "a control character";
  if (code == 0x85 || code == 0x2028 || code == 0x2029) return "a line end that editors and YAML see differently";
  if ((code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069))
    return "a mark that reorders text: what people see is not what is read";
  if (code == 0xFEFF) return "a byte order mark inside the text";
  if (code == 0xFFFE || code == 0xFFFF) return "no character at all";
  return nullptr;
}

// What nothing is asked about: printable ASCII but brackets, commas and colons, and line feeds.
constexpr std::array<bool, 256> is_ordinary = [] {
  std::array<bool, 256> ordinary{};
  for (size_t c = 0x20; c < 0x7F; ++c) ordinary[c] = true;
  for (unsigned char c : std::string_view("[]{},:")) ordinary[c] = false;
  ordinary['\n'] = true;
  return ordinary;
}();

bool is_flow_mark(char c) { return c == ',' || c == ':' || c == '[' || c == ']' || c == '{' || c == '}'; }

bool refuse_utf16(std::string_view text, uint32_t file, Diagnostics& problems) {
  bool utf16 = text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF");
  bool nul_pattern = text.size() >= 2 && (text[0] == '\0') != (text[1] == '\0');
  if (!utf16 && !nul_pattern) return false;
  refuse(problems, file, 0, 0, "not-utf8", "the file is written in UTF-16 or UTF-32, and playbooks are UTF-8",
         "save it as UTF-8");
  return true;
}

}  // namespace

bool is_sane_source(const SourceFiles& files, uint32_t file, const YamlLimits& limits, Diagnostics& problems) {
  std::string_view text = files.at(file).text;
  if (text.size() > limits.bytes) {
    refuse(problems, file, 0, 0, "too-large",
           "the file has " + std::to_string(text.size()) + " bytes, more than " + std::to_string(limits.bytes), "");
    return false;
  }
  if (refuse_utf16(text, file, problems)) return false;
  if (auto bad = first_invalid_utf8(text)) {
    char byte[8];
    std::snprintf(byte, sizeof byte, "0x%02x", static_cast<unsigned char>(text[*bad]));
    refuse(problems, file, *bad, 1, "not-utf8", std::string("byte ") + byte + " is not valid UTF-8",
           "save the file as UTF-8");
    return false;
  }
  size_t at = text.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  uint32_t open = 0, flow_marks = 0;  // brackets in text count too: the limit is far above what text has
  while (at < text.size()) {
    char c = text[at];
    if (is_ordinary[static_cast<unsigned char>(c)]) {
      ++at;
      continue;
    }
    if (c == '[' || c == '{') ++open;
    if (open > 0 && is_flow_mark(c) && ++flow_marks > limits.flow_marks) {
      refuse(
          problems, file, at, 1, "too-large",
          "more than " + std::to_string(limits.flow_marks) + " commas, colons and brackets inside one pair of brackets",
          "use the block form for long lists and maps");
      return false;
    }
    if ((c == ']' || c == '}') && open > 0 && --open == 0) flow_marks = 0;
    if (static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x7F) {
      ++at;
      continue;
    }
    if (c == '\r' && at + 1 < text.size() && text[at + 1] == '\n') {
      at += 2;
      continue;
    }
    size_t length = 1;
    uint32_t code = decode(text, at, length);
    if (const char* wrong = what_is_wrong(code)) {
      char name[16];
      std::snprintf(name, sizeof name, "U+%04X", code);
      refuse(
          problems, file, at, length, "bad-character", std::string(name) + " is " + wrong,
          code == '\r' ? "end lines with a line feed" : "leave it out, or write it as an escape inside double quotes");
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace muster
