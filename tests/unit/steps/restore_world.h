// A small real world for the tests of `restore`: files on a temporary disk, SQLite, and marks that survive a kill.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/world/real_files.h"
#include "interpreter/world/real_sql.h"
#include "interpreter/world/world.h"

namespace muster::restore_tests {

class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The machine's own files, with a say in each call.
class DiskFiles : public Files, public DiskAttributes {
 public:
  Result<std::optional<FileStatus>> status(const std::string& path) override {
    Result<std::optional<FileStatus>> found = asked("status", &Files::status, path);
    if (found && *found && path == pretended_mount) (*found)->is_mounted_on = true;
    return found;
  }
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override {
    return asked("list", &Files::list, path);
  }
  Result<std::string> read(const std::string& path, uint64_t limit) override {
    return asked("read", &Files::read, path, limit);
  }
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override { return asked("open", &Files::open, path); }
  Result<std::string> canonical(const std::string& path) override { return real_.canonical(path); }
  Result<uint64_t> free_bytes(const std::string& directory) override;
  Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override;
  Result<std::string> read_link(const std::string& path) override { return real_.read_link(path); }
  bool is_writable(const std::string& directory) override;
  Result<void> set_modified(const std::string& path, Timestamp at) override {
    return asked("set_modified", &Files::set_modified, path, at);
  }
  Result<void> make_symlink(const std::string& target, const std::string& path) override {
    return asked("make_symlink", &Files::make_symlink, target, path);
  }
  Result<std::unique_ptr<WriteFile>> create(const std::string& path) override;
  Result<void> make_directory(const std::string& path) override {
    return asked("make_directory", &Files::make_directory, path);
  }
  Result<void> rename(const std::string& a, const std::string& b) override {
    return asked("rename", &Files::rename, a, b);
  }
  Result<void> rename_new(const std::string& a, const std::string& b) override {
    return asked("rename_new", &Files::rename_new, a, b);
  }
  Result<void> exchange(const std::string& a, const std::string& b) override {
    return asked("exchange", &Files::exchange, a, b);
  }
  Result<void> remove(const std::string& path) override { return asked("remove", &Files::remove, path); }
  Result<void> remove_tree(const std::string& path) override { return asked("remove_tree", &Files::remove_tree, path); }
  Result<void> sync_directory(const std::string& path) override {
    return asked("sync_directory", &Files::sync_directory, path);
  }
  Result<void> set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) override {
    return asked("set_owner_and_mode", &Files::set_owner_and_mode, path, uid, gid, mode);
  }

  Result<std::vector<std::string>> copy_attributes(const std::string& from, const std::string& to) override {
    return real_.copy_attributes(from, to);
  }

  // Asked before every call by its name; an error is given instead of the call. May also not come back.
  std::function<std::optional<Error>(std::string_view call)> before;
  std::optional<uint64_t> free_bytes_left;
  std::vector<Holder> pretended_holders;
  std::string pretended_mount;
  bool looks_for_holders = true;  // a look at every process of the machine, thousands of system calls

 private:
  template <class Method, class... Arguments>
  auto asked(std::string_view name, Method method, const Arguments&... arguments)
      -> decltype((std::declval<Files&>().*method)(arguments...)) {
    if (before) {
      if (std::optional<Error> error = before(name)) return pass(*error);
    }
    return (static_cast<Files&>(real_).*method)(arguments...);
  }
  RealFiles real_;
};

// SQLite as it is, with a say in each call.
class DiskSql : public Sql, public ChecksFresh {
 public:
  Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override;
  Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override;
  Result<CheckResult> check_fresh(const Connection&, CheckKind, const SqlLimits&, Arrival*, std::stop_token) override;
  Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&, std::stop_token) override;
  Result<bool> is_locked(const Connection&) override;
  Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) override;
  Result<void> fold(const Connection&, std::stop_token) override;
  Result<std::unique_ptr<SqlSession>> open_to_read(const Connection& connection, const SqlLimits& limits,
                                                   std::stop_token stop) override {
    if (before) {
      if (std::optional<Error> error = before("open_to_read")) return pass(*error);
    }
    return real_.open_to_read(connection, limits, std::move(stop));
  }
  Result<std::unique_ptr<SqlSession>> open_to_write(const Connection& connection, const SqlLimits& limits,
                                                    std::stop_token stop) override {
    return real_.open_to_write(connection, limits, std::move(stop));
  }
  Result<void> copy_to(const Connection&, const std::string& to, std::stop_token, const CopyProgress&) override;
  Result<void> load_dump(const Connection&, ReadFile&, std::stop_token, const CopyProgress&) override;
  Result<std::vector<std::pair<std::string, Value>>> client_environment(const Connection& connection) override {
    return real_.client_environment(connection);
  }

  std::function<std::optional<Error>(std::string_view call)> before;
  std::string pretend_damaged;      // the path of a database that no check finds sound
  std::vector<std::string> checks;  // that were asked for; read it when none is running

 private:
  std::optional<CheckResult> asked(const Connection& connection, const std::string& how);
  std::mutex mutex_;  // of `checks`
  RealSql real_;
};

// Marks of one attempt in a file: what was synced before a kill is there afterwards.
class FileMarks : public Marks {
 public:
  explicit FileMarks(std::string path) : path_(std::move(path)) {}
  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>& settle) override;
  [[nodiscard]] Map values() const;  // of the marks that have their outcome
  std::function<void(std::string_view what)> before_store;
  std::vector<std::string> ran;  // names whose body ran in this process
  bool is_broken = false;        // refuses to store

 private:
  struct Record {
    bool intent_open = false;
    std::optional<Value> value;
  };
  Result<void> store(const std::string& kind, const std::string& name, const Value& value);
  std::map<std::string, Record> load() const;
  std::string path_;
};

// As if it had been killed before the outcome of this mark was stored.
void forget(const std::string& marks, std::string_view name);

class FixedClock : public Clock {
 public:
  Timestamp now() override { return at; }
  Duration boot() override { return {}; }
  Timestamp at = *parse_timestamp("2026-11-22T00:00:00Z");
};

class NoWorld : public Http, public Processes, public Entropy, public SqlTrial, public Scratch {
 public:
  Result<HttpResponse> fetch(const HttpRequest&, std::stop_token) override { return none(); }
  Result<HttpResponse> send(const HttpRequest&, std::stop_token) override { return none(); }
  Result<ProcessEnd> observe(const Command&, std::stop_token) override { return none(); }
  Result<ProcessEnd> run(const ChildKey&, const Command&, std::stop_token) override { return none(); }
  Result<std::optional<ProcessEnd>> recover(const ChildKey&, std::stop_token) override { return none(); }
  Result<std::vector<std::string>> end_left(const ChildKey&, const std::vector<RunningProcess>&) override {
    return none();
  }
  void committed(const ChildKey&) override {}
  std::string bytes(size_t count) override {
    // Never the same twice, and the same in every run of a test.
    std::string out;
    while (out.size() < count) out += static_cast<char>(drawn_++ * 167 + 13);
    return out.substr(0, count);
  }
  Result<TrialResult> attempt(const Connection&, const SqlText&, int, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<std::string> directory() override { return none(); }

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::refused, "a restore has no business here"); }
  unsigned drawn_ = 0;
};

class NoActions : public Actions {
 public:
  Result<Value> call(std::string_view, std::string_view, const Map&) override {
    return fail(ErrorCode::invalid, "none");
  }
};
class NoStreams : public Streams {
 public:
  void keep(std::string_view, CapturedStream) override {}
};
class SeenProgress : public Progress {
 public:
  void at(int64_t done, int64_t total, std::string_view) override {
    last_done = done;
    last_total = total;
  }
  int64_t last_done = 0, last_total = 0;
};

// A step `restore` in a directory of its own.
struct Stage {
  TemporaryDirectory directory;
  DiskFiles files;
  DiskSql sql;
  FixedClock clock;
  NoWorld nothing;
  NoActions no_actions;
  NoStreams no_streams;
  SeenProgress progress;
  std::stop_source stop;
  Action action;
  std::unique_ptr<FileMarks> marks;
  Processes* processes = nullptr;  // none: no program may be run
  int attempt = 1;
  Stage();

  [[nodiscard]] Look look() { return {clock, files, sql, nothing, nothing}; }
  [[nodiscard]] Touch touch() { return {look(), files, sql, nothing, processes ? *processes : nothing, nothing}; }
  [[nodiscard]] Result<StepOutput> restore(const Map& args, bool after_crash = false);
  [[nodiscard]] Result<StepOutput> backup(const Map& args, bool after_crash = false);
  [[nodiscard]] Result<StepOutput> list(const std::string& replica);
  [[nodiscard]] Result<Preview> preview(const Map& args);
  [[nodiscard]] Result<StepOutput> rollback(const Map& args, const StepOutput& done, bool after_crash = false,
                                            bool knows_marks = false);
  // The replica of the fixture, file times kept.
  [[nodiscard]] std::string unpack_replica();
  // {target: {sqlite: target}, from: {litestream: replica}, at}
  [[nodiscard]] static Map args(const std::string& target, const std::string& replica, const std::string& at = "");
};

struct Checkpoint {
  std::string name, generation, content_sha256, restored_db_sha256;
  Timestamp at;
  int64_t orders = 0, audit = 0, snapshot_index = 0, segments = 0;
};
[[nodiscard]] std::vector<Checkpoint> checkpoints();
[[nodiscard]] const Checkpoint& checkpoint(const std::string& name);

// By the rule of the fixture's manifest.
[[nodiscard]] std::string content_sha256(const std::string& database);
[[nodiscard]] int64_t count(const std::string& database, const std::string& table);
void execute(const std::string& database, const std::string& sql);
// A database in WAL mode whose -wal holds rows that its main file does not, with nobody having it open.
void make_old_database(const std::string& path);
[[nodiscard]] std::string bytes_of(const std::string& path);
void write_bytes(const std::string& path, const std::string& bytes);
// As the original was: size is free, times are kept.
void write_keeping_time(const std::string& path, const std::string& bytes);
[[nodiscard]] bool exists(const std::string& path);
[[nodiscard]] std::vector<std::string> names_in(const std::string& directory);
// An LZ4 frame of stored blocks with a content checksum, made without the library under test.
[[nodiscard]] std::string lz4_frame_of(const std::string& content);
// Every file of a directory with the digest of its bytes.
[[nodiscard]] std::map<std::string, std::string> contents_of(const std::string& directory);

}  // namespace muster::restore_tests
