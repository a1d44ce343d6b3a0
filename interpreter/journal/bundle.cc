#include "interpreter/journal/bundle.h"

#include <sodium.h>
#include <sqlite3.h>

#include <algorithm>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/heads.h"
#include "interpreter/journal/ledger_entries.h"

namespace muster {
namespace {

constexpr int64_t bundle_version = 1;
constexpr int alphabet = sodium_base64_VARIANT_ORIGINAL;

std::string to_base64(std::string_view bytes) {
  std::string out(sodium_base64_ENCODED_LEN(bytes.size(), alphabet), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    alphabet);
  out.pop_back();  // its NUL
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3 + 3, '\0');
  size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                        &size, nullptr, alphabet) != 0)
    return std::nullopt;
  out.resize(size);
  return out;
}

std::string line(const char* what, Value value) { return print_json(Map{{what, std::move(value)}}) + "\n"; }

// The store's ledger entries of a run, each with the identity that signed it; and all keys that it has had.
struct OwnEntries {
  std::vector<SignedHead> heads;
  List keys;
};
Result<OwnEntries> entries_of(SqliteStore& store, const std::string& run) {
  std::vector<Identity> identities;
  OwnEntries out;
  Result<void> read = store.read([&]() -> Result<void> {
    {
      StoreStatement all = store.prepare("SELECT instance, public_key FROM store ORDER BY rowid");
      while (all.step() == SQLITE_ROW) identities.push_back({all.text(0), all.text(1)});
    }
    if (identities.empty()) return pass(store.error("reading its identity"));
    size_t at = 0;
    std::string previous = ledger_start(identities[0].instance);
    return each_ledger_entry(store, [&](LedgerEntry&& entry) {
      if (entry.kind == "adopted" && at + 1 < identities.size()) ++at;
      std::string hash = entry.hash;
      if (entry.run == run)
        out.heads.push_back({identities[at].instance, identities[at].public_key, entry.n, Timestamp{entry.at_us},
                             std::move(entry.kind), std::move(entry.run), entry.run_seq, std::move(entry.run_head),
                             previous, std::move(entry.hash), std::move(entry.signature)});
      previous = std::move(hash);
    });
  });
  if (!read) return pass(read.error());
  for (const Identity& identity : identities) out.keys.push_back(identity.public_key);
  return out;
}

Map row_in_bundle(const RunRow& row) {
  return {{"id", row.id},
          {"playbook", row.playbook},
          {"version", row.version},
          {"graph_digest", row.graph_digest},
          {"inputs", row.inputs},
          {"starter", row.starter},
          {"parent", row.parent},
          {"created_at_us", row.created_at.us},
          {"next_seq", row.next_seq},
          {"head", row.head},
          {"state", std::string(name_of(row.state))}};
}

const Value* member_of(const Map& map, const std::string& name) {
  auto it = map.find(name);
  return it == map.end() ? nullptr : &it->second;
}
std::string text_in(const Map& map, const std::string& name) {
  const Value* found = member_of(map, name);
  return found && found->is<std::string>() ? found->get<std::string>() : std::string();
}
int64_t number_in(const Map& map, const std::string& name) {
  const Value* found = member_of(map, name);
  return found && found->is<int64_t>() ? found->get<int64_t>() : -1;
}

std::string signed_text(const std::string& digest) { return "muster-bundle-1" + digest; }

// Reads line by line; what does not hold becomes a finding.
class Reading {
 public:
  explicit Reading(BundleCheck& out) : out_(out) {}

  void read(std::string_view bytes) {
    size_t last = bytes.size() < 2 ? std::string_view::npos : bytes.rfind('\n', bytes.size() - 2);
    if (last == std::string_view::npos || bytes.back() != '\n') return find("it is no bundle, or its end is missing");
    std::string_view body = bytes.substr(0, last + 1), end = bytes.substr(last + 1, bytes.size() - last - 2);
    int64_t number = 0;
    while (!body.empty()) {
      size_t stop = body.find('\n');
      take(body.substr(0, stop), ++number);
      if (stopped_) return;
      body.remove_prefix(stop + 1);
    }
    check_whole();
    check_end(end, bytes.substr(0, last + 1), number);
  }

 private:
  void find(std::string message, int64_t seq = 0) { out_.findings.push_back({out_.run, seq, std::move(message)}); }

  void take(std::string_view text, int64_t number) {
    Result<Value> value = parse_json(text);
    const Map* map = value ? value->find<Map>() : nullptr;
    std::string where = "line " + std::to_string(number);
    if (!map || map->size() != 1 || print_json(*value) != text) {
      find(where + " was changed: it cannot be read");
      stopped_ = number == 1;
      return;
    }
    const auto& [what, inner] = *map->begin();
    if (number == 1) {
      const Map* header = what == "muster_bundle" ? inner.find<Map>() : nullptr;
      if (!header || number_in(*header, "version") != bundle_version) {
        find(header ? "it is a bundle of another version of muster" : "it is no bundle of muster");
        stopped_ = true;
        return;
      }
      return take_header(*header);
    }
    if (what == "report" && inner.is<std::string>()) return;
    const Map* fields = inner.find<Map>();
    if (fields && what == "run") return take_run(*fields);
    if (fields && what == "event") return take_event(*fields);
    if (fields && what == "file") return take_file(*fields, where);
    if (fields && what == "output") return take_output(*fields, where);
    if (fields && what == "ledger") return take_head(*fields, inner, where);
    find(where + " says what no bundle says: `" + what + "`");
  }

  void take_header(const Map& header) {
    out_.instance = text_in(header, "instance");
    out_.public_key = text_in(header, "public_key");
    const Value* keys = member_of(header, "keys");
    if (!keys || !keys->is<List>()) return;
    for (const Value& key : keys->get<List>())
      if (key.is<std::string>()) keys_.insert(key.get<std::string>());
  }

  void take_run(const Map& fields) {
    if (has_run_) return find("it holds a second run");
    has_run_ = true;
    row_.id = out_.run = text_in(fields, "id");
    row_.playbook = out_.playbook = text_in(fields, "playbook");
    row_.version = text_in(fields, "version");
    row_.graph_digest = text_in(fields, "graph_digest");
    row_.inputs = text_in(fields, "inputs");
    row_.starter = text_in(fields, "starter");
    row_.parent = text_in(fields, "parent");
    row_.created_at.us = number_in(fields, "created_at_us");
    row_.next_seq = number_in(fields, "next_seq");
    row_.head = text_in(fields, "head");
    out_.state = text_in(fields, "state");
    std::optional<RunState> state = run_state_of(out_.state);
    if (!state) find("the run's state is none that a run can have");
    row_.state = state.value_or(RunState::queued);
  }

  void take_event(const Map& fields) {
    Event event;
    event.seq = number_in(fields, "seq");
    event.kind_text = text_in(fields, "kind");
    event.kind = event_kind_of(event.kind_text);
    event.op.path = text_in(fields, "op");
    event.attempt = static_cast<int>(number_in(fields, "attempt"));
    event.at.us = number_in(fields, "at_us");
    event.body = text_in(fields, "body");
    event.hash = text_in(fields, "hash");
    if (event.kind == EventKind::run_created) digests_ = digests_in(event.body);
    recorded_.note(event);
    events_.push_back(std::move(event));
    ++out_.events;
  }

  void take_file(const Map& fields, const std::string& where) {
    std::optional<std::string> bytes = from_base64(text_in(fields, "base64"));
    std::string digest = text_in(fields, "digest");
    if (!bytes || sha256_hex(*bytes) != digest) return find(where + ": the file " + digest + " was changed");
    files_.insert(digest);
    ++out_.files;
  }

  void take_output(const Map& fields, const std::string& where) {
    std::optional<std::string> head = from_base64(text_in(fields, "head")), tail = from_base64(text_in(fields, "tail"));
    OutputRecord output{OpId{text_in(fields, "op")}, static_cast<int>(number_in(fields, "attempt")),
                        text_in(fields, "stream"),   head.value_or(""),
                        tail.value_or(""),           static_cast<uint64_t>(number_in(fields, "bytes")),
                        text_in(fields, "sha256")};
    std::string problem = head && tail ? recorded_.problem_with(output) : "an output was changed";
    if (!problem.empty()) find(where + ": " + problem);
    ++out_.outputs;
  }

  void take_head(const Map&, const Value& inner, const std::string& where) {
    Result<std::vector<SignedHead>> heads = read_heads(print_json(inner) + "\n");
    if (!heads || heads->size() != 1)
      return find(where + ": a ledger entry is not what its signature was made of: it was changed");
    SignedHead& head = heads->front();
    if (keys_.count(head.public_key) == 0)
      return find(where + ": ledger entry " + std::to_string(head.n) + " is not signed by this store's key");
    if (head.run != out_.run) return find(where + ": ledger entry " + std::to_string(head.n) + " is another run's");
    LedgerEntry entry{head.n, head.at.us, head.kind, head.run, head.run_seq, head.run_head, head.hash, head.signature};
    ledger_.insert_or_assign(head.run_seq, std::move(entry));
    out_.heads.push_back(std::move(head));
  }

  void check_whole() {
    if (!has_run_) return find("it holds no run");
    if (ledger_.empty()) find("it holds no signed head of the run");
    if (has_ended(row_.state) && (ledger_.empty() || ledger_.rbegin()->second.kind != "ended"))
      find("the run has ended, and no signed head says so");
    ChainCheck chain(row_, &ledger_);
    for (const Event& event : events_) chain.next(event);
    if (std::optional<VerifyFinding> broken = chain.finish()) out_.findings.push_back(std::move(*broken));
    for (const std::string& digest : digests_)
      if (files_.count(digest) == 0) find("the run's file " + digest + " is missing", 1);
    std::string missing = recorded_.missing();
    if (!missing.empty()) find(std::move(missing));
  }

  // Last, so that a finding that says more comes before it.
  void check_end(std::string_view text, std::string_view before, int64_t lines) {
    Result<Value> value = parse_json(text);
    const Map* map = value ? value->find<Map>() : nullptr;
    const Value* inner = map && map->size() == 1 ? member_of(*map, "end") : nullptr;
    const Map* end = inner ? inner->find<Map>() : nullptr;
    if (!end || print_json(*value) != text) return find("its last line is no end: the bundle is cut, or was changed");
    std::string digest = sha256_hex(before);
    if (number_in(*end, "lines") != lines) {
      find("it has " + std::to_string(lines) + " lines, and its end says " + std::to_string(number_in(*end, "lines")));
    } else if (text_in(*end, "sha256") != digest) {
      find("it is not what was signed: some byte of it was changed");
    } else if (!is_signed_by(out_.public_key, signed_text(digest), text_in(*end, "signature"))) {
      find("its end is not signed by the key that it names");
    }
  }

  BundleCheck& out_;
  RunRow row_;
  std::vector<Event> events_;
  std::vector<std::string> digests_;
  std::set<std::string> keys_, files_;
  RecordedStreams recorded_;
  LedgerHeads ledger_;
  bool has_run_ = false, stopped_ = false;
};

}  // namespace

Result<std::string> make_bundle(Journal& journal, const std::string& path, const std::string& run,
                                const std::string& report, Timestamp now) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(path, {});
  if (!store) return pass(store.error());
  Result<SigningKey> key = key_of(**store);
  if (!key) return pass(key.error());
  // The ledger first: what is read afterwards holds at least what its entries name.
  Result<OwnEntries> own = entries_of(**store, run);
  if (!own) return pass(own.error());
  Result<RunRecord> record = journal.read(run);
  if (!record) return pass(record.error());
  Result<std::vector<OutputRecord>> outputs = journal.outputs(run);
  if (!outputs) return pass(outputs.error());
  int64_t lines = 0;
  std::string out;
  auto add = [&](const char* what, Value value) {
    out += line(what, std::move(value));
    ++lines;
  };
  add("muster_bundle", Map{{"version", bundle_version},
                           {"instance", (*store)->instance()},
                           {"public_key", key->public_hex},
                           {"keys", own->keys},
                           {"made_at", now}});
  add("run", row_in_bundle(record->row));
  std::vector<std::string> digests;
  for (const Event& event : record->events) {
    if (event.kind == EventKind::run_created) digests = digests_in(event.body);
    add("event", Map{{"seq", event.seq},
                     {"kind", event.kind_text},
                     {"op", event.op.path},
                     {"attempt", event.attempt},
                     {"at_us", event.at.us},
                     {"body", event.body},
                     {"hash", event.hash}});
  }
  for (const std::string& digest : std::set<std::string>(digests.begin(), digests.end())) {
    Result<std::string> bytes = journal.file(digest);
    if (!bytes) return pass(bytes.error());
    add("file", Map{{"digest", digest}, {"base64", to_base64(*bytes)}});
  }
  for (const OutputRecord& output : *outputs)
    add("output", Map{{"op", output.op.path},
                      {"attempt", output.attempt},
                      {"stream", output.stream},
                      {"head", to_base64(output.head)},
                      {"tail", to_base64(output.tail)},
                      {"bytes", static_cast<int64_t>(output.bytes)},
                      {"sha256", output.sha256}});
  for (const SignedHead& head : own->heads) {
    std::string text = head_line(head);
    Result<Value> value = parse_json(text);
    if (!value) return pass(value.error());
    add("ledger", std::move(*value));
  }
  add("report", report);
  std::string digest = sha256_hex(out);
  out += line("end", Map{{"lines", lines}, {"sha256", digest}, {"signature", sign(*key, signed_text(digest))}});
  return out;
}

BundleCheck check_bundle(std::string_view bytes) {
  BundleCheck out;
  Reading(out).read(bytes);
  return out;
}

}  // namespace muster
