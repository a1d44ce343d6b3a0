// Checks chains and the ledger, offline from what was read. Inside this room.
//
// Told apart: an event that was changed, a gap, a cut tail (a head that the row or the ledger knows and the chain lacks),
// a ledger entry that was changed, and one that another key signed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

struct LedgerRow {
  int64_t n = 0;
  int64_t at_us = 0;
  std::string kind, run;
  int64_t run_seq = 0;
  std::string run_head, hash, signature;
};

[[nodiscard]] std::string ledger_start(const std::string& instance);
[[nodiscard]] std::string ledger_link(const std::string& previous, const LedgerRow& row);

// The first link of a run that does not hold.
[[nodiscard]] std::optional<VerifyFinding> check_chain(const RunRecord& record);
// `only` limits the findings about runs to one; the ledger itself is always checked whole.
[[nodiscard]] std::vector<VerifyFinding> check_ledger(const std::string& instance, const std::string& public_key, const std::vector<LedgerRow>& ledger,
                                                      const std::map<std::string, RunRecord>& records, const std::string& only);

}  // namespace muster
