#include "interpreter/cli/live.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "interpreter/base/json.h"
#include "interpreter/base/lua_places.h"
#include "interpreter/cli/frame.h"
#include "interpreter/cli/manual_panel.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

constexpr int64_t redraw_every_us = 100'000;
constexpr int64_t progress_line_every_us = 5'000'000;
constexpr size_t widest_tree = 100;

Map body_of(const Event& event) {
  if (event.body.empty()) return {};
  Result<Value> decoded = decode_value(event.body);
  return decoded && decoded->is<Map>() ? *decoded->find<Map>() : Map{};
}

std::string with_reason(const std::string& text, const Map& body) {
  std::string reason = text_of(body, "reason");
  return reason.empty() ? text : text + ": " + safe_line(reason);
}

std::string clock_step_of(const Map& body) {
  const Value* by = member(body, "by");
  const Duration* step = by ? by->find<Duration>() : nullptr;
  if (!step) return "anew";
  return (step->us < 0 ? "back by " : "forward by ") + to_text(Duration{std::abs(step->us)});
}

std::string colour_of(const std::string& state) {
  if (state == "failed" || state == "cancelled") return "31";
  if (state == "succeeded" || state == "recovered" || state == "already_done") return "32";
  return "33";
}

// `12.3 of 200.0 MB`; other units are counted.
std::string amount(int64_t done, int64_t total, std::string_view unit) {
  char text[96];
  if (unit == "bytes") {
    double mb = 1e6;
    if (total > 0) {
      std::snprintf(text, sizeof text, "%.1f of %.1f MB", static_cast<double>(done) / mb,
                    static_cast<double>(total) / mb);
    } else {
      std::snprintf(text, sizeof text, "%.1f MB", static_cast<double>(done) / mb);
    }
    return text;
  }
  std::string out = std::to_string(done);
  if (total > 0) out += " of " + std::to_string(total);
  return out + (unit.empty() ? "" : " " + std::string(unit));
}

std::string speed(double rate, std::string_view unit) {
  char text[64];
  if (unit == "bytes") {
    std::snprintf(text, sizeof text, "%.1f MB/s", rate / 1e6);
  } else {
    std::snprintf(text, sizeof text, rate < 10 ? "%.1f/s" : "%.0f/s", rate);
  }
  return text;
}

}  // namespace

std::string LiveView::name(const OpId& op) const {
  const Node* node = graph_.find(op);
  std::string title = node ? label_of(*node) : "";
  std::string path = safe_line(op.path);
  return title.empty() || title == op.path.substr(op.path.rfind('/') + 1) ? path : path + "  " + safe_line(title);
}

void LiveView::clear() {
  if (drawn_lines_ == 0 && !drawn_question_) return;
  std::string out = "\r";
  size_t up = drawn_lines_ == 0 ? 0 : drawn_lines_ - 1;
  if (settings_.terminal.live) {
    if (up > 0) out += "\x1b[" + std::to_string(up) + "A";
    settings_.write(out + "\x1b[J");
  } else {
    settings_.write("\n");  // the question stays where it was asked
  }
  drawn_lines_ = 0;
  drawn_question_ = false;
}

std::string LiveView::tree() {
  int64_t now = settings_.now_us();
  drawn_us_ = now;
  TerminalSize size = settings_.size();
  FrameStyle style{std::min(size.columns, widest_tree) - 1, size.rows > 6 ? size.rows - 2 : 4,
                   settings_.terminal.colour, [&](const std::string& op) {
                     Progressing& p = progressing_[op];
                     if (p.first_seen_us == 0) p.first_seen_us = now;
                     return spent(Duration{now - p.first_seen_us}) + (p.text.empty() ? "" : "  " + p.text);
                   }};
  std::string out;
  drawn_lines_ = 0;
  for (const std::string& row : frame(graph_, *history_, run_, style)) {
    out += (out.empty() ? "" : "\n") + row;
    ++drawn_lines_;
  }
  return out;
}

// In a run of many fast steps the tree is drawn ten times a second, not after each of them.
void LiveView::draw() {
  std::string out;
  if (draws_tree() && history_ && question_.empty() && settings_.now_us() - drawn_us_ >= redraw_every_us) out = tree();
  if (!question_.empty()) {
    out += question_;
    drawn_question_ = true;
  }
  if (!out.empty()) settings_.write(out);
}

void LiveView::leave_tree() {
  clear();
  if (!draws_tree() || !history_) return;
  settings_.write(tree() + "\n");
  drawn_lines_ = 0;
}

void LiveView::finish() {
  question_.clear();
  leave_tree();
}

void LiveView::tick() {
  if (!draws_tree() || !history_ || !question_.empty() || settings_.now_us() - drawn_us_ < redraw_every_us) return;
  clear();
  draw();
}

void LiveView::line(const std::string& text) {
  if (!settings_.terminal.quiet) say(text);
}

void LiveView::say(const std::string& text) {
  clear();
  settings_.write(text + "\n");
  draw();
}

void LiveView::ask(std::string question) {
  clear();
  question_ = std::move(question);
  draw();
}

void LiveView::heard() {
  drawn_lines_ = 0;
  drawn_question_ = false;
  question_.clear();
}

void LiveView::show_panel(std::string panel, const std::string& commands) {
  leave_tree();
  if (settings_.terminal.live) panel = boxed(panel, std::min(settings_.size().columns, widest_tree) - 1);
  settings_.write((settings_.terminal.live ? "" : "\n") + panel + commands + "\n");
  draw();
}

PanelStyle LiveView::panel_style() const {
  return {settings_.terminal.live ? Colour::off : settings_.terminal.colour, settings_.terminal.tty};
}

void LiveView::show_gate(const OpRecord& gate, bool with_commands) {
  show_panel(gate_panel(run_, gate, panel_style()),
             with_commands ? "  to decide, type one of\n" + gate_commands(settings_.muster, run_, gate) : "");
}

void LiveView::show_manual(const OpRecord& step, bool with_command) {
  show_panel(
      manual_panel(run_, step, panel_style()),
      with_command ? "  once it is done, type\n  " + complete_command_line(settings_.muster, run_, step) + "\n" : "");
}

void LiveView::progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) {
  Progressing& p = progressing_[op.path];
  int64_t now = settings_.now_us();
  if (p.first_seen_us == 0) p.first_seen_us = now;
  if (p.began_us == 0 || done < p.first_done) {
    p.began_us = now;
    p.first_done = done;
  }
  bool live = draws_tree();
  if (p.told_us != 0 && now - p.told_us < (live ? redraw_every_us : progress_line_every_us) && done < total) return;
  p.told_us = now;
  double elapsed = static_cast<double>(now - p.began_us) / 1e6;
  double rate = elapsed > 0 ? static_cast<double>(done - p.first_done) / elapsed : 0;
  p.text = amount(done, total, safe_line(unit));
  if (total > 0)
    p.text +=
        " (" + std::to_string(static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total))) + " %)";
  if (rate > 0) p.text += ", " + speed(rate, unit);
  if (rate > 0 && total > done)
    p.text += ", " + spent(Duration{static_cast<int64_t>(static_cast<double>(total - done) / rate * 1e6)}) + " left";
  if (live) {
    tick();
  } else {
    line("            " + safe_line(op.path) + "  " + p.text);
  }
}

void LiveView::happened(const Event& event, const RunHistory& history) {
  history_ = &history;
  Map body = body_of(event);
  if (text_of(body, "state") != "running") progressing_.erase(event.op.path);
  told(event, body, history);
  if (settings_.terminal.verbose) verbose(event, body);
}

void LiveView::tell_ending_of_step(const Event& event, const Map& body, const OpRecord& op) {
  std::string state = text_of(body, "state");
  std::string took = op.started_at && op.ended_at ? " in " + spent(*op.ended_at - *op.started_at) : "";
  bool has_words = member(body, "error") || member(body, "notes");
  if (draws_tree() && !has_words) return;  // the tree tells it
  line(clock_of(event.at) + "   " + name(event.op) + "  " + styled(state, colour_of(state)) + took);
  constexpr std::string_view below = "            ";
  const Value* error = member(body, "error");
  if (const Map* map = error ? error->find<Map>() : nullptr) {
    std::string drawn = text_of(*map, "diagnostic"), hint = text_of(*map, "hint");
    std::string text = indented(drawn.empty() ? text_of(*map, "message") : drawn, below);
    if (std::string places = lua_places(*map); !places.empty()) text += std::string(below) + safe_line(places) + "\n";
    const bool is_drawn = drawn.find(hint) != std::string::npos;
    if (!hint.empty() && !is_drawn) text += std::string(below) + "= help: " + safe_line(hint) + "\n";
    if (!text.empty()) text.pop_back();
    line(text);
  }
  if (const Value* notes = member(body, "notes"); notes && notes->is<List>())
    for (const Value& note : notes->get<List>()) line(std::string(below) + short_line(to_text(note), 400));
}

void LiveView::told(const Event& event, const Map& body, const RunHistory& history) {
  const OpRecord* op = history.find(event.op);
  const Node* node = graph_.find(event.op);
  bool is_group = node && node->is_group();
  std::string at = clock_of(event.at) + " ", what = name(event.op), state = text_of(body, "state");
  switch (event.kind) {
    case EventKind::evaluated:
      if (member(body, "entered") && node && node->kind == NodeKind::phase && !draws_tree())
        line(at + styled(what, "1"));
      if (const Value* notes = member(body, "released") ? member(body, "notes") : nullptr; notes && notes->is<List>())
        for (const Value& note : notes->get<List>()) line(at + "  " + what + "  " + short_line(to_text(note), 400));
      if (member(body, "timed_out")) line(at + styled("the time of " + what + " was up", "31"));
      if (member(body, "done_when") && op && !is_group && !state.empty() && state != "running")
        tell_ending_of_step(event, body, *op);
      if (std::string answer = text_of(body, "before_retry"); !answer.empty() && !draws_tree())
        line(at + "  " +
             with_reason(what + (answer == "missing" ? "  its `done_when` says that it had no effect"
                                                     : "  its `done_when` cannot tell whether it had an effect"),
                         body));
      break;
    case EventKind::skipped:
      if (!draws_tree()) line(at + (is_group ? "" : "  ") + with_reason(what + "  " + state, body));
      break;
    case EventKind::outcome:
    case EventKind::verified:
      if (op && !is_group && state != "running") tell_ending_of_step(event, body, *op);
      break;
    case EventKind::in_doubt:
      line(at + "  " + with_reason(what + "  " + styled("in doubt", "33"), body));
      break;
    case EventKind::resolved:
      line(at + "  " +
           with_reason(what + "  " + safe_line(text_of(body, "person")) + " settles it as " + text_of(body, "choice"),
                       body));
      break;
    case EventKind::vote:
      line(at + with_reason("gate " + event.op.path + "  " + safe_line(text_of(body, "person")) + " says " +
                                safe_line(text_of(body, "verdict")),
                            body));
      break;
    case EventKind::answered:
      line(at + "  " + what + "  " + safe_line(text_of(body, "person")) + " says that it is done");
      break;
    case EventKind::gate_closed: {
      std::string verdict = text_of(body, "verdict");
      line(at + "gate " + event.op.path + "  " + styled(verdict, verdict == "approved" ? "32" : "33") +
           (verdict == "voided" || verdict == "expired" ? ": " + safe_line(text_of(body, "reason")) : ""));
      break;
    }
    case EventKind::wait_started:
      if (text_of(body, "reason") == "lock") {
        line(at + "waits: " + safe_line(text_of(body, "message")));
        break;
      }
      if (op && op->due_at && !op->asked && !draws_tree())
        line(at + "  " + what + (text_of(body, "reason") == "retry" ? "  tries again at " : "  waits until ") +
             clock_of(*op->due_at));
      break;
    case EventKind::rollback_started:
      if (member(body, "steps")) line(at + styled("rolling back " + what, "1"));
      break;
    case EventKind::rollback_ended:
      if (const Value* undone = member(body, "undone"); undone && undone->is<bool>())
        line(at + "  " + what + "  " + (undone->get<bool>() ? styled("undone", "32") : styled("not undone", "31")));
      break;
    case EventKind::owned:
      if (!text_of(body, "before").empty()) line(at + "taken over from " + safe_line(text_of(body, "before")));
      break;
    case EventKind::cancel_asked:
      line(at + with_reason(safe_line(text_of(body, "person")) + " cancels the run", body));
      break;
    case EventKind::audit:
      line(at + "  audit " + safe_line(text_of(body, "event")));
      break;
    case EventKind::lock_taken_over:
      line(at + "took over the lock `" + safe_line(text_of(body, "name")) + "` from run " + text_of(body, "from") +
           ": " + safe_line(text_of(body, "standing")));
      break;
    case EventKind::clock_stepped:
      line(at + "the clock was set " + clock_step_of(body));
      break;
    default:
      break;
  }
}

// With -v: every event, with what it says, beside the lines for people.
void LiveView::verbose(const Event& event, const Map& body) {
  std::string text = "            " + std::to_string(event.seq) + " " + event.kind_text +
                     (event.op.path.empty() ? "" : " " + safe_line(event.op.path));
  if (event.attempt > 0) text += " attempt " + std::to_string(event.attempt);
  if (!body.empty()) text += " " + short_line(print_json(Value(body)), 300);
  line(styled(text, "2"));
}

}  // namespace muster
