#include "interpreter/cli/live.h"

#include <cstdio>
#include <ctime>

#include "interpreter/base/json.h"
#include "interpreter/base/shell_quote.h"
#include "interpreter/base/utf8.h"

namespace muster {
namespace {

std::string clock_of(Timestamp at) { return to_text(at).substr(11, 8); }

std::string safe(const std::string& text) { return escape_for_terminal(text, false); }

const Map* map_in(const Value* value) { return value ? value->find<Map>() : nullptr; }

int64_t monotonic_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace

std::string spent(Duration duration) {
  char buffer[48];
  double s = duration.as_seconds();
  if (s < 60) {
    std::snprintf(buffer, sizeof buffer, s < 0.1 ? "%.3f s" : "%.1f s", s);
  } else {
    std::snprintf(buffer, sizeof buffer, "%d min %d s", static_cast<int>(s) / 60, static_cast<int>(s) % 60);
  }
  return buffer;
}

std::string gate_panel(const std::string& run, const OpRecord& op, const Terminal& terminal) {
  const Map& shown = op.gate.shown;
  RulesOfGate rules = rules_of(op.gate);
  std::string out = painted("gate " + op.op.path, "1", terminal) + "  of run " + run + "\n";
  std::string message = text_of(shown, "message");
  if (!message.empty()) out += "  " + safe(message) + "\n";
  out += "  what would be done:\n";
  if (const Value* guarded = member(shown, "guarded"); guarded && guarded->is<List>()) {
    for (const Value& item : guarded->get<List>()) {
      const Map* step = item.find<Map>();
      if (!step) continue;
      std::string effect = text_of(*step, "effect");
      out += "    " + safe(text_of(*step, "op")) + "  " + text_of(*step, "action") + (effect.empty() ? "" : " (" + effect + ")") + "\n";
      if (const Value* lines = member(*step, "lines"); lines && lines->is<List>())
        for (const Value& line : lines->get<List>()) out += "      " + safe(to_text(line)) + "\n";
      std::string undo = text_of(*step, "rollback");
      if (!undo.empty()) out += "      undone, if a later step fails: " + undo + "\n";
    }
  }
  std::string who;
  for (const RulesOfGate::Place& place : rules.places) who += (who.empty() ? "" : ", and ") + (place.count > 1 ? std::to_string(place.count) + " of " : "") + place.label;
  out += "  approvers: " + (who.empty() ? "anybody" : who) + "\n";
  if (rules.self_approval_lifted) out += "  the starter may approve: the configuration is that of a team of one\n";
  if (op.gate.expires_at) out += "  expires:   " + to_text(*op.gate.expires_at) + "\n";
  out += "  digest:    " + op.gate.digest.substr(0, 16) + "\n";
  return out;
}

std::string LiveView::label(const OpId& op) const {
  const Node* node = graph_.find(op);
  if (!node) return op.path;
  std::string title = label_of(*node);
  return title == op.path ? op.path : op.path + "  " + title;
}

void LiveView::clear() {
  if (status_shown_) tell("\r\x1b[K");
  status_shown_ = false;
}

void LiveView::line(const std::string& text) {
  if (terminal_.quiet) return;
  clear();
  tell(text + "\n");
}

void LiveView::status(const std::string& text) {
  if (terminal_.quiet || !terminal_.live) return;
  clear();
  tell(text);
  status_shown_ = true;
}

void LiveView::progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) {
  int64_t now = monotonic_us();
  if (op != progress_of_) {
    progress_of_ = op;
    progress_began_.us = now;
    last_progress_us_ = 0;
  }
  int64_t every = terminal_.live ? 100'000 : 5'000'000;
  if (last_progress_us_ != 0 && now - last_progress_us_ < every && done < total) return;
  last_progress_us_ = now;
  double elapsed = static_cast<double>(now - progress_began_.us) / 1e6;
  double rate = elapsed > 0 ? static_cast<double>(done) / elapsed : 0;
  char text[160];
  if (total > 0 && rate > 0) {
    std::snprintf(text, sizeof text, "  %s  %lld of %lld %.*s (%d %%), %.0f/s, %s left", op.path.c_str(), static_cast<long long>(done), static_cast<long long>(total),
                  static_cast<int>(unit.size()), unit.data(), static_cast<int>(100.0 * static_cast<double>(done) / static_cast<double>(total)), rate,
                  spent(Duration{static_cast<int64_t>(static_cast<double>(total - done) / rate * 1e6)}).c_str());
  } else {
    std::snprintf(text, sizeof text, "  %s  %lld %.*s", op.path.c_str(), static_cast<long long>(done), static_cast<int>(unit.size()), unit.data());
  }
  if (terminal_.live) {
    status(text);
  } else {
    line(text);
  }
}

void LiveView::happened(const Event& event, const RunHistory& history) {
  const OpRecord* op = history.find(event.op);
  std::string at = clock_of(event.at) + "  ";
  Map body;
  if (!event.body.empty()) {
    Result<Value> decoded = decode_value(event.body);
    if (decoded && decoded->is<Map>()) body = std::move(*decoded->find<Map>());
  }
  const Node* node = graph_.find(event.op);
  switch (event.kind) {
    case EventKind::evaluated:
      if (member(body, "entered") && node && node->kind == NodeKind::phase) line(at + painted(label(event.op), "1", terminal_));
      break;
    case EventKind::intent: status("  " + event.op.path + " …"); break;
    case EventKind::skipped:
      if (node && !node->is_group()) line(at + "  - " + label(event.op) + "  " + text_of(body, "state") + ": " + safe(text_of(body, "reason")));
      if (node && node->is_group()) line(at + label(event.op) + "  " + text_of(body, "state") + ": " + safe(text_of(body, "reason")));
      break;
    case EventKind::outcome:
    case EventKind::verified: {
      if (!op || (node && node->is_group())) break;
      std::string state = text_of(body, "state");
      if (state == "running") {
        status("  " + event.op.path + " verifying …");
        break;
      }
      const Map* error = map_in(member(body, "error"));
      std::string took = op->started_at && op->ended_at ? "  " + spent(*op->ended_at - *op->started_at) : "";
      std::string mark = error ? painted("✗", "31", terminal_) : painted("✓", "32", terminal_);
      line(at + "  " + mark + " " + label(event.op) + (state == "succeeded" ? "" : "  " + state) + took);
      if (error) {
        std::string drawn = text_of(*error, "diagnostic");
        line(drawn.empty() ? "               " + safe(text_of(*error, "message")) : escape_for_terminal(drawn, true));
        std::string hint = text_of(*error, "hint");
        if (!hint.empty()) line("               = help: " + safe(hint));
      }
      for (const std::string& note : op->notes)
        if (member(body, "notes")) line("               " + safe(note));
      break;
    }
    case EventKind::in_doubt:
      line(at + "  " + painted("?", "33", terminal_) + " " + label(event.op) + "  in doubt: " + safe(text_of(body, "reason")));
      break;
    case EventKind::gate_opened:
      clear();
      if (op) tell("\n" + gate_panel(run_, *op, terminal_) + "\n");
      break;
    case EventKind::vote: line(at + "gate " + event.op.path + ": " + safe(text_of(body, "person")) + " says " + text_of(body, "verdict") + (text_of(body, "reason").empty() ? "" : ": " + safe(text_of(body, "reason")))); break;
    case EventKind::gate_closed: line(at + "gate " + event.op.path + " " + painted(text_of(body, "verdict"), "1", terminal_)); break;
    case EventKind::wait_started:
      if (op && op->due_at) line(at + "  … " + label(event.op) + "  " + (text_of(body, "reason") == "retry" ? "tries again at " : "waits until ") + clock_of(*op->due_at));
      break;
    case EventKind::rollback_started:
      if (member(body, "steps")) line(at + painted("rolling back", "1", terminal_) + " " + label(event.op));
      break;
    case EventKind::rollback_ended:
      if (const Value* undone = member(body, "undone"); undone && undone->is<bool>())
        line(at + "  " + (undone->get<bool>() ? "↶ undone: " : painted("✗ not undone: ", "31", terminal_)) + label(event.op));
      break;
    case EventKind::cancel_asked: line(at + "cancelled by " + safe(text_of(body, "person")) + ": running steps are stopped"); break;
    default: break;
  }
}

}  // namespace muster
