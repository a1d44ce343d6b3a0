// `muster logs RUN [STEP]`
#include "interpreter/base/utf8.h"
#include "interpreter/cli/session.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

Value row_of(const OutputRecord& output) {
  return Map{{"op", output.op.path},   {"attempt", output.attempt}, {"stream", output.stream},
             {"head", output.head},    {"tail", output.tail},       {"bytes", static_cast<int64_t>(output.bytes)},
             {"sha256", output.sha256}};
}

std::string text_of_output(const OutputRecord& output, Colour colour) {
  std::string title = "== " + safe_line(output.op.path) +
                      (output.attempt > 1 ? ", attempt " + std::to_string(output.attempt) : "") + ", " +
                      safe_line(output.stream);
  std::string out = painted(title, "2", colour) + "\n" + escape_for_terminal(output.head, true);
  uint64_t kept = output.head.size() + output.tail.size();
  if (output.bytes > kept) out += "\n[… " + std::to_string(output.bytes - kept) + " bytes are left out …]\n";
  out += escape_for_terminal(output.tail, true);
  if (out.back() != '\n') out += "\n";
  return out;
}

}  // namespace

int logs_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  Result<std::vector<OutputRecord>> outputs = opened->session.journal->outputs(opened->run.id());
  if (!outputs) return complain(outputs.error());
  std::string only;
  if (invocation.options.words.size() > 1) {
    const std::string& word = invocation.options.words[1];
    std::optional<OpId> named;
    if (opened->run.loaded.graph) named = op_named(*opened->run.loaded.graph, opened->run.history, word, false);
    if (!named && !opened->run.history.find(OpId{word}))
      return complain(fail(ErrorCode::not_found, "no step of the run is called `" + word + "`",
                           "`muster show " + opened->run.id() + "` lists them"));
    only = named ? named->path : word;
  }
  List rows;
  for (const OutputRecord& output : *outputs) {
    bool inside = output.op.path.rfind(only, 0) == 0 &&
                  (output.op.path.size() == only.size() || output.op.path[only.size()] == '/' ||
                   output.op.path[only.size()] == '~' || output.op.path[only.size()] == '[');
    if (!only.empty() && !inside) continue;
    if (invocation.json()) {
      rows.push_back(row_of(output));
    } else if (output.bytes > 0) {
      answer(text_of_output(output, invocation.terminal.answers));
    }
  }
  if (invocation.json()) answer_rows(invocation, rows);
  return exit_code::ok;
}

}  // namespace muster
