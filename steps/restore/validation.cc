#include "steps/restore/validation.h"

#include <future>

#include "interpreter/base/digest.h"
#include "interpreter/world/fresh_check.h"
#include "steps/restore/database_header.h"

namespace muster {

namespace {

constexpr size_t hash_bytes = 1 << 20;
constexpr SqlLimits unhurried{Duration::seconds(24 * 3600), 1'000'000, int64_t{64} << 20};

Connection database_at(const std::string& path) { return {"", "sqlite", Map{{"path", path}}}; }

Result<Map> count_rows(SqlRead& sql, const std::string& path, std::stop_token stop) {
  // Virtual tables are left out: their rows live in other tables, and their module may not be at hand here.
  SqlText tables{
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
      "AND name NOT IN ('_litestream_seq', '_litestream_lock') AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
      {},
      {}};
  Result<SqlResult> names = sql.query(database_at(path), tables, unhurried, stop);
  if (!names) return pass(names.error());
  Map records;
  for (const Map& row : names->rows) {
    std::string name = text_of(row, "name");
    SqlText count{"SELECT count(*) AS n FROM :\"name\"", {}, Map{{"name", name}}};
    Result<SqlResult> counted = sql.query(database_at(path), count, unhurried, stop);
    if (!counted) return pass(counted.error());
    const Value* n = counted->rows.empty() ? nullptr : member(counted->rows.front(), "n");
    if (!n || !n->is<int64_t>()) return fail(ErrorCode::bad_reply, "the rows of `" + name + "` could not be counted");
    records[name] = *n;
  }
  return records;
}

Result<void> check_expected(const Expectation& expected, const Validated& found) {
  for (const std::string& table : expected.tables) {
    if (!found.records.contains(table)) {
      std::string there;
      for (const auto& [name, count] : found.records) there += (there.empty() ? "`" : ", `") + name + "`";
      return fail(ErrorCode::schema_mismatch,
                  "the backup has no table `" + table + "`; it has " + (there.empty() ? std::string("none") : there));
    }
  }
  if (Result<void> enough = check_counts(expected, found.records, nullptr); !enough) return enough;
  if (expected.schema_version && *expected.schema_version != found.schema_version) {
    return fail(ErrorCode::schema_mismatch, "the backup's schema version (user_version) is " +
                                                std::to_string(found.schema_version) + ", expected is " +
                                                std::to_string(*expected.schema_version));
  }
  return {};
}

}  // namespace

Result<void> check_counts(const Expectation& expected, const Map& records, const Map* of_manifest) {
  for (const auto& [table, least] : expected.min_rows) {
    auto count = records.find(table);
    if (count == records.end()) {
      return fail(ErrorCode::schema_mismatch, "the backup has no table `" + table + "`");
    }
    if (!count->second.is<int64_t>() || count->second.get<int64_t>() < least) {
      return fail(ErrorCode::schema_mismatch, "the backup has " + to_text(count->second) + " rows in `" + table +
                                                  "`, at least " + std::to_string(least) + " are expected");
    }
  }
  if (!of_manifest) return {};
  for (const auto& [table, count] : *of_manifest) {
    auto found = records.find(table);
    if (found == records.end())
      return fail(ErrorCode::schema_mismatch, "the backup's manifest names `" + table + "`, which is not in it");
    if (!same(found->second, count)) {
      return fail(ErrorCode::schema_mismatch, "the backup has " + to_text(found->second) + " rows in `" + table +
                                                  "`, and its manifest says " + to_text(count));
    }
  }
  return {};
}

Result<std::string> sha256_of_file(FilesRead& files, const std::string& path, std::stop_token stop) {
  Result<std::unique_ptr<ReadFile>> file = files.open(path);
  if (!file) return pass(file.error());
  Sha256 digest;
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the restore was stopped");
    Result<std::string> bytes = (*file)->read(hash_bytes);
    if (!bytes) return pass(bytes.error());
    if (bytes->empty()) return digest.hex();
    digest.add(*bytes);
  }
}

Result<Validated> validate(SqlRead& sql, FilesRead& files, const std::string& path, const Expectation& expected,
                           std::stop_token stop, const KnownBefore& known) {
  // Hashing and checking both read the whole file: side by side they cost little more than the slower one.
  std::future<Result<std::string>> hash =
      std::async(known.sha256.empty() ? std::launch::async : std::launch::deferred, [&]() -> Result<std::string> {
        if (!known.sha256.empty()) return known.sha256;
        return sha256_of_file(files, path, stop);
      });
  Validated found;
  ChecksFresh* fresh = known.is_just_made ? fresh_checks_of(sql) : nullptr;
  Result<CheckResult> sound = known.check ? Result<CheckResult>(*known.check)
                              : fresh
                                  ? fresh->check_fresh(database_at(path), expected.integrity, unhurried, nullptr, stop)
                                  : sql.check(database_at(path), expected.integrity, unhurried, stop);
  Result<Map> records = sound && sound->intact ? count_rows(sql, path, stop) : Result<Map>(Map{});
  Result<std::string> sha256 = hash.get();
  if (!sound) return pass(sound.error());
  if (!sound->intact) {
    std::string problems;
    for (const std::string& problem : sound->problems) problems += (problems.empty() ? "" : "; ") + problem;
    return fail(ErrorCode::corrupt, "the database is damaged: " + problems,
                "take another backup; of a replica, an earlier moment with `at`");
  }
  if (!records) return pass(records.error());
  if (!sha256) return pass(sha256.error());
  found.records = std::move(*records);
  found.sha256 = std::move(*sha256);
  Result<std::unique_ptr<ReadFile>> file = files.open(path);
  if (!file) return pass(file.error());
  Result<std::string> first = (*file)->read_at(0, DatabaseHeader::bytes);
  if (!first) return pass(first.error());
  Result<DatabaseHeader> header = parse_database_header(*first);
  if (!header) return pass(header.error());
  found.schema_version = static_cast<int32_t>(header->user_version);  // SQLite keeps it as a signed number
  if (Result<void> fits = check_expected(expected, found); !fits) return pass(fits.error());
  return found;
}

}  // namespace muster
