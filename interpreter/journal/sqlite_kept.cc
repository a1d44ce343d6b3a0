// What is kept beside runs: bodies by content, like the files of runs, each named by a signed entry of the ledger.
#include <sqlite3.h>

#include "interpreter/base/digest.h"
#include "interpreter/journal/ledger_entries.h"
#include "interpreter/journal/sqlite_journal.h"

namespace muster {
namespace {

std::string words_for(std::string_view kind) { return kind == kept_rehearsal ? "the rehearsal" : "the dry run"; }

}  // namespace

Result<void> SqliteJournal::keep(std::string_view kind, const std::string& body, Timestamp at) {
  Result<void> ready = load_key();
  if (!ready) return ready;
  signed_.reset();
  Result<void> done = store_->write([&]() -> Result<void> {
    const std::string digest = sha256_hex(body);
    {
      StoreStatement file = store_->prepare("INSERT INTO file(digest, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING");
      if (file.bind(1, digest).bind(2, body).step() != SQLITE_DONE)
        return pass(store_->error("keeping " + words_for(kind)));
    }
    LedgerEntry entry;
    entry.at_us = at.us;
    entry.kind = kind;
    entry.run_head = digest;
    Result<SignedHead> added = add_ledger_entry(*store_, *key_, std::move(entry));
    if (!added) return pass(added.error());
    signed_ = std::move(*added);
    return {};
  });
  if (!done) return done;
  hand_out_head();
  tidy_log(false);
  return {};
}

Result<void> SqliteJournal::each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) {
  StoreStatement all = store_->prepare(
      "SELECT ledger.n, ledger.at_us, ledger.run_head, file.bytes FROM ledger LEFT JOIN file ON file.digest = "
      "ledger.run_head WHERE ledger.kind = ? AND ledger.n NOT IN (" MUSTER_PRUNED_KEPT ") ORDER BY ledger.n DESC");
  all.bind(1, std::string(kind));
  int code = SQLITE_ROW;
  while ((code = all.step()) == SQLITE_ROW) {
    Kept one{Timestamp{all.number(1)}, all.text(3)};
    if (sha256_hex(one.body) != all.text(2))
      return fail(
          ErrorCode::corrupt,
          words_for(kind) + " of ledger entry " + std::to_string(all.number(0)) + " is not the one that was kept",
          "`muster audit --verify` tells what else was changed");
    if (!take(std::move(one))) return {};
  }
  if (code != SQLITE_DONE) return pass(store_->error("reading the ledger"));
  return {};
}

Result<void> SqliteJournal::verify_kept(VerifyReport& report) {
  StoreStatement lost = store_->prepare(
      "SELECT ledger.n, ledger.kind FROM ledger LEFT JOIN file ON file.digest = ledger.run_head WHERE ledger.kind IN "
      "('rehearsed', 'planned') AND file.digest IS NULL AND ledger.n NOT IN (" MUSTER_PRUNED_KEPT
      ") ORDER BY ledger.n");
  int code = SQLITE_ROW;
  while ((code = lost.step()) == SQLITE_ROW)
    report.findings.push_back(
        {"", lost.number(0),
         words_for(lost.text(1)) + " of ledger entry " + std::to_string(lost.number(0)) + " is missing"});
  if (code != SQLITE_DONE) return pass(store_->error("reading the ledger"));
  return {};
}

}  // namespace muster
