#include "interpreter/journal/verify.h"

#include "interpreter/base/digest.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/ledger.h"
#include "interpreter/journal/run_state.h"

namespace muster {

std::string ledger_start(const std::string& instance) { return sha256_hex("muster-ledger-1" + framed({instance})); }

std::string ledger_link(const std::string& previous, const LedgerEntry& entry) {
  return sha256_hex("muster-ledger-entry-1" + from_hex(previous) +
                    framed({std::to_string(entry.n), std::to_string(entry.at_us), entry.kind, entry.run,
                            std::to_string(entry.run_seq), entry.run_head}));
}

ChainCheck::ChainCheck(const RunRow& row, const LedgerHeads* ledger) : row_(row), ledger_(ledger) {
  NewRun run;
  run.id = row.id;
  run.playbook = row.playbook;
  run.version = row.version;
  run.graph_digest = row.graph_digest;
  run.inputs = row.inputs;
  run.starter = row.starter;
  run.parent = row.parent;
  run.created_at = row.created_at;
  head_ = first_link(run);
}

void ChainCheck::find(int64_t seq, std::string message) {
  if (!finding_) finding_ = VerifyFinding{row_.id, seq, std::move(message)};
}

void ChainCheck::next(const Event& event) {
  if (finding_) return;
  std::string name = "event " + std::to_string(event.seq);
  if (event.seq != expected_) return find(expected_, "event " + std::to_string(expected_) + " is missing");
  if (next_link(head_, event) != event.hash)
    return find(event.seq, event.seq == 1 ? "event 1 does not fit: it or the run's own row was changed"
                                          : name + " does not fit the one before it: it was changed");
  head_ = event.hash;
  ++expected_;
  if (ledger_) {
    auto entry = ledger_->find(event.seq);
    if (entry != ledger_->end() && entry->second.run_head != event.hash)
      return find(event.seq, name + " is not the one that the ledger's entry " + std::to_string(entry->second.n) +
                                 " names: the chain was written anew");
  }
  if (event.kind == EventKind::run_ended) {
    has_end_ = true;
    RunHistory history;
    if (history.apply(event)) ending_ = ending_of(history);
  }
}

std::optional<VerifyFinding> ChainCheck::finish() {
  if (finding_) return finding_;
  int64_t known = row_.next_seq;
  if (ledger_ && !ledger_->empty()) known = std::max(known, ledger_->rbegin()->first + 1);
  if (known > expected_) {
    int64_t lost = known - expected_;
    find(expected_, "the journal is missing " + std::to_string(lost) + (lost == 1 ? " event" : " events") + " from " +
                        std::to_string(expected_) + " on");
  } else if (row_.next_seq != expected_ || row_.head != head_) {
    find(expected_ - 1, "the run's head is not its last event's");
  } else if (has_ended(row_.state) != has_end_ || (ending_ && *ending_ != row_.state)) {
    find(expected_ - 1, "the run's state `" + std::string(name_of(row_.state)) + "` does not follow from its events");
  }
  return finding_;
}

LedgerCheck::LedgerCheck(const std::string& instance, std::string public_key)
    : public_key_(std::move(public_key)), head_(ledger_start(instance)) {}

bool LedgerCheck::next(const LedgerEntry& entry) {
  if (finding_) return false;
  std::string name = "ledger entry " + std::to_string(entry.n);
  if (entry.n != expected_) {
    finding_ = VerifyFinding{"", expected_, "ledger entry " + std::to_string(expected_) + " is missing"};
  } else if (ledger_link(head_, entry) != entry.hash) {
    finding_ = VerifyFinding{"", entry.n, name + " does not fit the one before it: it was changed"};
  } else if (!is_signed_by(public_key_, entry.hash, entry.signature)) {
    finding_ = VerifyFinding{"", entry.n, name + " is not signed by this store's key"};
  }
  if (finding_) return false;
  head_ = entry.hash;
  ++expected_;
  return true;
}

}  // namespace muster
