#include "interpreter/rehearsal/simulated_sql.h"

#include <algorithm>

namespace muster {
namespace {

// Each piece as often as it stands there, the first of the list first; what was put in is not looked at again.
SqlText in_words_of_sqlite(SqlText sql, const Replacements* instead) {
  if (!instead) return sql;
  std::string out;
  for (size_t at = 0; at < sql.text.size();) {
    const auto found = std::find_if(instead->begin(), instead->end(), [&](const auto& one) {
      return !one.first.empty() && sql.text.compare(at, one.first.size(), one.first) == 0;
    });
    if (found == instead->end()) {
      out += sql.text[at++];
    } else {
      out += found->second;
      at += found->first.size();
    }
  }
  sql.text = std::move(out);
  return sql;
}

// What it says shows no scratch folder.
class ShownSession final : public SqlSession {
 public:
  ShownSession(std::unique_ptr<SqlSession> session, std::string path, const Replacements* instead,
               const ScratchPlace& place, SimulatedFiles& files)
      : session_(std::move(session)), path_(std::move(path)), instead_(instead), place_(place), files_(files) {}
  ~ShownSession() override {
    session_.reset();
    if (!path_.empty()) files_.touched(path_);
  }
  SqlDialect dialect() const override { return session_->dialect(); }
  Result<void> begin() override { return place_.shown(session_->begin()); }
  Result<void> commit() override { return place_.shown(session_->commit()); }
  void roll_back() override { session_->roll_back(); }
  Result<int64_t> run(const SqlText& sql) override {
    return place_.shown(session_->run(in_words_of_sqlite(sql, instead_)));
  }
  Result<void> each(const SqlText& sql, const RowSink& sink) override {
    return place_.shown(session_->each(in_words_of_sqlite(sql, instead_), sink));
  }
  Result<void> insert(const std::string& table, const std::vector<std::string>& columns,
                      const std::vector<Cells>& rows) override {
    return place_.shown(session_->insert(table, columns, rows));
  }
  Result<void> mark(const SqlMarker& marker) override { return place_.shown(session_->mark(marker)); }

 private:
  std::unique_ptr<SqlSession> session_;
  std::string path_;
  const Replacements* instead_;
  const ScratchPlace& place_;
  SimulatedFiles& files_;
};

}  // namespace

Result<SimulatedSql::Found> SimulatedSql::find(const Connection& connection) const {
  Found found{connection, {}, false, nullptr};
  if (connection.kind == "postgres") {
    auto it = postgres_.find(connection.name);
    if (it == postgres_.end())
      return fail(ErrorCode::unreachable,
                  "the connection `" + connection.name + "` goes to a PostgreSQL server, and the scenario has none",
                  "`databases: {" + connection.name + ": {schema: FILE.sql}}` puts a SQLite database there");
    found.stands_in = true;
    found.path = it->second.path;
    found.instead = &it->second.instead;
    found.real.kind = "sqlite";
    found.real.settings = Map{{"path", it->second.path}};
  } else {
    found.path = text_of(connection.settings, "path");
  }
  if (found.real.kind != "sqlite" || found.path.empty()) return found;
  Result<std::string> real = place_.real(found.path);
  if (!real) return pass(real.error());
  found.real.settings["path"] = std::move(*real);
  return found;
}

template <class T, class F>
Result<T> SimulatedSql::with(const Connection& connection, bool writes, F f) {
  Result<Found> found = find(connection);
  if (!found) return pass(found.error());
  Result<T> done = place_.shown(Result<T>(f(*found)));
  if (writes && !found->path.empty()) files_.touched(found->path);
  if (!done && found->stands_in && done.error().code == ErrorCode::failed && done.error().hint.empty())
    done.error().hint =
        "in this rehearsal `" + connection.name +
        "` is a SQLite database; `instead` says what it runs in place of what only PostgreSQL understands";
  return done;
}

Result<SqlResult> SimulatedSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                      std::stop_token stop) {
  return with<SqlResult>(connection, false, [&](const Found& to) {
    return real_.query(to.real, in_words_of_sqlite(sql, to.instead), limits, stop);
  });
}
Result<CheckResult> SimulatedSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                        std::stop_token stop) {
  Result<CheckResult> done =
      with<CheckResult>(connection, false, [&](const Found& to) { return real_.check(to.real, kind, limits, stop); });
  if (done)
    for (std::string& problem : done->problems) problem = place_.shown(std::move(problem));
  return done;
}
Result<bool> SimulatedSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                      std::stop_token stop) {
  return with<bool>(connection, false,
                    [&](const Found& to) { return real_.has_marker(to.real, marker, limits, stop); });
}
Result<bool> SimulatedSql::is_locked(const Connection& connection) {
  return with<bool>(connection, false, [&](const Found& to) { return real_.is_locked(to.real); });
}
Result<SqlResult> SimulatedSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                        std::stop_token stop) {
  return with<SqlResult>(connection, true, [&](const Found& to) {
    return real_.execute(to.real, in_words_of_sqlite(sql, to.instead), options, stop);
  });
}
Result<void> SimulatedSql::fold(const Connection& connection, std::stop_token stop) {
  return with<void>(connection, true, [&](const Found& to) { return real_.fold(to.real, stop); });
}
Result<std::unique_ptr<SqlSession>> SimulatedSql::open_to_read(const Connection& connection, const SqlLimits& limits,
                                                               std::stop_token stop) {
  return with<std::unique_ptr<SqlSession>>(
      connection, false, [&](const Found& to) -> Result<std::unique_ptr<SqlSession>> {
        Result<std::unique_ptr<SqlSession>> session = real_.open_to_read(to.real, limits, stop);
        if (!session) return session;
        return std::make_unique<ShownSession>(std::move(*session), std::string(), to.instead, place_, files_);
      });
}
Result<std::unique_ptr<SqlSession>> SimulatedSql::open_to_write(const Connection& connection, const SqlLimits& limits,
                                                                std::stop_token stop) {
  return with<std::unique_ptr<SqlSession>>(
      connection, true, [&](const Found& to) -> Result<std::unique_ptr<SqlSession>> {
        Result<std::unique_ptr<SqlSession>> session = real_.open_to_write(to.real, limits, stop);
        if (!session) return session;
        return std::make_unique<ShownSession>(std::move(*session), place_.shown(text_of(to.real.settings, "path")),
                                              to.instead, place_, files_);
      });
}
Result<void> SimulatedSql::copy_to(const Connection& connection, const std::string& to, std::stop_token stop,
                                   const CopyProgress& progress) {
  Result<std::string> real_to = place_.real(to);
  if (!real_to) return pass(real_to.error());
  Result<void> done = with<void>(connection, false,
                                 [&](const Found& from) { return real_.copy_to(from.real, *real_to, stop, progress); });
  files_.touched(to);
  return done;
}
Result<void> SimulatedSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token stop,
                                     const CopyProgress& progress) {
  return with<void>(connection, true, [&](const Found& to) { return real_.load_dump(to.real, dump, stop, progress); });
}
Result<TrialResult> SimulatedSql::attempt(const Connection& connection, const SqlText& sql, int cap,
                                          const SqlLimits& limits, std::stop_token stop) {
  return with<TrialResult>(connection, false, [&](const Found& to) {
    return trial_.attempt(to.real, in_words_of_sqlite(sql, to.instead), cap, limits, stop);
  });
}

}  // namespace muster
