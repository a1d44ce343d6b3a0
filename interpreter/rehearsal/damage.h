// Ports through which everything that is read comes damaged: one bit of the middle of each answer is another.
//
// Writing goes through as it is.
#pragma once

#include "interpreter/world/world.h"

namespace muster {

class DamagedFiles final : public Files {
 public:
  explicit DamagedFiles(Files& real) : real_(real) {}
  Result<std::optional<FileStatus>> status(const std::string& path) override { return real_.status(path); }
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override { return real_.list(directory); }
  Result<std::string> read(const std::string& path, uint64_t limit_bytes) override;
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  Result<std::string> canonical(const std::string& path) override { return real_.canonical(path); }
  Result<uint64_t> free_bytes(const std::string& directory) override { return real_.free_bytes(directory); }
  Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override { return real_.holders(paths); }
  Result<std::string> read_link(const std::string& path) override { return real_.read_link(path); }
  bool is_writable(const std::string& directory) override { return real_.is_writable(directory); }
  Result<std::unique_ptr<WriteFile>> create(const std::string& path) override { return real_.create(path); }
  Result<void> make_directory(const std::string& path) override { return real_.make_directory(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return real_.rename(from, to); }
  Result<void> rename_new(const std::string& from, const std::string& to) override {
    return real_.rename_new(from, to);
  }
  Result<void> exchange(const std::string& a, const std::string& b) override { return real_.exchange(a, b); }
  Result<void> remove(const std::string& path) override { return real_.remove(path); }
  Result<void> remove_tree(const std::string& path) override { return real_.remove_tree(path); }
  Result<void> sync_directory(const std::string& path) override { return real_.sync_directory(path); }
  Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) override {
    return real_.set_owner_and_mode(path, uid, gid, mode);
  }
  Result<void> set_modified(const std::string& path, Timestamp modified) override {
    return real_.set_modified(path, modified);
  }
  Result<void> make_symlink(const std::string& target, const std::string& path) override {
    return real_.make_symlink(target, path);
  }

 private:
  Files& real_;
};

class DamagedHttp final : public Http {
 public:
  explicit DamagedHttp(Http& real) : real_(real) {}
  Result<HttpResponse> fetch(const HttpRequest& request, std::stop_token stop) override;
  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override;

 private:
  Http& real_;
};

// Rows have a text or a number in them that is another; a database is not intact, and cannot be read as a whole.
class DamagedSql final : public SqlRead {
 public:
  explicit DamagedSql(SqlRead& real) : real_(real) {}
  Result<SqlResult> query(const Connection& connection, const SqlText& text, const SqlLimits& limits,
                          std::stop_token stop) override;
  Result<CheckResult> check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                            std::stop_token stop) override;
  Result<bool> has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                          std::stop_token stop) override {
    return real_.has_marker(connection, marker, limits, std::move(stop));
  }
  Result<bool> is_locked(const Connection& connection) override { return real_.is_locked(connection); }
  Result<std::unique_ptr<SqlSession>> open_to_read(const Connection&, const SqlLimits&, std::stop_token) override {
    return fail(ErrorCode::corrupt, "the database is damaged", {}, Certainty::no_effect);
  }

 private:
  SqlRead& real_;
};

class DamagedProcesses final : public Processes {
 public:
  explicit DamagedProcesses(Processes& real) : real_(real) {}
  Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override;
  Result<ProcessEnd> run(const ChildKey& key, const Command& command, std::stop_token stop) override;
  Result<std::optional<ProcessEnd>> recover(const ChildKey& key, std::stop_token stop) override {
    return real_.recover(key, stop);
  }
  Result<std::vector<std::string>> end_left(const ChildKey& key, const std::vector<RunningProcess>& known) override {
    return real_.end_left(key, known);
  }
  void committed(const ChildKey& key) override { real_.committed(key); }

 private:
  Processes& real_;
};

}  // namespace muster
