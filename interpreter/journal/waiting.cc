#include "interpreter/journal/waiting.h"

#include "interpreter/base/json.h"
#include "interpreter/journal/run_state.h"

namespace muster {
namespace {

constexpr size_t longest_title = 200;  // bytes: a list has a line for it

Map body_of(const Event& event) {
  Result<Value> body = decode_value(event.body);
  Map* map = body ? body->find<Map>() : nullptr;
  return map ? std::move(*map) : Map{};
}

// The first line that says something, cut between two characters.
std::string first_line(const std::string& text) {
  size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  std::string line = text.substr(begin, text.find('\n', begin) - begin);
  if (line.size() <= longest_title) return line;
  size_t end = longest_title;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0) == 0x80) --end;
  return line.substr(0, end) + "...";
}

const List* list_in(const Map& body, std::string_view name) {
  const Value* value = member(body, name);
  return value ? value->find<List>() : nullptr;
}

std::string who_of(const Map& body) {
  std::string out;
  const List* places = list_in(body, "places");
  if (!places) return out;
  for (const Value& item : *places) {
    const Map* place = item.find<Map>();
    const Value* count = place ? member(*place, "count") : nullptr;
    if (!place) continue;
    out +=
        (out.empty() ? "" : ", and ") + (count ? to_text(*count) + " of " : std::string()) + text_of(*place, "label");
  }
  return out;
}

std::optional<Timestamp> time_in(const Map& body, std::string_view name) {
  const Value* value = member(body, name);
  const Timestamp* at = value ? value->find<Timestamp>() : nullptr;
  return at ? std::optional<Timestamp>(*at) : std::nullopt;
}

}  // namespace

WaitingChange change_of_waiting(const Event& event) {
  switch (event.kind) {
    case EventKind::gate_opened:
      return WaitingChange::begins;
    case EventKind::wait_started:
      return text_of(body_of(event), "reason") == waits_for_person ? WaitingChange::begins : WaitingChange::ends;
    // Whatever moves an op on ends its wait, whichever of them it is.
    case EventKind::gate_closed:
    case EventKind::wait_ended:
    case EventKind::skipped:
    case EventKind::intent:
    case EventKind::outcome:
    case EventKind::verified:
    case EventKind::in_doubt:
    case EventKind::resolved:
      return WaitingChange::ends;
    case EventKind::run_ended:
      return WaitingChange::all_end;
    default:
      return WaitingChange::none;
  }
}

WaitingRow waiting_row(const Event& event) {
  const Map body = body_of(event);
  WaitingRow row;
  row.op = event.op;
  row.seq = event.seq;
  row.is_gate = event.kind == EventKind::gate_opened;
  row.since = event.at;
  row.expires_at = time_in(body, row.is_gate ? "expires_at" : "due_at");
  row.title = first_line(text_of(body, row.is_gate ? "message" : "instructions"));
  if (row.title.empty()) row.title = first_line(text_of(body, "title"));
  row.who = who_of(body);
  if (const List* guarded = list_in(body, "guarded")) {
    for (const Value& item : *guarded) {
      const Map* step = item.find<Map>();
      if (!step || member(*step, "place")) continue;  // what only follows a failure or an end
      ++row.steps;
      if (text_of(*step, "effect") == "destructive") ++row.destructive;
    }
  }
  return row;
}

void WaitingRows::next(const Event& event) {
  switch (change_of_waiting(event)) {
    case WaitingChange::none:
      return;
    case WaitingChange::begins:
      rows_.insert_or_assign(event.op.path, waiting_row(event));
      return;
    case WaitingChange::ends:
      rows_.erase(event.op.path);
      return;
    case WaitingChange::all_end:
      std::erase_if(rows_, [](const auto& row) { return row.first != review_op; });
      return;
  }
}

const WaitingRow* WaitingRows::find(const std::string& op) const {
  auto found = rows_.find(op);
  return found == rows_.end() ? nullptr : &found->second;
}

std::vector<WaitingRow> WaitingRows::all() const {
  std::vector<WaitingRow> out;
  for (const auto& [op, row] : rows_) out.push_back(row);
  return out;
}

}  // namespace muster
