#include "interpreter/journal/verify.h"

#include "interpreter/base/digest.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/ledger.h"

namespace muster {

std::string ledger_start(const std::string& instance) { return sha256_hex("muster-ledger-1" + framed({instance})); }

std::string ledger_link(const std::string& previous, const LedgerRow& row) {
  return sha256_hex("muster-ledger-entry-1" + from_hex(previous) +
                    framed({std::to_string(row.n), std::to_string(row.at_us), row.kind, row.run, std::to_string(row.run_seq), row.run_head}));
}

std::optional<VerifyFinding> check_chain(const RunRecord& record) {
  const RunRow& row = record.row;
  NewRun run;
  run.id = row.id;
  run.playbook = row.playbook;
  run.version = row.version;
  run.graph_digest = row.graph_digest;
  run.inputs = row.inputs;
  run.starter = row.starter;
  run.parent = row.parent;
  run.created_at = row.created_at;
  std::string head = first_link(run);
  int64_t expected = 1;
  for (const Event& event : record.events) {
    if (event.seq != expected)
      return VerifyFinding{row.id, expected, "event " + std::to_string(expected) + " is missing"};
    if (next_link(head, event) != event.hash)
      return VerifyFinding{row.id, event.seq,
                           event.seq == 1 ? "event 1 does not fit: it or the run's own row was changed"
                                          : "event " + std::to_string(event.seq) + " does not fit the one before it: it was changed"};
    head = event.hash;
    ++expected;
  }
  if (row.next_seq != expected || row.head != head)
    return VerifyFinding{row.id, expected,
                         row.next_seq > expected ? "the journal is missing " + std::to_string(row.next_seq - expected) + " events from " + std::to_string(expected) + " on"
                                                 : "the run's head is not its last event's"};
  return std::nullopt;
}

std::vector<VerifyFinding> check_ledger(const std::string& instance, const std::string& public_key, const std::vector<LedgerRow>& ledger,
                                        const std::map<std::string, RunRecord>& records, const std::string& only) {
  std::vector<VerifyFinding> findings;
  std::string head = ledger_start(instance);
  int64_t expected = 1;
  for (const LedgerRow& row : ledger) {
    if (row.n != expected) {
      findings.push_back({"", expected, "ledger entry " + std::to_string(expected) + " is missing"});
      break;
    }
    if (ledger_link(head, row) != row.hash) {
      findings.push_back({"", row.n, "ledger entry " + std::to_string(row.n) + " does not fit the one before it: it was changed"});
      break;
    }
    if (!is_signed_by(public_key, row.hash, row.signature)) {
      findings.push_back({"", row.n, "ledger entry " + std::to_string(row.n) + " is not signed by this store's key"});
      break;
    }
    head = row.hash;
    ++expected;
    if (!only.empty() && row.run != only) continue;
    auto record = records.find(row.run);
    if (record == records.end()) {
      findings.push_back({row.run, 0, "run " + row.run + " is missing: the ledger knows it"});
      continue;
    }
    const std::vector<Event>& events = record->second.events;
    bool there = row.run_seq >= 1 && row.run_seq <= static_cast<int64_t>(events.size()) && events[static_cast<size_t>(row.run_seq) - 1].hash == row.run_head;
    if (!there)
      findings.push_back({row.run, row.run_seq, "the ledger's entry " + std::to_string(row.n) + " names event " + std::to_string(row.run_seq) + ", which is missing or another"});
  }
  return findings;
}

}  // namespace muster
