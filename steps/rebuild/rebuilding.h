// One rebuild from beginning to end, batch by batch.
//
// Each batch is one transaction of the target and one Mark. What it came to stands, written by the same transaction, in
// the target's table `muster_rebuild`, beside a marker row: after a crash it tells whether the batch happened.
// Threads: each worker has sessions of its own; a Progress, the marks and the counts are shared.
// Source: docs/actions/rebuild.md, "Batches".
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/rebuild/partitions.h"

namespace muster {

// What batches came to, as it is stored.
struct RebuildCounts {
  int64_t partitions = 0, completed = 0, failed = 0;
  int64_t rows_deleted = 0, rows_created = 0, rows_unchanged = 0;
  List errors;      // {key, message} of partitions that failed
  List violations;  // {invariant, key}
  void add(const RebuildCounts& other);
  [[nodiscard]] Map as_map() const;
  [[nodiscard]] static RebuildCounts from(const Map& map);
};

// The batches of a rebuild: decided once, kept by a mark.
struct RebuildPlan {
  int64_t keys = 0;
  std::vector<KeyRange> ranges;  // by query or distinct keys: a range per batch
  bool is_given = false;         // one range for each key instead
};
[[nodiscard]] Result<RebuildPlan> plan_of(SqlSession& source, const RebuildRequest& request,
                                          const RebuildStatements& statements);
[[nodiscard]] std::vector<Batch> batches_of(const RebuildPlan& plan, const RebuildRequest& request);
// The function that derives, for one thread; nothing where the request names none.
[[nodiscard]] Result<std::unique_ptr<ScriptFunction>> script_of(const RebuildRequest& request, const StepInput& input,
                                                                Timestamp now);

class Rebuilding {
 public:
  // The statements are those of this very request, which outlives them.
  Rebuilding(const RebuildRequest& request, const RebuildStatements& statements, const StepInput& input, Touch& touch)
      : request_(request), statements_(statements), input_(input), touch_(touch) {}

  [[nodiscard]] Result<StepOutput> run();

 private:
  struct Sessions {
    std::unique_ptr<SqlSession> target;
    std::unique_ptr<SqlSession> other_source;  // none: the source is in the target's database
    std::unique_ptr<ScriptFunction> script;    // where the derivation is one
    [[nodiscard]] SqlSession& source() const { return other_source ? *other_source : *target; }
  };
  [[nodiscard]] Result<Sessions> open();
  [[nodiscard]] Result<void> prepare(SqlSession& target);
  [[nodiscard]] Result<void> work(std::vector<Batch>& batches);
  [[nodiscard]] Result<void> worker(std::vector<Batch>& batches);
  [[nodiscard]] Result<void> batch_once(Sessions& sessions, const Batch& batch, size_t number);
  [[nodiscard]] Result<RebuildCounts> run_batch(Sessions& sessions, const Batch& batch, const SqlMarker& marker);
  [[nodiscard]] Result<RebuildCounts> apply(Sessions& sessions, const Batch& batch,
                                            const std::set<std::string>& without);
  [[nodiscard]] Result<RebuildCounts> apply_rows(SqlSession& target, const Partitions& partitions);
  [[nodiscard]] Result<RebuildCounts> apply_sql(SqlSession& target, const Batch& batch,
                                                const std::set<std::string>& without);
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> violations_in(SqlSession& target,
                                                                                       const Batch& batch);
  [[nodiscard]] Result<void> keep_result(SqlSession& target, const SqlMarker& marker, Map result);
  [[nodiscard]] Result<void> prune(Sessions& sessions);
  [[nodiscard]] Result<void> check_total(SqlSession& target);
  [[nodiscard]] Result<void> clean_up(SqlSession& target, bool has_markers);
  [[nodiscard]] bool has_too_many_failures() const;
  [[nodiscard]] SqlMarker marker_of(const std::string& name) const;
  [[nodiscard]] Result<Settled> settle(const SqlMarker& marker);

  const RebuildRequest& request_;
  RebuildStatements statements_;
  const StepInput& input_;
  Touch& touch_;
  int64_t keys_ = 0;
  std::string now_;
  std::vector<bool> names_key_;  // of the invariants: those that can name a partition
  std::set<std::string> generated_;
  std::mutex mutex_;
  size_t next_batch_ = 0;
  RebuildCounts counts_;
  std::optional<Error> failed_;
};

}  // namespace muster
