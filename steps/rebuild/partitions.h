// The partitions of one batch while they are derived: what is there, what should be, and what must be done about it.
//
// Errors: those of sql.h; `failed` for a day that is none, `refused` for bytes that a copy would not carry.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "steps/rebuild/islands.h"
#include "steps/rebuild/statements.h"

namespace muster {

struct Partition {
  Value key;
  std::vector<Cells> wanted;
  std::vector<Cells> there;
  std::optional<Error> error;  // of its derivation: it stays as it is
};

// The batch's keys: either found on the way, or known.
struct Batch {
  std::vector<KeyRange> ranges;
  bool is_given = false;  // other keys inside the ranges are none of its business
  bool has_query = false;
};

// What one partition's rows come to.
struct Difference {
  std::vector<const Cells*> gone, fresh, changed;  // `changed` by key, for copies
  int64_t unchanged = 0;
};
[[nodiscard]] Difference difference_of(const Partition& partition, bool by_key);

class Partitions {
 public:
  // `script` where the request names one.
  Partitions(const RebuildRequest& request, const RebuildStatements& statements, ScriptFunction* script)
      : request_(request), statements_(statements), script_(script) {}

  // Reads and derives; `without` are keys (as text) that are left alone.
  [[nodiscard]] Result<void> read(SqlSession& source, SqlSession& target, const Batch& batch,
                                  const std::set<std::string>& without);

  [[nodiscard]] const std::vector<Partition>& all() const { return partitions_; }
  // The target's columns in the order of the cells.
  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  [[nodiscard]] static std::string text_of_key(const Value& key) { return to_text(key); }

 private:
  [[nodiscard]] Result<void> find_keys(SqlSession& source, const Batch& batch);
  [[nodiscard]] Result<void> derive_islands(SqlSession& source, const Batch& batch);
  [[nodiscard]] Result<void> derive_by_script(SqlSession& source, const Batch& batch);
  void take_derived(Partition& partition, const Result<List>& rows);
  [[nodiscard]] Result<void> copy_rows(SqlSession& source, const Batch& batch);
  [[nodiscard]] Result<void> read_crossing(SqlSession& target, const Batch& batch);
  [[nodiscard]] Result<void> read_target(SqlSession& target, const Batch& batch);
  // Nothing for a key that is not of this batch.
  [[nodiscard]] Partition* of(const SqlRow& row, size_t column);

  const RebuildRequest& request_;
  const RebuildStatements& statements_;
  ScriptFunction* script_;
  bool may_add_ = false;
  std::set<std::string> without_;
  std::vector<std::string> columns_;
  std::vector<Partition> partitions_;
  std::unordered_map<std::string, size_t> index_;
  // By key: rows that reach over an end of the range. What they cover is not derived again.
  std::unordered_map<std::string, std::vector<Island>> crossing_;
};

}  // namespace muster
