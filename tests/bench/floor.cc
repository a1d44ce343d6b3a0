// The floor of a durable step: spawn /bin/true, wait for it, one synced SQLite commit. `muster-floor DATABASE COUNT`;
// with `commits` behind it the commits alone.
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  bool spawns = argc == 3;
  sqlite3* db = nullptr;
  if (sqlite3_open(argv[1], &db) != SQLITE_OK) return 1;
  sqlite3_exec(db,
               "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; CREATE TABLE IF NOT "
               "EXISTS t(n, what)",
               nullptr, nullptr, nullptr);
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO t VALUES(?, 'intent and outcome of a step, about as long as they are')", -1,
                     &insert, nullptr);
  char name[] = "/bin/true";
  char* args[] = {name, nullptr};
  char* environment[] = {nullptr};
  for (int i = 0, n = std::atoi(argv[2]); i < n; ++i) {
    pid_t child = 0;
    if (spawns) {
      if (posix_spawn(&child, name, nullptr, nullptr, args, environment) != 0) return 1;
      int status = 0;
      waitpid(child, &status, 0);
    }
    sqlite3_bind_int(insert, 1, i);
    if (sqlite3_step(insert) != SQLITE_DONE) return 1;
    sqlite3_reset(insert);
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
  return 0;
}
