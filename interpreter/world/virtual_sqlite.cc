#include "interpreter/world/virtual_sqlite.h"

#include <sqlite3.h>

#include <atomic>
#include <cstddef>
#include <cstring>

namespace muster {
namespace {

constexpr sqlite3_int64 julian_day_of_1970_ms = 210'866'760'000'000;

void random_number(sqlite3_context* context, int, sqlite3_value**) {
  auto& entropy = *static_cast<Entropy*>(sqlite3_user_data(context));
  const std::string bytes = entropy.bytes(sizeof(sqlite3_int64));
  sqlite3_int64 number = 0;
  std::memcpy(&number, bytes.data(), sizeof number);
  sqlite3_result_int64(context, number);
}

void random_blob(sqlite3_context* context, int, sqlite3_value** arguments) {
  auto& entropy = *static_cast<Entropy*>(sqlite3_user_data(context));
  const sqlite3_int64 wanted = sqlite3_value_int64(arguments[0]);
  if (wanted > sqlite3_limit(sqlite3_context_db_handle(context), SQLITE_LIMIT_LENGTH, -1))
    return sqlite3_result_error_toobig(context);
  const std::string bytes = entropy.bytes(wanted < 1 ? 1 : static_cast<size_t>(wanted));
  sqlite3_result_blob64(context, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
}

}  // namespace

// The usual one, with another clock. SQLite hands it to each of its functions.
struct VirtualSqlite::Vfs {
  sqlite3_vfs base;
  Clock* clock;
  static int now_ms(sqlite3_vfs* self, sqlite3_int64* out) {
    *out = julian_day_of_1970_ms + reinterpret_cast<Vfs*>(self)->clock->now().us / 1000;
    return SQLITE_OK;
  }
  static int now_days(sqlite3_vfs* self, double* out) {
    sqlite3_int64 ms = 0;
    const int code = now_ms(self, &ms);
    *out = static_cast<double>(ms) / 86'400'000.0;
    return code;
  }
};

VirtualSqlite::VirtualSqlite(Clock& clock, Entropy& entropy) : vfs_(std::make_unique<Vfs>()) {
  static std::atomic<uint64_t> made = 0;
  name_ = "muster-virtual-" + std::to_string(++made);
  static_assert(offsetof(Vfs, base) == 0);
  vfs_->base = *sqlite3_vfs_find(nullptr);
  vfs_->base.pNext = nullptr;
  vfs_->base.zName = name_.c_str();
  vfs_->base.xCurrentTime = &Vfs::now_days;
  vfs_->base.xCurrentTimeInt64 = &Vfs::now_ms;
  vfs_->clock = &clock;
  entropy_ = &entropy;
  sqlite3_vfs_register(&vfs_->base, 0);
}

VirtualSqlite::~VirtualSqlite() { sqlite3_vfs_unregister(&vfs_->base); }

void VirtualSqlite::prepare(sqlite3* database) const {
  sqlite3_create_function_v2(database, "random", 0, SQLITE_UTF8, entropy_, &random_number, nullptr, nullptr, nullptr);
  sqlite3_create_function_v2(database, "randomblob", 1, SQLITE_UTF8, entropy_, &random_blob, nullptr, nullptr, nullptr);
}

}  // namespace muster
