#include "interpreter/journal/kept_rehearsals.h"

#include <sqlite3.h>

#include "interpreter/base/digest.h"
#include "interpreter/journal/ledger_entries.h"
#include "interpreter/journal/rehearsals.h"

namespace muster {

Result<void> keep_rehearsal(const std::string& path, const std::string& body, Timestamp at,
                            const std::function<void(const SignedHead&)>& on_head) {
  Result<std::unique_ptr<SqliteStore>> opened = SqliteStore::open(path, {});
  if (!opened) return pass(opened.error());
  SqliteStore& store = **opened;
  Result<SigningKey> key = key_of(store);
  if (!key) return pass(key.error());
  SignedHead head;
  Result<void> done = store.write([&]() -> Result<void> {
    const std::string digest = sha256_hex(body);
    {
      StoreStatement file = store.prepare("INSERT INTO file(digest, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING");
      if (file.bind(1, digest).bind(2, body).step() != SQLITE_DONE) return pass(store.error("keeping a rehearsal"));
    }
    LedgerEntry entry;
    entry.at_us = at.us;
    entry.kind = "rehearsed";
    entry.run_head = digest;
    Result<SignedHead> added = add_ledger_entry(store, *key, std::move(entry));
    if (!added) return pass(added.error());
    head = std::move(*added);
    return {};
  });
  if (done && on_head) on_head(head);
  return done;
}

Result<std::vector<KeptRehearsal>> kept_rehearsals(const std::string& path) {
  Result<std::unique_ptr<SqliteStore>> opened = SqliteStore::open(path, {});
  if (!opened) return pass(opened.error());
  SqliteStore& store = **opened;
  std::vector<KeptRehearsal> out;
  StoreStatement all = store.prepare(
      "SELECT ledger.n, ledger.at_us, ledger.run_head, file.bytes FROM ledger LEFT JOIN file ON file.digest = "
      "ledger.run_head WHERE ledger.kind = 'rehearsed' ORDER BY ledger.n DESC");
  int code = SQLITE_ROW;
  while ((code = all.step()) == SQLITE_ROW) {
    KeptRehearsal one{Timestamp{all.number(1)}, all.text(3)};
    if (sha256_hex(one.body) != all.text(2))
      return fail(ErrorCode::corrupt,
                  "the rehearsal of ledger entry " + std::to_string(all.number(0)) + " is not the one that was kept",
                  "`muster audit --verify` tells what else was changed");
    out.push_back(std::move(one));
  }
  if (code != SQLITE_DONE) return pass(store.error("reading the ledger"));
  return out;
}

Result<void> verify_rehearsals(SqliteStore& store, VerifyReport& report) {
  StoreStatement lost = store.prepare(
      "SELECT ledger.n FROM ledger LEFT JOIN file ON file.digest = ledger.run_head WHERE ledger.kind = 'rehearsed' AND "
      "file.digest IS NULL ORDER BY ledger.n");
  int code = SQLITE_ROW;
  while ((code = lost.step()) == SQLITE_ROW)
    report.findings.push_back(
        {"", lost.number(0), "the rehearsal of ledger entry " + std::to_string(lost.number(0)) + " is missing"});
  if (code != SQLITE_DONE) return pass(store.error("reading the ledger"));
  return {};
}

}  // namespace muster
