#include "interpreter/journal/heads.h"

#include <sqlite3.h>

#include <map>

#include "interpreter/base/json.h"
#include "interpreter/journal/ledger_entries.h"

namespace muster {
namespace {

std::string text_in(const Map& map, const std::string& name) {
  auto it = map.find(name);
  return it != map.end() && it->second.is<std::string>() ? it->second.get<std::string>() : std::string();
}
int64_t number_in(const Map& map, const std::string& name) {
  auto it = map.find(name);
  return it != map.end() && it->second.is<int64_t>() ? it->second.get<int64_t>() : 0;
}

LedgerEntry entry_of(const SignedHead& head) {
  return {head.n, head.at.us, head.kind, head.run, head.run_seq, head.run_head, head.hash, head.signature};
}

}  // namespace

std::string head_line(const SignedHead& head) {
  return print_json(Map{{"instance", head.instance},
                        {"public_key", head.public_key},
                        {"n", head.n},
                        {"at_us", head.at.us},
                        {"kind", head.kind},
                        {"run", head.run},
                        {"seq", head.run_seq},
                        {"head", head.run_head},
                        {"previous", head.previous},
                        {"hash", head.hash},
                        {"signature", head.signature}}) +
         "\n";
}

Result<std::vector<SignedHead>> read_heads(std::string_view text, HeadCheck check) {
  std::vector<SignedHead> out;
  int64_t line = 0;
  while (!text.empty()) {
    ++line;
    size_t end = text.find('\n');
    bool cut = end == std::string_view::npos;
    std::string_view one = text.substr(0, end);
    text.remove_prefix(cut ? text.size() : end + 1);
    if (one.empty()) continue;
    Result<Value> value = parse_json(one);
    const Map* map = value ? value->find<Map>() : nullptr;
    if (!map && cut) break;
    if (!map) return fail(ErrorCode::corrupt, "line " + std::to_string(line) + " is no signed head");
    SignedHead head;
    head.instance = text_in(*map, "instance");
    head.public_key = text_in(*map, "public_key");
    head.n = number_in(*map, "n");
    head.at.us = number_in(*map, "at_us");
    head.kind = text_in(*map, "kind");
    head.run = text_in(*map, "run");
    head.run_seq = number_in(*map, "seq");
    head.run_head = text_in(*map, "head");
    head.previous = text_in(*map, "previous");
    head.hash = text_in(*map, "hash");
    head.signature = text_in(*map, "signature");
    if (check == HeadCheck::each && !holds(head))
      return fail(ErrorCode::corrupt, "line " + std::to_string(line) + " is not what its signature was made of");
    out.push_back(std::move(head));
  }
  return out;
}

bool holds(const SignedHead& head) {
  return ledger_link(head.previous, entry_of(head)) == head.hash &&
         is_signed_by(head.public_key, head.hash, head.signature);
}

Result<std::vector<VerifyFinding>> compare_with_heads(const std::string& path, const std::vector<SignedHead>& heads,
                                                      int64_t& compared) {
  std::vector<VerifyFinding> findings;
  Result<std::unique_ptr<SqliteStore>> opened = SqliteStore::open(path, {});
  if (!opened) return pass(opened.error());
  SqliteStore& store = **opened;
  std::map<int64_t, std::string> hashes;
  std::map<std::string, bool> instances;
  Result<void> read = store.read([&]() -> Result<void> {
    {
      StoreStatement all = store.prepare("SELECT instance FROM store");
      while (all.step() == SQLITE_ROW) instances[all.text(0)] = true;
    }
    return each_ledger_entry(store, [&](LedgerEntry&& entry) { hashes[entry.n] = std::move(entry.hash); });
  });
  if (!read) return pass(read.error());
  for (const SignedHead& head : heads) {
    if (instances.count(head.instance) == 0) continue;
    ++compared;
    std::string name = "ledger entry " + std::to_string(head.n);
    auto ours = hashes.find(head.n);
    if (ours != hashes.end() && ours->second == head.hash) continue;
    if (!holds(head))
      return fail(ErrorCode::corrupt, name + " as a head that was kept is not what its signature was made of",
                  "the file of heads was changed, not the store");
    if (ours == hashes.end()) {
      findings.push_back(
          {head.run, head.run_seq, name + " (" + head.kind + ") is missing: it was handed out as a head"});
    } else {
      findings.push_back({head.run, head.run_seq,
                          name + " is not the one that was handed out as a head: the ledger was written anew"});
    }
    break;  // the first tells it: all behind it differ, too
  }
  return findings;
}

}  // namespace muster
