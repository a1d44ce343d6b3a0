#include "steps/rebuild/partitions.h"

#include <algorithm>

#include "interpreter/world/sql_text.h"

namespace muster {

namespace {

// As two databases would agree that it is the same: a truth is 1 or 0, a whole float a whole number.
std::string comparable(const Value& value) {
  if (value.is_null()) return "n";
  if (const bool* truth = value.find<bool>()) return *truth ? "v1" : "v0";
  if (const double* d = value.find<double>(); d && *d == static_cast<double>(static_cast<int64_t>(*d)))
    return "v" + std::to_string(static_cast<int64_t>(*d));
  return "v" + to_text(value);
}

std::string comparable(const Cells& row) {
  std::string out;
  for (const Value& cell : row) {
    std::string text = comparable(cell);
    out += std::to_string(text.size()) + ":" + text;
  }
  return out;
}

std::string quoted(const std::string& column) {
  Result<std::string> name = quote_identifier(column);
  return name ? *name : "\"\"";
}

}  // namespace

Difference difference_of(const Partition& partition, bool by_key) {
  Difference out;
  if (by_key) {  // one row per key
    for (const Cells& row : partition.wanted) {
      if (partition.there.empty()) {
        out.fresh.push_back(&row);
      } else if (comparable(row) == comparable(partition.there.front())) {
        ++out.unchanged;
      } else {
        out.changed.push_back(&row);
      }
    }
    return out;
  }
  if (partition.there.empty()) {
    for (const Cells& row : partition.wanted) out.fresh.push_back(&row);
    return out;
  }
  struct Count {
    const Cells* row = nullptr;
    int64_t there = 0, wanted = 0;
  };
  std::unordered_map<std::string, Count> counts;
  for (const Cells& row : partition.there) {
    Count& count = counts[comparable(row)];
    count.row = &row;
    ++count.there;
  }
  for (const Cells& row : partition.wanted) ++counts[comparable(row)].wanted;
  std::unordered_map<std::string, int64_t> done;
  for (const Cells& row : partition.there) {
    const Count& count = counts[comparable(row)];
    // Rows that are alike cannot be told apart: either all of them stay, or all of them go.
    if (count.there == count.wanted) {
      ++out.unchanged;
    } else if (count.row == &row) {
      for (int64_t i = 0; i < count.there; ++i) out.gone.push_back(&row);
    }
  }
  for (const Cells& row : partition.wanted) {
    const Count& count = counts[comparable(row)];
    if (count.there != count.wanted) out.fresh.push_back(&row);
  }
  return out;
}

Partition* Partitions::of(const SqlRow& row, size_t column) {
  if (row.is_null(column)) return nullptr;
  // Rows come ordered by key: most often it is that of the row before.
  Value key = row.value(column);
  std::string text = text_of_key(key);
  auto known = index_.find(text);
  if (known != index_.end()) return &partitions_[known->second];
  if (!may_add_ || without_.contains(text)) return nullptr;
  index_.emplace(std::move(text), partitions_.size());
  partitions_.push_back({std::move(key), {}, {}, {}});
  return &partitions_.back();
}

Result<void> Partitions::find_keys(SqlSession& source, const Batch& batch) {
  may_add_ = true;
  if (batch.has_query) {
    for (const KeyRange& range : batch.ranges) {
      Result<void> read = source.each(statements_.keys_within(range), [&](const SqlRow& row) -> Result<void> {
        (void)of(row, 0);
        return {};
      });
      if (!read) return pass(statements_.of_keys(read.error()));
    }
    may_add_ = false;
  } else if (batch.is_given) {
    for (const KeyRange& range : batch.ranges) {
      std::string text = text_of_key(range.first);
      if (without_.contains(text) || index_.contains(text)) continue;
      index_.emplace(text, partitions_.size());
      partitions_.push_back({range.first, {}, {}, {}});
    }
    may_add_ = false;
  }
  return {};
}

Result<void> Partitions::derive_islands(SqlSession& source, const Batch& batch) {
  const RebuildIslands& wanted = std::get<RebuildIslands>(request_.derive);
  columns_ = {request_.key, wanted.start, wanted.end};
  if (!wanted.count.empty()) columns_.push_back(wanted.count);
  Islands islands(wanted.step_days);
  std::string last_key;
  size_t current = partitions_.size();
  bool is_any = false, is_ours = false;
  const std::vector<Island>* covered = nullptr;
  auto close = [&] {
    std::vector<Island> found = islands.take();
    if (!is_any || !is_ours) return;
    Partition& partition = partitions_[current];
    for (const Island& island : found) {
      Cells row{partition.key, date_of(island.start), date_of(island.end)};
      if (!wanted.count.empty()) row.push_back(island.count);
      partition.wanted.push_back(std::move(row));
    }
  };
  for (const KeyRange& range : batch.ranges) {
    SqlText text = statements_.source({quoted(request_.key), quoted(wanted.order)}, quoted(wanted.order), range);
    Result<void> read = source.each(text, [&](const SqlRow& row) -> Result<void> {
      std::string_view key = row.text(0);
      if (!is_any || key != last_key) {
        close();
        last_key = key;
        is_any = true;
        Partition* partition = of(row, 0);
        is_ours = partition != nullptr;
        if (partition) current = static_cast<size_t>(partition - partitions_.data());
        auto crossing = crossing_.find(last_key);
        covered = crossing == crossing_.end() ? nullptr : &crossing->second;
      }
      if (!is_ours || row.is_null(1)) return {};
      std::optional<int64_t> day = day_of(row.text(1));
      if (!day) {
        return fail(ErrorCode::failed,
                    "`" + wanted.order + "` of `" + request_.key + "` " + last_key + " is no day: `" +
                        std::string(row.text(1)) + "`",
                    "`islands` reads days as 2026-01-15");
      }
      if (covered)
        for (const Island& one : *covered)
          if (*day >= one.start && *day <= one.end) return {};
      islands.add(*day);
      return {};
    });
    if (!read) return pass(statements_.of_source(read.error()));
  }
  close();
  return {};
}

// Rows as the script gives them: maps by column, all of the same columns, the key's where it is left out.
void Partitions::take_derived(Partition& partition, const Result<List>& rows) {
  if (!rows) {
    partition.error = rows.error();
    return;
  }
  for (const Value& one : *rows) {
    const Map* row = one.find<Map>();
    auto refuse = [&](const std::string& why) {
      partition.wanted.clear();
      partition.error = fail(ErrorCode::expression, "`derive.lua` gave " + why).value();
    };
    if (!row) return refuse("a value of type " + std::string(type_name(one)) + " for a row");
    if (columns_.empty()) {
      columns_.push_back(request_.key);
      for (const auto& [name, value] : *row)
        if (name != request_.key) columns_.push_back(name);
    }
    for (const auto& [name, value] : *row)
      if (std::ranges::find(columns_, name) == columns_.end())
        return refuse("a row with the column `" + name + "`, which the rows before do not have");
    Cells cells;
    for (const std::string& column : columns_) {
      const Value* value = member(*row, column);
      cells.push_back(value ? *value : column == request_.key ? partition.key : Value(Null{}));
    }
    partition.wanted.push_back(std::move(cells));
  }
}

Result<void> Partitions::derive_by_script(SqlSession& source, const Batch& batch) {
  const std::string& order = std::get<RebuildLua>(request_.derive).order;
  ScriptRows rows;
  Partition* current = nullptr;
  std::set<size_t> derived;
  auto close = [&] {
    if (current) take_derived(*current, script_->derive(current->key, rows));
    rows.cells.clear();
  };
  std::string last_key;
  bool is_any = false;
  for (const KeyRange& range : batch.ranges) {
    Result<void> read = source.each(
        statements_.source({}, order.empty() ? "" : quoted(order), range), [&](const SqlRow& row) -> Result<void> {
          if (rows.columns.empty()) rows.columns = row.columns();
          size_t key = static_cast<size_t>(std::ranges::find(rows.columns, request_.key) - rows.columns.begin());
          if (!is_any || row.text(key) != last_key) {
            close();
            last_key = row.text(key);
            is_any = true;
            current = of(row, key);
            if (current) derived.insert(static_cast<size_t>(current - partitions_.data()));
          }
          if (!current) return {};
          for (size_t i = 0; i < rows.columns.size(); ++i) rows.cells.push_back(row.value(i));
          return {};
        });
    if (!read) return pass(statements_.of_source(read.error()));
  }
  close();
  // A partition without rows is asked about, too.
  for (size_t i = 0; i < partitions_.size(); ++i)
    if (!derived.contains(i)) take_derived(partitions_[i], script_->derive(partitions_[i].key, rows));
  return {};
}

Result<void> Partitions::copy_rows(SqlSession& source, const Batch& batch) {
  for (const KeyRange& range : batch.ranges) {
    Result<void> read = source.each(statements_.source({}, {}, range), [&](const SqlRow& row) -> Result<void> {
      if (columns_.empty()) columns_ = row.columns();
      size_t key = static_cast<size_t>(std::ranges::find(columns_, request_.key) - columns_.begin());
      Partition* partition = of(row, key);
      if (!partition) return {};
      if (!partition->wanted.empty()) {
        return fail(ErrorCode::failed, "the source has several rows with the `" + request_.key + "` " +
                                           text_of_key(partition->key) + ": `copy` needs one for each");
      }
      Cells cells;
      for (size_t i = 0; i < columns_.size(); ++i) {
        if (row.is_binary(i))
          return fail(ErrorCode::refused, "the column `" + columns_[i] + "` holds bytes, which `copy` does not carry");
        cells.push_back(row.value(i));
      }
      partition->wanted.push_back(std::move(cells));
      return {};
    });
    if (!read) return pass(statements_.of_source(read.error()));
  }
  return {};
}

Result<void> Partitions::read_crossing(SqlSession& target, const Batch& batch) {
  for (const KeyRange& range : batch.ranges) {
    Result<void> read = target.each(statements_.crossing(range), [&](const SqlRow& row) -> Result<void> {
      std::optional<int64_t> start = day_of(row.text(1)), end = day_of(row.text(2));
      if (start && end) crossing_[std::string(row.text(0))].push_back({*start, *end, 0});
      return {};
    });
    if (!read) return pass(statements_.of_target(read.error()));
  }
  return {};
}

Result<void> Partitions::read_target(SqlSession& target, const Batch& batch) {
  std::vector<std::string> columns;  // none: nothing was derived, and every column counts
  for (const std::string& column : columns_) columns.push_back(quoted(column));
  may_add_ = false;  // what is only in the target is no partition of the source
  for (const KeyRange& range : batch.ranges) {
    Result<void> read = target.each(statements_.target(columns, range), [&](const SqlRow& row) -> Result<void> {
      if (columns_.empty()) columns_ = row.columns();
      size_t key = static_cast<size_t>(std::ranges::find(columns_, request_.key) - columns_.begin());
      Partition* partition = of(row, key);
      if (!partition) return {};
      Cells cells;
      cells.reserve(columns_.size());
      for (size_t i = 0; i < columns_.size(); ++i) cells.push_back(row.value(i));
      partition->there.push_back(std::move(cells));
      return {};
    });
    if (!read) return pass(statements_.of_target(read.error()));
  }
  return {};
}

Result<void> Partitions::read(SqlSession& source, SqlSession& target, const Batch& batch,
                              const std::set<std::string>& without) {
  without_ = without;
  partitions_.clear();
  index_.clear();
  crossing_.clear();
  if (Result<void> found = find_keys(source, batch); !found) return found;
  bool is_islands = std::holds_alternative<RebuildIslands>(request_.derive);
  if (is_islands && request_.has_range()) {
    if (Result<void> read = read_crossing(target, batch); !read) return read;
  }
  Result<void> derived = is_islands ? derive_islands(source, batch)
                         : script_  ? derive_by_script(source, batch)
                                    : copy_rows(source, batch);
  if (!derived) return derived;
  return read_target(target, batch);
}

}  // namespace muster
