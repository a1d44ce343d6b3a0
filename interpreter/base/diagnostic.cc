#include "interpreter/base/diagnostic.h"

#include <algorithm>
#include <vector>

#include "interpreter/base/utf8.h"

namespace muster {
namespace {

constexpr std::string_view bold = "\x1b[1m", red = "\x1b[1;31m", yellow = "\x1b[1;33m", blue = "\x1b[1;34m",
                           off = "\x1b[0m";

std::string paint(std::string_view text, std::string_view colour, Colour use) {
  if (use == Colour::off) return std::string(text);
  return std::string(colour) + std::string(text) + std::string(off);
}

// Blanks as wide as the text is once it has been made safe to show; tabs stay tabs.
std::string blank(std::string_view text) {
  std::string out;
  for (char c : escape_for_terminal(text, true))
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) out.push_back(c == '\t' ? '\t' : ' ');
  return out;
}

// The line with the place, and the caret below it: as wide as the span, cut at the line's end.
std::string excerpt(Span at, const SourceFiles& files, std::string_view colour, Colour use, size_t gutter) {
  std::string_view line = files.line(at.file, at.begin);
  auto start = static_cast<size_t>(line.data() - files.at(at.file).text.data());
  size_t begin = std::min<size_t>(at.begin - std::min<size_t>(at.begin, start), line.size());
  size_t end = std::min<size_t>(at.end - std::min<size_t>(at.end, start), line.size());
  size_t width = end > begin ? blank(line.substr(begin, end - begin)).size() : 1;
  std::string number = std::to_string(files.position(at.file, at.begin).line);
  std::string margin(gutter > number.size() ? gutter - number.size() : 0, ' ');
  std::string out = paint(margin + number + " |", blue, use) + " " + escape_for_terminal(line, true) + "\n";
  out += paint(std::string(gutter, ' ') + " |", blue, use) + " " + blank(line.substr(0, begin)) +
         paint(std::string(width, '^'), colour, use) + "\n";
  return out;
}

std::string place(Span at, const SourceFiles& files) {
  Position position = files.position(at.file, at.begin);
  return escape_for_terminal(files.at(at.file).path, false) + ":" + std::to_string(position.line) + ":" +
         std::to_string(position.column);
}

bool is_value_note(const Note& note, const Diagnostic& diagnostic, const SourceFiles& files) {
  if (note.at.file != diagnostic.at.file || note.message.find(" = ") == std::string::npos) return false;
  return files.position(note.at.file, note.at.begin).line ==
         files.position(diagnostic.at.file, diagnostic.at.begin).line;
}

}  // namespace

std::string render(const Diagnostic& diagnostic, const SourceFiles& files, Colour colour) {
  bool error = diagnostic.severity == Severity::error;
  std::string_view tone = error ? red : yellow;
  size_t gutter = std::to_string(files.position(diagnostic.at.file, diagnostic.at.begin).line).size();
  std::string out = paint(place(diagnostic.at, files) + ":", bold, colour) + " " +
                    paint(error ? "error:" : "warning:", tone, colour) + " " +
                    paint(escape_for_terminal(diagnostic.message, false), bold, colour) + " [" + diagnostic.code +
                    "]\n";
  out += excerpt(diagnostic.at, files, tone, colour, gutter);
  std::string lead = std::string(gutter, ' ') + " = ";
  for (const Note& note : diagnostic.notes)
    if (is_value_note(note, diagnostic, files))
      out += paint(lead, blue, colour) + "where: " + escape_for_terminal(note.message, false) + "\n";
  if (!diagnostic.help.empty())
    out += paint(lead, blue, colour) + "help: " + escape_for_terminal(diagnostic.help, false) + "\n";
  for (const Note& note : diagnostic.notes) {
    if (is_value_note(note, diagnostic, files)) continue;
    out += paint(place(note.at, files) + ":", bold, colour) + " " + paint("note:", blue, colour) + " " +
           escape_for_terminal(note.message, false) + "\n";
    out +=
        excerpt(note.at, files, blue, colour, std::to_string(files.position(note.at.file, note.at.begin).line).size());
  }
  return out;
}

std::string render_all(Diagnostics all, const SourceFiles& files, Colour colour) {
  if (all.empty()) return {};
  std::stable_sort(all.begin(), all.end(), [](const Diagnostic& a, const Diagnostic& b) {
    if (a.at.file != b.at.file) return a.at.file < b.at.file;
    return a.at.begin < b.at.begin;
  });
  std::string out;
  size_t errors = 0;
  for (const Diagnostic& diagnostic : all) {
    out += render(diagnostic, files, colour) + "\n";
    errors += diagnostic.severity == Severity::error;
  }
  size_t warnings = all.size() - errors;
  auto count = [](size_t n, const char* word) { return std::to_string(n) + " " + word + (n == 1 ? "" : "s"); };
  if (errors > 0) out += count(errors, "error");
  if (warnings > 0) out += (errors > 0 ? ", " : "") + count(warnings, "warning");
  return out + "\n";
}

namespace {

// Optimal string alignment: insertions, deletions, replacements and swaps of neighbours count one each.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  if (word.size() > 100) return best;
  size_t best_distance = 0;
  for (std::string_view candidate : candidates) {
    // A third of the letters; of two letters one may be missing, not wrong.
    size_t limit = word.size() >= 3 ? word.size() / 3 : word.size() == 2 && candidate.size() == 3 ? 1 : 0;
    if (candidate.empty() || candidate == word || candidate.size() > word.size() + limit ||
        word.size() > candidate.size() + limit)
      continue;
    size_t d = distance(word, candidate);
    if (d > limit || (!best.empty() && d >= best_distance)) continue;
    best_distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace muster
