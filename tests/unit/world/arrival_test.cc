// A database that is checked while it is still being written.
#include "interpreter/world/arrival.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <future>
#include <iterator>

#include "interpreter/world/real_sql.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

class Arriving : public ::testing::Test {
 protected:
  Arriving() {
    sqlite3* db = nullptr;
    sqlite3_open(whole_.c_str(), &db);
    sqlite3_exec(
        db,
        "PRAGMA synchronous = OFF; CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, body BLOB); CREATE INDEX i "
        "ON t (key); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) INSERT "
        "INTO t SELECT i, hex(randomblob(12)), randomblob(1500) FROM n",
        nullptr, nullptr, nullptr);
    sqlite3_close(db);
    std::ifstream file(whole_, std::ios::binary);
    bytes_.assign(std::istreambuf_iterator<char>(file), {});
    std::ofstream empty(coming_);
    empty.close();
    EXPECT_EQ(::truncate(coming_.c_str(), static_cast<off_t>(bytes_.size())), 0);
  }
  // Writes [begin, end) and tells it.
  void come(size_t begin, size_t end) {
    std::fstream file(coming_, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(begin));
    file.write(bytes_.data() + begin, static_cast<std::streamsize>(end - begin));
    file.close();
    arrival_->advance(end);
  }
  std::future<Result<CheckResult>> check(bool may_map) {
    return std::async(std::launch::async, [this, may_map]() -> Result<CheckResult> {
      const Connection connection{"", "sqlite", Map{{"path", coming_}}};
      if (may_map) return sql_.check_fresh(connection, CheckKind::integrity, {}, arrival_.get(), {});
      SqliteSql plain(std::make_shared<SqliteUses>());
      return plain.check_reading(connection, CheckKind::integrity, {}, {true, false, arrival_.get()}, {});
    });
  }

  TempDirectory directory_;
  std::string whole_ = directory_.path() + "/whole.db", coming_ = directory_.path() + "/coming.db";
  std::string bytes_;
  RealSql sql_;
  std::shared_ptr<Arrival> arrival_ = std::make_shared<Arrival>();
};

TEST_F(Arriving, EachPageIsWaitedFor) {
  for (bool may_map : {false, true}) {
    arrival_ = std::make_shared<Arrival>();
    ASSERT_EQ(::truncate(coming_.c_str(), 0), 0);
    ASSERT_EQ(::truncate(coming_.c_str(), static_cast<off_t>(bytes_.size())), 0);
    std::future<Result<CheckResult>> checked = check(may_map);
    for (size_t at = 0; at < bytes_.size(); at += 10'000) {
      EXPECT_EQ(checked.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "it did not wait";
      come(at, std::min(bytes_.size(), at + 10'000));
    }
    Result<CheckResult> done = checked.get();
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(done->intact) << done->problems.front();
  }
}

TEST_F(Arriving, WhatComesDamagedIsSeen) {
  const size_t at = bytes_.size() / 2 / 4096 * 4096;
  bytes_.replace(at, 100, std::string(100, '\x7f'));
  std::future<Result<CheckResult>> checked = check(true);
  come(0, bytes_.size());
  Result<CheckResult> done = checked.get();
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_FALSE(done->intact);
}

TEST_F(Arriving, WhatDoesNotComeEndsTheWaiting) {
  for (bool may_map : {false, true}) {
    arrival_ = std::make_shared<Arrival>();
    std::future<Result<CheckResult>> checked = check(may_map);
    come(0, bytes_.size() / 2);
    arrival_->fail();
    Result<CheckResult> done = checked.get();
    EXPECT_TRUE(!done || !done->intact);
  }
}

}  // namespace
}  // namespace muster
