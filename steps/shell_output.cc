#include "steps/shell_output.h"

#include <algorithm>
#include <vector>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"

namespace muster {
namespace {

constexpr size_t longest_line_shown = 300;

List lines_of(std::string_view text) {
  List lines;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
  }
  return lines;
}

struct CsvRow {
  size_t line = 1;  // where it begins
  std::vector<std::string> cells;
};

// Cells may hold commas, quotes and line ends when they stand in quotes.
Result<std::vector<CsvRow>> rows_of(std::string_view text) {
  std::vector<CsvRow> rows;
  size_t line = 1;
  for (size_t at = 0; at < text.size();) {
    CsvRow& row = rows.emplace_back();
    row.line = line;
    for (bool more = true; more;) {
      std::string cell;
      if (at < text.size() && text[at] == '"') {
        size_t begun = line;
        for (++at;; ++at) {
          if (at >= text.size())
            return fail(ErrorCode::bad_reply, "line " + std::to_string(begun) + ": a quoted field does not end");
          if (text[at] == '"' && (at + 1 >= text.size() || text[at + 1] != '"')) break;
          if (text[at] == '"') ++at;
          line += text[at] == '\n';
          cell.push_back(text[at]);
        }
        ++at;
        if (at < text.size() && std::string_view(",\r\n").find(text[at]) == std::string_view::npos)
          return fail(ErrorCode::bad_reply,
                      "line " + std::to_string(line) + ": a quoted field goes on after its quote");
      } else {
        size_t end = std::min(text.find_first_of(",\n", at), text.size());
        cell = text.substr(at, end - at);
        if (end < text.size() && text[end] == '\n' && cell.ends_with('\r')) cell.pop_back();
        at = end;
      }
      row.cells.push_back(std::move(cell));
      if (at < text.size() && text[at] == '\r') ++at;
      more = at < text.size() && text[at] == ',';
      if (at < text.size()) line += text[at++] == '\n';
    }
  }
  return rows;
}

}  // namespace

std::string text_of_stream(const CapturedStream& stream) {
  if (stream.is_whole()) return stream.head + stream.tail;
  uint64_t left_out = stream.bytes - stream.head.size() - stream.tail.size();
  return stream.head + "\n[… " + std::to_string(left_out) + " bytes are left out …]\n" + stream.tail;
}

std::string last_line_of(const CapturedStream& stream) {
  // A line may begin in the head only where nothing is left out between.
  std::string joined = stream.is_whole() ? stream.head + stream.tail : stream.tail;
  std::string_view text = joined;
  size_t last = text.find_last_not_of(" \t\r\n");
  if (last == std::string_view::npos) return {};
  text = text.substr(0, last + 1);
  if (size_t end = text.rfind('\n'); end != std::string_view::npos) text.remove_prefix(end + 1);
  if (text.size() <= longest_line_shown) return escape_for_terminal(text, false);
  size_t cut = longest_line_shown;
  while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;  // not within a character
  return escape_for_terminal(text.substr(0, cut), false) + "…";
}

Result<List> parse_csv(std::string_view text) {
  Result<std::vector<CsvRow>> rows = rows_of(text);
  if (!rows) return pass(rows.error());
  List out;
  for (size_t r = 1; r < rows->size(); ++r) {
    const std::vector<std::string>& names = rows->front().cells;
    CsvRow& row = (*rows)[r];
    if (row.cells.size() != names.size())
      return fail(ErrorCode::bad_reply, "line " + std::to_string(row.line) + " has " +
                                            std::to_string(row.cells.size()) + " fields, and the first has " +
                                            std::to_string(names.size()));
    Map fields;
    for (size_t c = 0; c < names.size(); ++c) fields[names[c]] = std::move(row.cells[c]);
    out.push_back(std::move(fields));
  }
  return out;
}

Result<Value> parse_output(std::string_view how, const CapturedStream& out) {
  if (how.empty()) return Value();
  if (!out.is_whole())
    return fail(ErrorCode::bad_reply,
                "stdout cannot be parsed: of its " + std::to_string(out.bytes) + " bytes the middle is left out",
                "raise `max_output`");
  std::string text = out.head + out.tail;
  if (how == "lines") return Value(lines_of(text));
  if (how == "json") {
    Result<Value> value = parse_json(text);
    if (!value) return fail(ErrorCode::bad_reply, "stdout is no JSON: " + value.error().message);
    return value;
  }
  Result<List> rows = parse_csv(text);
  if (!rows) return fail(ErrorCode::bad_reply, "stdout is no CSV: " + rows.error().message);
  return Value(std::move(*rows));
}

}  // namespace muster
