#include "steps/postgres/dumping.h"

#include "interpreter/world/postgres_dump.h"
#include "steps/postgres/server.h"
#include "steps/postgres/tools.h"

namespace muster {

namespace {

constexpr SqlLimits unhurried{Duration{0}, 10, 1 << 16};

}  // namespace

Result<Map> dump_database(const StepInput& input, Touch& touch, const Connection& connection, const std::string& file) {
  Result<std::unique_ptr<SqlSession>> session = touch.look.sql.open_to_read(connection, unhurried, input.stop);
  if (!session) return pass(session.error());
  if (Result<void> begun = (*session)->begin(); !begun) return pass(begun.error());
  // pg_dump sees what this transaction sees, so the counts are those of the dump, whatever is written meanwhile.
  Result<std::string> snapshot = (*session)->snapshot();
  if (!snapshot) return pass(snapshot.error());
  Result<Map> records = count_tables(**session, input.stop);
  if (!records) return pass(records.error());
  if (Result<void> dumped = PostgresTools(input, touch).dump(connection, *snapshot, file); !dumped)
    return pass(dumped.error());
  (*session)->roll_back();
  return records;
}

Result<void> prove_dump(const StepInput& input, Touch& touch, const std::string& file, const std::string& script,
                        const Map& records) {
  PostgresTools tools(input, touch);
  Result<int64_t> entries = tools.count_entries(file);
  if (!entries) return pass(entries.error());
  if (*entries == 0 && !records.empty()) return fail(ErrorCode::corrupt, "the dump's table of contents is empty");
  if (Result<void> removed = touch.files.remove(script); !removed) return removed;
  if (Result<void> written = tools.write_script(file, script); !written) return written;
  Result<DumpSurvey> survey = [&]() -> Result<DumpSurvey> {
    Result<std::unique_ptr<ReadFile>> text = touch.look.files.open(script);
    if (!text) return pass(text.error());
    return survey_dump(**text, input.stop);
  }();
  if (Result<void> removed = touch.files.remove(script); !removed) return removed;
  if (!survey) return pass(survey.error());
  for (const auto& [table, rows] : records) {
    auto found = survey->rows.find(table);
    int64_t there = found == survey->rows.end() ? -1 : found->second;
    if (same(rows, there)) continue;
    return fail(ErrorCode::corrupt, "the dump holds " + (there < 0 ? std::string("no") : std::to_string(there)) +
                                        " rows of `" + table + "`, and the database has " + to_text(rows));
  }
  return {};
}

Result<uint64_t> database_bytes(SqlRead& sql, const Connection& connection, std::stop_token stop) {
  Result<SqlResult> size =
      sql.query(connection, SqlText{"SELECT pg_database_size(current_database()) AS bytes", {}, {}}, unhurried, stop);
  if (!size) return pass(size.error());
  const Value& bytes = size->rows.front().at("bytes");
  return bytes.is<int64_t>() ? static_cast<uint64_t>(bytes.get<int64_t>()) : 0;
}

}  // namespace muster
