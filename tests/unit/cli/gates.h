// Gates and runs made by hand, for what is shown of them.
#pragma once

#include <string>

#include "interpreter/base/json.h"
#include "interpreter/journal/run_state.h"

namespace muster {

inline Timestamp ten_o_clock() { return *parse_timestamp("2026-01-15T10:00:00Z"); }

inline Event event_of(EventKind kind, const std::string& op, Map body, int attempt = 0) {
  static int64_t seq = 0;
  Event event;
  event.seq = ++seq;
  event.kind = kind;
  event.kind_text = std::string(name_of(kind));
  event.op = OpId{op};
  event.attempt = attempt;
  event.at = ten_o_clock();
  if (!body.empty()) event.body = encode_value(Value(std::move(body)));
  return event;
}

inline Map shown_at_gate() {
  Map facts{{"age", "2 h"}, {"moved_aside", Value()}};
  return Map{{"opening", 1},
             {"title", "Replace the database"},
             {"message", "Replace /var/app.db"},
             {"digest", "0123456789abcdef0123456789abcdef"},
             {"require_reason", true},
             {"expires_at", ten_o_clock() + Duration::seconds(1800)},
             {"barred", List{"ann"}},
             {"places", List{Map{{"people", List{"ann", "bob"}}, {"label", "group:sre"}, {"count", 1}}}},
             {"guarded", List{Map{{"op", "replace/stop"},
                                  {"title", "replace/stop"},
                                  {"action", "shell"},
                                  {"effect", "write"},
                                  {"lines", List{"systemctl stop app"}}},
                              Map{{"op", "replace/stop~rollback/1"},
                                  {"title", "replace/stop~rollback/1"},
                                  {"action", "shell"},
                                  {"effect", "write"},
                                  {"place", "rollback"},
                                  {"of", "replace/stop"},
                                  {"lines", List{"systemctl start app"}}},
                              Map{{"op", "replace/restored"},
                                  {"title", "Restore it"},
                                  {"action", "restore"},
                                  {"effect", "destructive"},
                                  {"lines", List{"move aside\nthen copy"}},
                                  {"facts", facts},
                                  {"rollback", "auto"}}}}};
}

// A run whose gate `replace` is open.
inline RunHistory waiting_run(Map shown = shown_at_gate()) {
  RunHistory history;
  (void)history.apply(event_of(EventKind::run_created, "", Map{{"starter", "ann"}})).has_value();
  (void)history.apply(event_of(EventKind::gate_opened, "replace", std::move(shown), 1)).has_value();
  return history;
}

}  // namespace muster
