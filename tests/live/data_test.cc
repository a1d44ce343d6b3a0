// Data actions at the real program: secrets in none of its traces, kills in the middle of transfers, rows from one
// database to another, rows that a Lua function derives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "interpreter/base/time.h"
#include "tests/live/canary.h"
#include "tests/live/program.h"
#include "tests/world/loopback_server.h"
#include "tests/world/postgres_server.h"

namespace muster {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

struct Data : testing::Test {
  TempDirectory outside;
  Home home;
  void SetUp() override {
    for (const char* name : {"given", "working", "store", "kept"}) fs::create_directory(at(name));
    fs::permissions(at("store"), fs::perms::owner_all);
    home.working_folder = at("working");
    home.variables = {"MUSTER_STORE=sqlite:" + at("store") + "/muster.db"};
  }
  std::string at(const std::string& name) const { return outside.path() + "/" + name; }
  std::string give(const std::string& name, const std::string& text) {
    std::ofstream(at("given/" + name), std::ios::binary) << text;
    EXPECT_EQ(::chmod(at("given/" + name).c_str(), 0600), 0);
    return at("given/" + name);
  }
  std::string sqlite(const std::string& path, const std::string& text) {
    std::string out = at("sqlite.out");
    give("text.sql", text);
    EXPECT_EQ(std::system(("sqlite3 '" + path + "' < '" + at("given/text.sql") + "' > '" + out + "'").c_str()), 0)
        << text;
    std::string said = read_text(out);
    while (!said.empty() && said.back() == '\n') said.pop_back();
    return said;
  }
};

TEST_F(Data, KeysPassphrasesAndPasswordsOfStoresAreInNoTrace) {
  PostgresServer& server = PostgresServer::shared();
  ASSERT_EQ(server.problem(), "");
  const Canaries canaries{{"the database's password", "Canary~Password~4711"},
                          {"the archive's key", "Canary-Key-of-just-32-bytes-0815"},
                          {"the passphrase", "canary passphrase with spaces 99"},
                          {"the store's secret key", "Canary/S3/Secret+Key2342"}};
  server.psql("postgres",
              "DROP ROLE IF EXISTS canary; CREATE ROLE canary LOGIN CREATEDB PASSWORD 'Canary~Password~4711'");
  std::string database = server.new_database();
  server.psql("postgres", "ALTER DATABASE " + database + " OWNER TO canary");
  server.psql(database, "CREATE TABLE orders (id integer); INSERT INTO orders SELECT generate_series(1, 100)",
              "canary");
  LoopbackServer store([](ServedConnection& connection, const ReceivedRequest& request) {
    connection.answer(403, "<Error><Code>AccessDenied</Code><Said>" + request.head + "</Said></Error>");
  });
  std::string hex;
  for (char c : canaries[1].text()) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
    hex += digits;
  }
  give("password", canaries[0].text());
  give("key", hex);
  give("passphrase", canaries[2].text());
  give("s3", canaries[3].text());
  std::string at_server = "127.0.0.1:" + std::to_string(server.port());
  std::string playbook = give("canaries.muster.yaml", R"yaml(muster: 1
playbook: canaries
inputs: {given: {type: path, required: true}, kept: {type: path, required: true}}
secrets:
  password: {file: "${{ inputs.given }}/password"}
  key: {file: "${{ inputs.given }}/key", encoding: hex}
  passphrase: {file: "${{ inputs.given }}/passphrase"}
  s3: {file: "${{ inputs.given }}/s3"}
connections:
  app: {postgres: "postgres://canary:${{ secrets.password }}@AT_SERVER/DATABASE"}
  wrong: {postgres: "postgres://canary:${{ secrets.passphrase }}@AT_SERVER/DATABASE"}
  nobody: {postgres: "postgres://canary:${{ secrets.password }}@127.0.0.1:1/DATABASE"}
  store: {s3: {bucket: bucket, region: eu-west-1, endpoint: "STORE", access_key: me, secret_key: "${{ secrets.s3 }}"}}
defaults: {on_failure: continue}
phases:
  - id: all
    steps:
      - id: by_key
        backup: {source: {connection: app}, to: "${{ inputs.kept }}", name: by-key, archive: {key: "${{ secrets.key }}"}}
      - id: by_passphrase
        backup:
          source: {rows: {connection: app, table: orders}}
          to: "${{ inputs.kept }}"
          name: by-passphrase
          archive: {passphrase: "${{ secrets.passphrase }}"}
      - id: restored
        restore: {target: {connection: app}, from: {newest: "${{ inputs.kept }}/by-key-*.enc", key: "${{ secrets.key }}"}}
        rollback: auto
      - id: with_a_wrong_passphrase
        restore:
          target: {rows: {connection: app, table: orders}}
          from: {newest: "${{ inputs.kept }}/by-passphrase-*.enc", passphrase: "${{ secrets.password }}"}
        rollback: auto
      - id: with_a_wrong_password
        backup: {source: {connection: wrong}, to: "${{ inputs.kept }}", name: wrong}
      - id: from_nobody
        restore: {target: {connection: nobody}, from: {newest: "${{ inputs.kept }}/by-key-*.enc", key: "${{ secrets.key }}"}}
        rollback: auto
      - id: listed
        restore: {list: {litestream: "s3://bucket/app", connection: store}}
)yaml");
  std::string text = read_text(playbook);
  for (const auto& [word, value] : {std::pair<std::string, std::string>{"AT_SERVER", at_server},
                                    {"DATABASE", database},
                                    {"STORE", store.url("")}}) {
    for (size_t found = 0; (found = text.find(word)) != std::string::npos;) text.replace(found, word.size(), value);
  }
  give("canaries.muster.yaml", text);
  Watch watch(canaries, "PGPASSWORD=", MUSTER_RELEASE_DIR "/muster");
  Ran ran = home.muster({"run", playbook, "-i", "given=" + at("given"), "-i", "kept=" + at("kept")});
  EXPECT_EQ(ran.code, 0) << ran.out << ran.err;
  for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
           {"show", "last"}, {"report", "last"}, {"report", "last", "--output", "json"}, {"logs", "last"}})
    (void)home.muster(words);
  watch.end();
  Value shown = home.json({"show", "last"});
  EXPECT_THAT(watch.found(), IsEmpty());
  EXPECT_GT(watch.given_seen(), 0) << "pg_dump was not seen";
  EXPECT_THAT(watch.programs(), Contains(HasSubstr("pg_dump")));
  EXPECT_THAT(found_in_files(canaries, {home.path("."), at("working"), at("store"), at("kept")}), IsEmpty());
  EXPECT_EQ(server.psql(database, "SELECT count(*) FROM orders"), "100");
  std::string all = ran.out + ran.err;
  EXPECT_THAT(all, HasSubstr("403 AccessDenied"));
  EXPECT_THAT(all, HasSubstr("password authentication failed"));
}

// An S3 store that serves a directory, and may kill who asks.
class Store {
 public:
  explicit Store(std::string root)
      : root_(std::move(root)), server_([this](ServedConnection& c, const ReceivedRequest& r) { answer(c, r); }) {}
  void kill_at(int request, std::function<void()> kill) {
    std::lock_guard lock(mutex_);
    seen_ = 0;
    at_ = request;
    kill_ = std::move(kill);
  }
  [[nodiscard]] bool has_killed() {
    std::lock_guard lock(mutex_);
    return at_ > 0 && seen_ >= at_;
  }
  [[nodiscard]] std::string url() const { return server_.url(""); }

 private:
  void answer(ServedConnection& connection, const ReceivedRequest& request) {
    {
      std::lock_guard lock(mutex_);
      if (++seen_ == at_) {
        kill_();
        return;
      }
    }
    if (request.target.find("list-type=2") != std::string::npos) {
      std::string xml = "<ListBucketResult><IsTruncated>false</IsTruncated>";
      for (const auto& entry : fs::recursive_directory_iterator(root_)) {
        if (!entry.is_regular_file()) continue;
        struct stat status {};
        ::stat(entry.path().c_str(), &status);
        xml += "<Contents><Key>app/" + fs::relative(entry.path(), root_).string() + "</Key><LastModified>" +
               to_text(Timestamp{status.st_mtim.tv_sec * 1'000'000}) + "</LastModified><ETag>e</ETag><Size>" +
               std::to_string(status.st_size) + "</Size></Contents>";
      }
      (void)connection.answer(200, xml + "</ListBucketResult>");
      return;
    }
    std::string bytes = read_text(root_ + request.target.substr(std::string("/bucket/app").size()));
    auto range = request.headers.find("range");
    size_t first = 0, last = bytes.size() - 1;
    if (range != request.headers.end()) std::sscanf(range->second.c_str(), "bytes=%zu-%zu", &first, &last);
    connection.answer(206, bytes.substr(first, last - first + 1), "ETag: e\r\n");
  }

  std::string root_;
  std::mutex mutex_;
  int seen_ = 0, at_ = 0;
  std::function<void()> kill_;
  LoopbackServer server_;
};

TEST_F(Data, ARestoreFromS3KilledAtAnyRequestGoesOn) {
  ASSERT_EQ(
      std::system(("tar -xf " MUSTER_SOURCE_DIR "/tests/fixtures/litestream/replica.tar -C " + at("kept")).c_str()), 0);
  Store store(at("kept/replica"));
  std::string target = at("working/app.db");
  std::string playbook = give("restore.muster.yaml", R"yaml(muster: 1
playbook: restore-from-s3
connections:
  store: {s3: {bucket: bucket, endpoint: ")yaml" + store.url() +
                                                         R"yaml("}}
phases:
  - id: replace
    steps:
      - restore: {target: {sqlite: app.db}, from: {litestream: "s3://bucket/app", connection: store}}
        rollback: auto
)yaml");
  std::string expected;
  const char* every = std::getenv("MUSTER_CRASH_EVERY");
  int killed = 0;
  for (int n = 1;; n += every ? std::atoi(every) : 2) {
    for (const auto& entry : fs::directory_iterator(at("working"))) fs::remove_all(entry.path());
    sqlite(target, "CREATE TABLE old (i); INSERT INTO old VALUES (1), (2);");
    std::atomic<pid_t> pid{-1};
    store.kill_at(n, [&] {
      while (pid < 0) std::this_thread::yield();
      ::kill(pid, SIGKILL);
    });
    std::string out = home.path("swept");
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_addchdir_np(&files, at("working").c_str());
    pid = home.spawn({"run", playbook}, &files);
    posix_spawn_file_actions_destroy(&files);
    int status = 0;
    ::waitpid(pid, &status, 0);
    bool was_killed = store.has_killed();
    if (!was_killed) {
      ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << read_text(out);
    } else {
      ASSERT_TRUE(WIFSIGNALED(status)) << n;
      // Until the end the old database is there, whole.
      EXPECT_EQ(sqlite(target, "SELECT count(*) FROM old;"), "2") << n;
      store.kill_at(0, {});
      Ran resumed = home.muster({"resume", "last"});
      ASSERT_EQ(resumed.code, 0) << n << ": " << resumed.out << resumed.err;
      ++killed;
    }
    std::string found =
        sqlite(target, "PRAGMA integrity_check; SELECT count(*) FROM orders; SELECT count(*) FROM audit;");
    if (expected.empty()) expected = found;
    EXPECT_EQ(found, expected) << n;
    EXPECT_THAT(found, HasSubstr("ok")) << n;
    for (const auto& entry : fs::directory_iterator(at("working")))
      EXPECT_FALSE(entry.path().filename().string().starts_with(".muster")) << n << ": " << entry.path();
    if (!was_killed) break;
  }
  EXPECT_GT(killed, 2);
}

TEST_F(Data, RowsAreCopiedFromSqliteToPostgresAndBack) {
  PostgresServer& server = PostgresServer::shared();
  ASSERT_EQ(server.problem(), "");
  std::string database = server.new_database();
  server.psql(database, "CREATE TABLE items (id integer PRIMARY KEY, name text, price double precision)", "app");
  server.psql(database, "INSERT INTO items VALUES (900, 'not of the source', 1)", "app");
  const char* rows = "SELECT id, name, price FROM items ORDER BY id;";
  sqlite(at("working/from.db"),
         "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL);"
         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700)"
         "INSERT INTO items SELECT i, CASE WHEN i % 5 = 0 THEN NULL ELSE 'ä' || char(9) || i END, i / 7.0 FROM n;");
  sqlite(at("working/back.db"), "CREATE TABLE items (id INTEGER PRIMARY KEY, name TEXT, price REAL);");
  std::string playbook = give("copy.muster.yaml", R"yaml(muster: 1
playbook: copy
inputs: {server: {type: string, required: true}}
connections:
  from: {sqlite: from.db}
  middle: {postgres: "${{ inputs.server }}"}
  back: {sqlite: back.db}
phases:
  - id: copied
    steps:
      - id: there
        rebuild:
          from: {connection: from, table: items}
          into: {connection: middle, table: items}
          partition: {key: id}
          derive: {copy: {mode: upsert, prune: true}}
          workers: 3
      - id: again
        rebuild:
          from: {connection: middle, table: items}
          into: {connection: back, table: items}
          partition: {key: id}
          derive: {copy: {mode: upsert, prune: true}}
)yaml");
  Ran ran = home.muster({"run", playbook, "-i", "server=" + server.url(database)});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(server.psql(database, "SELECT count(*), count(name), min(id), max(id) FROM items"), "700|560|1|700");
  EXPECT_EQ(sqlite(at("working/back.db"), rows), sqlite(at("working/from.db"), rows));
}

TEST_F(Data, ALuaFunctionDerivesTheRowsOfATable) {
  sqlite(at("working/app.db"),
         "CREATE TABLE marks (user_id INTEGER, day INTEGER);"
         "CREATE TABLE sums (id INTEGER PRIMARY KEY, user_id INTEGER, days INTEGER, longest INTEGER);"
         "WITH RECURSIVE u(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM u WHERE i < 40),"
         "d(j) AS (SELECT 1 UNION ALL SELECT j + 1 FROM d WHERE j < 30)"
         "INSERT INTO marks SELECT i, j FROM u, d WHERE (i * 7 + j * 13) % 5 <> 0;");
  give("sums.lua", R"lua(
local sums = {}
function sums.of_user(key, rows, ctx)
  local longest, run, last = 0, 0, nil
  for _, row in ipairs(rows) do
    run = (last and row.day == last + 1) and run + 1 or 1
    if run > longest then longest = run end
    last = row.day
  end
  return {{user_id = key, days = #rows, longest = longest}}
end
return sums
)lua");
  std::string playbook = give("lua.muster.yaml", R"yaml(muster: 1
playbook: lua
extensions: [sums.lua]
connections: {app: {sqlite: app.db}}
phases:
  - id: derived
    steps:
      - id: sums
        rebuild:
          from: {connection: app, table: marks}
          into: {connection: app, table: sums}
          partition: {key: user_id}
          derive: {lua: sums.of_user}
          batch: 7
        verify: {that: result.completed == 40}
)yaml");
  Ran ran = home.muster({"run", playbook});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err;
  EXPECT_EQ(sqlite(at("working/app.db"), "SELECT user_id, days, longest FROM sums ORDER BY user_id;"),
            sqlite(at("working/app.db"),
                   "WITH g AS (SELECT user_id, day - row_number() OVER (PARTITION BY user_id ORDER BY day) AS island "
                   "FROM marks),"
                   "i AS (SELECT user_id, count(*) AS n FROM g GROUP BY user_id, island)"
                   "SELECT user_id, sum(n), max(n) FROM i GROUP BY user_id ORDER BY user_id;"));
}

}  // namespace
}  // namespace muster
