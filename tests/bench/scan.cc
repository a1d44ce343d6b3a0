// The floor of a rebuild of runs of days: one ordered scan of the marks, islands made of them on the way, and their
// rows inserted, all in one transaction without a journal of its own, a backup or invariants. `muster-scan DATABASE`
#include <sqlite3.h>

#include <cstdio>
#include <cstring>
#include <string>

namespace {

// Days since 0000-03-01 of `2026-01-15`.
long day_number(const char* text) {
  auto digits = [&](int at, int count) {
    long n = 0;
    for (int i = at; i < at + count; ++i) n = n * 10 + (text[i] - '0');
    return n;
  };
  long year = digits(0, 4), month = digits(5, 2), day = digits(8, 2);
  if (month <= 2) {
    --year;
    month += 12;
  }
  return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1;
}

}  // namespace

int main(int argc, char** argv) {
  sqlite3* db = nullptr;
  if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK) return 2;
  sqlite3_exec(db, "PRAGMA synchronous = FULL; BEGIN IMMEDIATE; DELETE FROM runs", nullptr, nullptr, nullptr);
  sqlite3_stmt *scan = nullptr, *insert = nullptr;
  sqlite3_prepare_v2(db, "SELECT user_id, date FROM day_marks WHERE value = 1 ORDER BY user_id, date", -1, &scan,
                     nullptr);
  sqlite3_prepare_v2(db, "INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (?, ?, ?, ?)", -1, &insert,
                     nullptr);
  if (!scan || !insert) return std::fprintf(stderr, "%s\n", sqlite3_errmsg(db)), 1;
  long user = -1, last = 0, count = 0;
  char start[16] = "", end[16] = "";
  bool is_right = true;
  auto close = [&] {
    if (count == 0) return;
    sqlite3_bind_int64(insert, 1, user);
    sqlite3_bind_text(insert, 2, start, 10, SQLITE_STATIC);
    sqlite3_bind_text(insert, 3, end, 10, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 4, count);
    is_right = sqlite3_step(insert) == SQLITE_DONE && is_right;
    sqlite3_reset(insert);
  };
  while (sqlite3_step(scan) == SQLITE_ROW) {
    const long who = static_cast<long>(sqlite3_column_int64(scan, 0));
    const char* date = reinterpret_cast<const char*>(sqlite3_column_text(scan, 1));
    const long day = day_number(date);
    if (who != user || day != last + 1) {
      close();
      user = who;
      count = 0;
      std::memcpy(start, date, 10);
    }
    std::memcpy(end, date, 10);
    last = day;
    ++count;
  }
  close();
  sqlite3_finalize(scan);
  sqlite3_finalize(insert);
  is_right = sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr) == SQLITE_OK && is_right;
  sqlite3_close(db);
  return is_right ? 0 : 1;
}
