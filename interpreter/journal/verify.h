// Checks chains and the ledger as they are read, one entry at a time: a store of any size in little memory.
//
// Told apart: an event that was changed, a gap, a cut tail (a head that the run's row or the ledger knows and the chain
// lacks), a chain that was written anew, a ledger entry that was changed, and one that another key signed.
// Source: docs/journal.md, "What verify tells apart".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

struct LedgerEntry {
  int64_t n = 0;
  int64_t at_us = 0;
  std::string kind, run;
  int64_t run_seq = 0;
  std::string run_head, hash, signature;
};

[[nodiscard]] std::string ledger_start(const std::string& instance);
[[nodiscard]] std::string ledger_link(const std::string& previous, const LedgerEntry& entry);

// What the ledger says of one run: its entries by seq.
using LedgerHeads = std::map<int64_t, LedgerEntry>;

// One run's chain, from its first event on. The first thing that does not hold is its finding.
class ChainCheck {
 public:
  explicit ChainCheck(const RunRow& row, const LedgerHeads* ledger = nullptr);
  void next(const Event& event);
  [[nodiscard]] std::optional<VerifyFinding> finish();

 private:
  void find(int64_t seq, std::string message);
  const RunRow& row_;
  const LedgerHeads* ledger_;
  std::string head_;
  int64_t expected_ = 1;
  bool has_end_ = false;
  std::optional<RunState> ending_;
  std::optional<VerifyFinding> finding_;
};

// The digests of a run's outputs, as its events hold them.
class RecordedStreams {
 public:
  void note(const Event& event);
  // What is wrong with it; empty: it is what was recorded. Each is asked for once.
  [[nodiscard]] std::string problem_with(const OutputRecord& output);
  // The first that was recorded and not asked for; empty: none, or there was no room for it.
  [[nodiscard]] std::string missing() const;

 private:
  struct Digests {
    int64_t bytes = 0;
    std::string sha256, kept;
  };
  std::map<std::string, Digests> streams_;  // by op, attempt and name
  bool may_miss_some_ = false;
};

// The digests of the files that a run was made of, from the body of its first event.
[[nodiscard]] std::vector<std::string> digests_in(const std::string& body);

class LedgerCheck {
 public:
  LedgerCheck(const std::string& instance, std::string public_key);
  // Whether it holds; after the first that does not, none does.
  bool next(const LedgerEntry& entry);
  [[nodiscard]] const std::optional<VerifyFinding>& finding() const { return finding_; }

 private:
  std::string public_key_, head_;
  int64_t expected_ = 1;
  std::optional<VerifyFinding> finding_;
};

}  // namespace muster
