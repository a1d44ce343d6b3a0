// What waits for a person, as events tell it: which begin and end a wait, and what a list shows of it.
//
// Units:  see journal.h.
// Errors: none; a body that cannot be read shows nothing.
// Source: docs/journal.md, "What waits".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

// What an event changes about the waits of its run: nothing, its own op begins or ends to wait, or all but the review
// of a broken glass end with the run.
enum class WaitingChange { none, begins, ends, all_end };
[[nodiscard]] WaitingChange change_of_waiting(const Event& event);
// Of an event that begins a wait; without run and playbook.
[[nodiscard]] WaitingRow waiting_row(const Event& event);

// The waits of one run, event by event.
class WaitingRows {
 public:
  void next(const Event& event);
  [[nodiscard]] const WaitingRow* find(const std::string& op) const;
  [[nodiscard]] size_t size() const { return rows_.size(); }
  [[nodiscard]] std::vector<WaitingRow> all() const;

 private:
  std::map<std::string, WaitingRow> rows_;  // by op
};

}  // namespace muster
