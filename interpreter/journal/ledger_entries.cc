#include "interpreter/journal/ledger_entries.h"

#include <sqlite3.h>

namespace muster {

Result<SigningKey> key_of(const SqliteStore& store) {
  std::string path = store.path() + ".key";
  Result<SigningKey> key = signing_key(path, false);
  if (!key && key.error().code == ErrorCode::not_found)
    return fail(ErrorCode::refused, "the store `" + store.path() + "` has no signing key (`" + path + "`)",
                "put it back; in a copy that was restored on purpose, `--adopt` makes a new one and records that");
  if (!key) return key;
  if (key->public_hex != store.public_key())
    return fail(ErrorCode::refused, "the signing key `" + path + "` belongs to another store",
                "put back the one that was made with `" + store.path() + "`");
  return key;
}

Result<SignedHead> add_ledger_entry(SqliteStore& store, const SigningKey& key, LedgerEntry entry) {
  std::string before = ledger_start(store.instance());
  {
    StoreStatement last = store.prepare("SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1");
    int code = last.step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(store.error("reading the ledger"));
    if (code == SQLITE_ROW) {
      entry.n = last.number(0);
      before = last.text(1);
    }
  }
  ++entry.n;
  entry.hash = ledger_link(before, entry);
  entry.signature = sign(key, entry.hash);
  StoreStatement insert = store.prepare(
      "INSERT INTO ledger(n, at_us, kind, run, run_seq, run_head, hash, signature) VALUES(?,?,?,?,?,?,?,?)");
  insert.bind(1, entry.n)
      .bind(2, entry.at_us)
      .bind(3, entry.kind)
      .bind(4, entry.run)
      .bind(5, entry.run_seq)
      .bind(6, entry.run_head);
  insert.bind(7, entry.hash).bind(8, entry.signature);
  if (insert.step() != SQLITE_DONE) return pass(store.error("adding to the ledger"));
  SignedHead head;
  head.instance = store.instance();
  head.public_key = key.public_hex;
  head.n = entry.n;
  head.at.us = entry.at_us;
  head.kind = std::move(entry.kind);
  head.run = std::move(entry.run);
  head.run_seq = entry.run_seq;
  head.run_head = std::move(entry.run_head);
  head.previous = std::move(before);
  head.hash = std::move(entry.hash);
  head.signature = std::move(entry.signature);
  return head;
}

Result<void> each_ledger_entry(SqliteStore& store, const std::function<void(LedgerEntry&&)>& take) {
  StoreStatement all =
      store.prepare("SELECT n, at_us, kind, run, run_seq, run_head, hash, signature FROM ledger ORDER BY n");
  int code = SQLITE_ROW;
  while ((code = all.step()) == SQLITE_ROW)
    take(
        {all.number(0), all.number(1), all.text(2), all.text(3), all.number(4), all.text(5), all.text(6), all.text(7)});
  if (code != SQLITE_DONE) return pass(store.error("reading the ledger"));
  return {};
}

Result<Identity> first_identity(SqliteStore& store) {
  StoreStatement first = store.prepare("SELECT instance, public_key FROM store ORDER BY rowid LIMIT 1");
  if (first.step() != SQLITE_ROW) return pass(store.error("reading its identity"));
  return Identity{first.text(0), first.text(1)};
}

}  // namespace muster
