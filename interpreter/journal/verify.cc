#include "interpreter/journal/verify.h"

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
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

namespace {

std::string stream_name(const std::string& op, int64_t attempt, const std::string& stream) {
  return "the " + stream + " of `" + op + "`, attempt " + std::to_string(attempt) + ",";
}

const Value* member_of(const Value& value, const std::string& name) {
  const Map* map = value.find<Map>();
  auto it = map ? map->find(name) : Map::const_iterator();
  return map && it != map->end() ? &it->second : nullptr;
}

std::string text_in(const Value& value, const std::string& name) {
  const Value* found = member_of(value, name);
  return found && found->is<std::string>() ? found->get<std::string>() : std::string();
}

}  // namespace

// The digests of the files that a run was made of, from the body of its first event.
std::vector<std::string> digests_in(const std::string& body) {
  std::vector<std::string> out;
  Result<Value> value = decode_value(body);
  const Value* files = value ? member_of(*value, "files") : nullptr;
  const List* list = files ? files->find<List>() : nullptr;
  if (!list) return out;
  for (const Value& file : *list) {
    std::string digest = text_in(file, "digest");
    if (!digest.empty()) out.push_back(std::move(digest));
  }
  return out;
}

void RecordedStreams::note(const Event& event) {
  if (event.kind == EventKind::audit && event.body.find(full_disk_notice) != std::string::npos) may_miss_some_ = true;
  if (event.kind != EventKind::outcome || event.body.find("\"streams\"") == std::string::npos) return;
  Result<Value> body = decode_value(event.body);
  const Value* all = body ? member_of(*body, "streams") : nullptr;
  const List* list = all ? all->find<List>() : nullptr;
  if (!list) return;
  for (const Value& one : *list) {
    const Value* bytes = member_of(one, "bytes");
    streams_[stream_name(event.op.path, event.attempt, text_in(one, "stream"))] = {
        bytes && bytes->is<int64_t>() ? bytes->get<int64_t>() : 0, text_in(one, "sha256"), text_in(one, "kept")};
  }
}

std::string RecordedStreams::problem_with(const OutputRecord& output) {
  std::string name = stream_name(output.op.path, output.attempt, output.stream);
  auto recorded = streams_.find(name);
  if (recorded == streams_.end()) return name + " was added: no event knows it";
  Digests digests = std::move(recorded->second);
  streams_.erase(recorded);
  // Of a stream that was too long only the ends are kept: they have a digest of their own.
  bool whole = output.bytes == output.head.size() + output.tail.size();
  bool holds = digests.bytes == static_cast<int64_t>(output.bytes) && digests.sha256 == output.sha256 &&
               digests.kept == digest_of_kept(output) &&
               (!whole || sha256_hex(output.head + output.tail) == output.sha256);
  return holds ? std::string() : name + " was changed";
}

std::string RecordedStreams::missing() const {
  if (streams_.empty() || may_miss_some_) return {};
  return streams_.begin()->first + " is missing";
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
  } else if (!is_signed_by(entry.kind == "adopted" ? entry.run_head : public_key_, entry.hash, entry.signature)) {
    finding_ = VerifyFinding{"", entry.n, name + " is not signed by this store's key"};
  }
  if (finding_) return false;
  if (entry.kind == "adopted") public_key_ = entry.run_head;
  head_ = entry.hash;
  ++expected_;
  return true;
}

}  // namespace muster
