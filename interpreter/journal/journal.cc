#include "interpreter/journal/journal.h"

#include <array>

#include "interpreter/base/digest.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/sqlite_store.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 27> kinds = {
    "run_created",     "owned",         "evaluated",        "skipped",        "intent",      "outcome",
    "mark_intent",     "mark",          "in_doubt",         "resolved",       "gate_opened", "vote",
    "gate_closed",     "wait_started",  "wait_ended",       "verified",       "answered",    "lock_taken",
    "lock_taken_over", "lock_released", "rollback_started", "rollback_ended", "audit",       "clock_stepped",
    "cancel_asked",    "run_ended",     "unknown"};
constexpr std::array<std::string_view, 8> states = {"queued", "running",  "waiting",     "succeeded",
                                                    "failed", "rejected", "rolled_back", "cancelled"};

}  // namespace

std::string_view name_of(EventKind kind) { return kinds[static_cast<size_t>(kind)]; }

EventKind event_kind_of(std::string_view name) {
  for (size_t i = 0; i < kinds.size(); ++i)
    if (kinds[i] == name) return static_cast<EventKind>(i);
  return EventKind::unknown;
}

std::string digest_of_kept(const OutputRecord& output) { return sha256_hex(framed({output.head, output.tail})); }

List outputs_in_event(const std::vector<OutputRecord>& outputs) {
  List out;
  for (const OutputRecord& output : outputs)
    out.push_back(Map{{"stream", output.stream},
                      {"bytes", static_cast<int64_t>(output.bytes)},
                      {"sha256", output.sha256},
                      {"kept", digest_of_kept(output)}});
  return out;
}

std::string_view name_of(RunState state) { return states[static_cast<size_t>(state)]; }

std::optional<RunState> run_state_of(std::string_view name) {
  for (size_t i = 0; i < states.size(); ++i)
    if (states[i] == name) return static_cast<RunState>(i);
  return std::nullopt;
}

bool has_ended(RunState state) {
  return state == RunState::succeeded || state == RunState::failed || state == RunState::rejected ||
         state == RunState::rolled_back || state == RunState::cancelled;
}

Result<std::string> sqlite_path(const std::string& store) {
  std::string path = store;
  if (path.rfind("sqlite:", 0) == 0) path = path.substr(7);
  if (path.rfind("postgres:", 0) == 0 || path.rfind("postgresql:", 0) == 0)
    return fail(ErrorCode::invalid, "`" + store + "`: this version keeps its runs in SQLite",
                "give a path, or `sqlite:PATH`");
  if (path.empty()) return fail(ErrorCode::invalid, "the store's path is empty", "give a path, or `sqlite:PATH`");
  return path;
}

Result<std::unique_ptr<Journal>> open_journal(const std::string& store, bool create) {
  Result<std::string> path = sqlite_path(store);
  if (!path) return pass(path.error());
  OpenOptions options;
  options.create = create;
  return open_sqlite_journal(*path, options);
}

}  // namespace muster
