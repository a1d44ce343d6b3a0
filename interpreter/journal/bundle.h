// One run in one file that can be checked without its store: its row, events, files, outputs, its ledger entries and
// the report that people read.
//
// Lines of JSON, each an object of one key that says what it is: `muster_bundle`, `run`, `event`, `file`, `output`,
// `ledger`, `report`, `end`. Bytes that need not be text are Base64. `end` holds the SHA-256 of all bytes before its
// line, signed with the store's key: no byte can be changed unseen.
// Errors: `corrupt`, `not_found`, `refused` as Journal; a bundle that does not hold is a report with findings.
// Source: docs/journal.md, "Bundles".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

// `report`: Markdown. `path` as sqlite_path() gives it.
[[nodiscard]] Result<std::string> make_bundle(Journal& journal, const std::string& path, const std::string& run,
                                              const std::string& report, Timestamp now);

struct BundleCheck {
  std::string run, playbook, state, instance, public_key;
  int64_t events = 0, files = 0, outputs = 0;
  std::vector<SignedHead> heads;        // of this run, each signed
  std::vector<VerifyFinding> findings;  // empty: everything holds; seq is an event's, or 0
};
[[nodiscard]] BundleCheck check_bundle(std::string_view bytes);

}  // namespace muster
