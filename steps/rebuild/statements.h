// The SQL of a rebuild, for the tables and columns of one request. Values stand in it as binds that begin with
// `muster_`.
//
// Errors: `invalid` for a name that cannot be an identifier.
#pragma once

#include <string>
#include <vector>

#include "interpreter/world/sql.h"
#include "steps/rebuild/request.h"

namespace muster {

// A first and a last key, both inside, by the database's own order.
struct KeyRange {
  Value first, last;
};

class RebuildStatements {
 public:
  [[nodiscard]] static Result<RebuildStatements> of(const RebuildRequest& request, SqlDialect target);

  // All keys in order, as `key`.
  [[nodiscard]] SqlText keys() const;
  [[nodiscard]] SqlText keys_within(const KeyRange& range) const;
  // The source's rows of the range, ordered by key; `columns` are quoted, empty is all of them.
  [[nodiscard]] SqlText source(const std::vector<std::string>& columns, const std::string& order,
                               const KeyRange& range) const;
  // The target's rows that are to be replaced, and those that cross an end of the range and stay: key, begin, end.
  [[nodiscard]] SqlText target(const std::vector<std::string>& columns, const KeyRange& range) const;
  [[nodiscard]] SqlText crossing(const KeyRange& range) const;

  // Rows by all of the values of these columns; first into the table of old rows, then away.
  [[nodiscard]] SqlText keep_row(const std::vector<std::string>& columns, const Cells& row) const;
  [[nodiscard]] SqlText delete_row(const std::vector<std::string>& columns, const Cells& row) const;
  [[nodiscard]] SqlText update_row(const std::vector<std::string>& columns, const Cells& row) const;
  // The same for all rows of the keys in `muster_keys`, within the range.
  [[nodiscard]] SqlText keep_all() const;
  [[nodiscard]] SqlText delete_all() const;

  [[nodiscard]] std::string make_keys() const;      // the temporary table `muster_keys(key)`
  [[nodiscard]] std::string make_old_rows() const;  // the table of old rows
  [[nodiscard]] SqlText drop_old_rows(const std::string& before) const;
  [[nodiscard]] SqlText invariant(const std::string& query, const KeyRange& range) const;
  [[nodiscard]] SqlText invariant_probe(const std::string& query) const;
  [[nodiscard]] SqlText generated_columns() const;
  [[nodiscard]] SqlText author(const std::string& text, const std::string& now) const;  // with :from, :to, :now

  // An error of such a statement, at the place in the playbook that it is about.
  [[nodiscard]] Error of_keys(Error error) const;
  [[nodiscard]] Error of_source(Error error) const;
  [[nodiscard]] Error of_target(Error error) const;
  [[nodiscard]] Error of_invariant(Error error, size_t index) const;

  [[nodiscard]] SqlDialect dialect() const { return target_; }  // of the target
  [[nodiscard]] const std::string& into() const { return into_; }
  [[nodiscard]] const std::string& old_rows() const { return old_rows_name_; }
  void keep_as(std::string run, std::string step, std::string at);

 private:
  [[nodiscard]] std::string inside() const;  // ` AND ...` for rows of the target wholly inside the range
  [[nodiscard]] Map with_range(Map bind, bool is_source) const;
  [[nodiscard]] std::string matches(const std::vector<std::string>& columns) const;
  [[nodiscard]] Map cells_of(const std::vector<std::string>& columns, const Cells& row) const;
  [[nodiscard]] Map with_origin(Map bind) const;
  [[nodiscard]] std::string all_keys() const;

  const RebuildRequest* request_ = nullptr;
  SqlDialect target_ = SqlDialect::sqlite;
  std::string from_, into_, key_, begin_, end_, range_column_, old_rows_, old_rows_name_;
  std::string run_, step_, at_;
};

}  // namespace muster
