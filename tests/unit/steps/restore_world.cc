#include "tests/unit/steps/restore_world.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/base/unique_fd.h"
#include "steps/steps.h"

namespace muster::restore_tests {

namespace fs = std::filesystem;

namespace {

tl::unexpected<Error> system_error(const std::string& path) {
  ErrorCode code = errno == ENOENT ? ErrorCode::not_found : errno == EACCES ? ErrorCode::refused : ErrorCode::storage;
  return fail(code, path + ": " + std::strerror(errno));
}

using Hook = std::function<std::optional<Error>(std::string_view)>;

class AskedWriter : public WriteFile {
 public:
  AskedWriter(std::unique_ptr<WriteFile> real, Hook before) : real_(std::move(real)), before_(std::move(before)) {}
  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    if (std::optional<Error> error = ask("write_at")) return pass(*error);
    return real_->write_at(offset, bytes);
  }
  Result<void> truncate(uint64_t size) override {
    if (std::optional<Error> error = ask("truncate")) return pass(*error);
    return real_->truncate(size);
  }
  Result<void> sync() override {
    if (std::optional<Error> error = ask("sync")) return pass(*error);
    return real_->sync();
  }

 private:
  std::optional<Error> ask(std::string_view call) { return before_ ? before_(call) : std::nullopt; }
  std::unique_ptr<WriteFile> real_;
  Hook before_;
};

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  // In memory where there is such a place: the kills here are of processes, and syncing real disks takes its time.
  bool has_memory = ::access("/dev/shm", W_OK) == 0;
  std::string pattern = (has_memory ? fs::path("/dev/shm") : fs::temp_directory_path()) / "muster-restore-XXXXXX";
  path_ = fs::canonical(::mkdtemp(pattern.data())).string();
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

#define MUSTER_ASK_BEFORE(call)                                           \
  do {                                                                    \
    if (before) {                                                         \
      if (std::optional<Error> error = before(call)) return pass(*error); \
    }                                                                     \
  } while (false)

Result<uint64_t> DiskFiles::free_bytes(const std::string& directory) {
  if (free_bytes_left) return *free_bytes_left;
  return asked("free_bytes", &Files::free_bytes, directory);
}

Result<std::vector<Holder>> DiskFiles::holders(const std::vector<std::string>& paths) {
  if (!looks_for_holders) {
    std::optional<Error> error = before ? before("holders") : std::nullopt;
    if (error) return pass(*error);
    return pretended_holders;
  }
  Result<std::vector<Holder>> found = asked("holders", &Files::holders, paths);
  if (found && !pretended_holders.empty()) return pretended_holders;
  return found;
}

bool DiskFiles::is_writable(const std::string& directory) {
  if (before && before("is_writable")) return false;
  return real_.is_writable(directory);
}

Result<std::unique_ptr<WriteFile>> DiskFiles::create(const std::string& path) {
  Result<std::unique_ptr<WriteFile>> file = asked("create", &Files::create, path);
  if (!file) return file;
  return std::make_unique<AskedWriter>(std::move(*file), before);
}

// --- SQLite ---------------------------------------------------------------------------------------------------------

namespace {

struct Database {
  explicit Database(const std::string& path, int flags) {
    rc = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
    sqlite3_busy_timeout(handle, 200);
  }
  ~Database() { sqlite3_close_v2(handle); }
  sqlite3* handle = nullptr;
  int rc = 0;
};

Result<std::vector<std::vector<std::string>>> rows_of(sqlite3* handle, const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle, text.c_str(), -1, &statement, nullptr) != SQLITE_OK) {
    return fail(ErrorCode::failed, sqlite3_errmsg(handle));
  }
  int rc;
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
    std::vector<std::string> row;
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      const unsigned char* cell = sqlite3_column_text(statement, i);
      row.push_back(cell ? reinterpret_cast<const char*>(cell) : "");
    }
    rows.push_back(std::move(row));
  }
  sqlite3_finalize(statement);
  if (rc != SQLITE_DONE) return fail(ErrorCode::failed, sqlite3_errmsg(handle));
  return rows;
}

}  // namespace

Result<SqlResult> DiskSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                 std::stop_token token) {
  MUSTER_ASK_BEFORE("query");
  return real_.query(connection, sql, limits, token);
}

std::optional<CheckResult> DiskSql::asked(const Connection& connection, const std::string& how) {
  {
    std::lock_guard lock(mutex_);
    checks.push_back(how);
  }
  if (pretend_damaged.empty() || text_of(connection.settings, "path") != pretend_damaged) return std::nullopt;
  return CheckResult{false, {"pretended damage"}};
}

Result<CheckResult> DiskSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                   std::stop_token token) {
  MUSTER_ASK_BEFORE("check");
  if (std::optional<CheckResult> pretended = asked(connection, kind == CheckKind::quick ? "quick" : "integrity"))
    return *pretended;
  return real_.check(connection, kind, limits, token);
}

Result<CheckResult> DiskSql::check_fresh(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                         Arrival* arrival, std::stop_token token) {
  if (!arrival) MUSTER_ASK_BEFORE("check");
  const std::string how =
      std::string(kind == CheckKind::quick ? "quick" : "integrity") + (arrival ? ", while it arrives" : ", mapped");
  if (std::optional<CheckResult> pretended = asked(connection, how)) return *pretended;
  return real_.check_fresh(connection, kind, limits, arrival, token);
}

Result<bool> DiskSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                 std::stop_token stop) {
  MUSTER_ASK_BEFORE("has_marker");
  return real_.has_marker(connection, marker, limits, std::move(stop));
}

Result<bool> DiskSql::is_locked(const Connection& connection) {
  MUSTER_ASK_BEFORE("is_locked");
  return real_.is_locked(connection);
}

Result<SqlResult> DiskSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                   std::stop_token stop) {
  MUSTER_ASK_BEFORE("execute");
  if (connection.kind == "postgres") return real_.execute(connection, sql, options, std::move(stop));
  return fail(ErrorCode::refused, "a restore of files writes no SQL");
}

Result<void> DiskSql::fold(const Connection& connection, std::stop_token token) {
  MUSTER_ASK_BEFORE("fold");
  return real_.fold(connection, token);
}

Result<void> DiskSql::copy_to(const Connection& connection, const std::string& to, std::stop_token token,
                              const CopyProgress& progress) {
  MUSTER_ASK_BEFORE("copy_to");
  return real_.copy_to(connection, to, token, progress);
}

Result<void> DiskSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token token,
                                const CopyProgress& progress) {
  MUSTER_ASK_BEFORE("load_dump");
  return real_.load_dump(connection, dump, token, progress);
}

#undef MUSTER_ASK_BEFORE

// --- marks ----------------------------------------------------------------------------------------------------------

Result<void> FileMarks::store(const std::string& kind, const std::string& name, const Value& value) {
  if (before_store) before_store(kind + " " + name);
  if (is_broken) return fail(ErrorCode::storage, "the journal is full", {}, Certainty::maybe);
  std::string line = encode_value(Map{{"kind", kind}, {"name", name}, {"value", value}}) + "\n";
  UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::fsync(fd.get()) != 0) {
    return system_error(path_);
  }
  return {};
}

std::map<std::string, FileMarks::Record> FileMarks::load() const {
  std::map<std::string, Record> records;
  std::ifstream in(path_);
  std::string line;
  while (std::getline(in, line)) {
    Result<Value> value = decode_value(line);
    if (!value) continue;  // cut by the kill
    Record& record = records[text_of(value->get<Map>(), "name")];
    record.intent_open = text_of(value->get<Map>(), "kind") == "intent";
    if (!record.intent_open) record.value = *member(*value, "value");
  }
  return records;
}

void forget(const std::string& marks, std::string_view name) {
  std::string kept;
  std::ifstream in(marks);
  for (std::string line; std::getline(in, line);) {
    Result<Value> value = decode_value(line);
    bool is_it = value && text_of(value->get<Map>(), "kind") == "mark" && text_of(value->get<Map>(), "name") == name;
    if (!is_it) kept += line + "\n";
  }
  write_bytes(marks, kept);
}

Map FileMarks::values() const {
  Map values;
  for (const auto& [name, record] : load())
    if (record.value) values.emplace(name, *record.value);
  return values;
}

Result<Value> FileMarks::once(std::string_view name_view, Effect effect, const std::function<Result<Value>()>& body,
                              const std::function<Result<Settled>()>& settle) {
  std::string name(name_view);
  Record record = load()[name];
  if (record.value) return *record.value;
  if (record.intent_open) {
    if (!settle) return fail(ErrorCode::in_doubt, "`" + name + "` is in doubt", {}, Certainty::maybe);
    Result<Settled> settled = settle();
    if (!settled) return pass(settled.error());
    if (settled->answer == Settled::Answer::cannot_tell) {
      return fail(ErrorCode::in_doubt, "`" + name + "` is in doubt", {}, Certainty::maybe);
    }
    if (settled->answer == Settled::Answer::happened) {
      if (Result<void> stored = store("mark", name, settled->value); !stored) return pass(stored.error());
      return settled->value;
    }
  } else if (effect != Effect::read) {
    if (Result<void> stored = store("intent", name, Null{}); !stored) return pass(stored.error());
  }
  ran.push_back(name);
  Result<Value> done = body();
  if (!done) return done;
  if (Result<void> stored = store("mark", name, *done); !stored) return pass(stored.error());
  return done;
}

// --- stage ----------------------------------------------------------------------------------------------------------

Stage::Stage() : action(restore_action()) {}

Result<StepOutput> Stage::restore(const Map& args, bool after_crash) {
  marks = std::make_unique<FileMarks>(directory / ("marks-" + std::to_string(attempt)));
  OpId op{"replace/restored"};
  std::string run = "r1";
  StepInput input{args,   run,        op,       attempt,    "key",      {}, stop.get_token(),
                  *marks, no_actions, progress, no_streams, after_crash};
  Touch ports = touch();
  return action.act(input, ports);
}

Result<StepOutput> Stage::backup(const Map& args, bool after_crash) {
  marks = std::make_unique<FileMarks>(directory / ("marks-backup-" + std::to_string(attempt)));
  OpId op{"nightly/copied"};
  std::string run = "r1";
  StepInput input{args,   run,        op,       attempt,    "key",      {}, stop.get_token(),
                  *marks, no_actions, progress, no_streams, after_crash};
  Touch ports = touch();
  return backup_action().act(input, ports);
}

Result<StepOutput> Stage::list(const std::string& replica) {
  FileMarks unused(directory / "marks-list");
  OpId op{"look/points"};
  std::string run = "r1";
  Map args{{"list", Map{{"litestream", replica}}}};
  StepInput input{args, run, op, 1, "key", {}, stop.get_token(), unused, no_actions, progress, no_streams, false};
  Look ports = look();
  return action.look(input, ports);
}

Result<Preview> Stage::preview(const Map& args) {
  FileMarks unused(directory / "marks-preview");
  OpId op{"replace/restored"};
  std::string run = "r1";
  StepInput input{args, run, op, 1, "key", {}, stop.get_token(), unused, no_actions, progress, no_streams, false};
  Look ports = look();
  Trial trial{nothing, nothing};
  return action.preview(input, ports, trial);
}

Result<StepOutput> Stage::rollback(const Map& args, const StepOutput& done, bool after_crash, bool knows_marks) {
  marks = std::make_unique<FileMarks>(directory / "marks-rollback");
  OpId op{"replace/restored~rollback/auto"};
  std::string run = "r1";
  StepInput input{args, run, op, 1, "key", {}, stop.get_token(), *marks, no_actions, progress, no_streams, after_crash};
  Undone undone{OpId{"replace/restored"}, attempt, {}};
  if (knows_marks) {
    undone.marks = FileMarks(directory / ("marks-" + std::to_string(attempt))).values();
    input.undone = &undone;
  }
  Touch ports = touch();
  return action.rollback(input, done, ports);
}

std::string Stage::unpack_replica() {
  std::string command = "tar -xf " MUSTER_SOURCE_DIR "/tests/fixtures/litestream/replica.tar -C " + directory.path();
  EXPECT_EQ(std::system(command.c_str()), 0);
  return directory / "replica";
}

Map Stage::args(const std::string& target, const std::string& replica, const std::string& at) {
  Map args{{"target", Map{{"sqlite", target}}}, {"from", Map{{"litestream", replica}}}};
  if (!at.empty()) args["at"] = *parse_timestamp(at);
  return args;
}

// --- fixture --------------------------------------------------------------------------------------------------------

std::vector<Checkpoint> checkpoints() {
  Result<Value> manifest = parse_json(bytes_of(MUSTER_SOURCE_DIR "/tests/fixtures/litestream/manifest.json"));
  std::vector<Checkpoint> out;
  for (const Value& entry : member(*manifest, "checkpoints")->get<List>()) {
    const Map& map = entry.get<Map>();
    auto number = [&](std::string_view name) { return member(map, name)->get<int64_t>(); };
    out.push_back({text_of(map, "name"), text_of(map, "generation"), text_of(map, "content_sha256"),
                   text_of(map, "restored_db_sha256"), *parse_timestamp(text_of(map, "timestamp")), number("orders"),
                   number("audit"), number("snapshot_index"), number("wal_segments")});
  }
  return out;
}

const Checkpoint& checkpoint(const std::string& name) {
  static const std::vector<Checkpoint> all = checkpoints();
  return *std::ranges::find(all, name, &Checkpoint::name);
}

std::string content_sha256(const std::string& path) {
  Database database(path, SQLITE_OPEN_READONLY);
  std::string text;
  for (const char* query :
       {"SELECT id, customer, cents, note FROM orders ORDER BY id", "SELECT id, what, at FROM audit ORDER BY id"}) {
    Result<std::vector<std::vector<std::string>>> rows = rows_of(database.handle, query);
    if (!rows) return rows.error().message;
    for (const std::vector<std::string>& row : *rows) {
      for (size_t i = 0; i < row.size(); ++i) text += (i == 0 ? "" : "|") + row[i];
      text += "\n";
    }
  }
  return sha256_hex(text);
}

int64_t count(const std::string& path, const std::string& table) {
  Database database(path, SQLITE_OPEN_READONLY);
  Result<std::vector<std::vector<std::string>>> rows = rows_of(database.handle, "SELECT count(*) FROM " + table);
  return rows ? std::stoll(rows->front().front()) : -1;
}

void execute(const std::string& path, const std::string& sql) {
  Database database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(database.handle, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message ? message : "");
  sqlite3_free(message);
}

void make_old_database(const std::string& path) {
  std::string scratch = path + ".made";
  {
    Database database(scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3_exec(database.handle,
                 "PRAGMA journal_mode = WAL; CREATE TABLE old (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO old VALUES "
                 "(1, 'in main');"
                 "PRAGMA wal_checkpoint(TRUNCATE); INSERT INTO old VALUES (2, 'in the log only');",
                 nullptr, nullptr, nullptr);
    // Copied while open, as a killed writer leaves them.
    write_bytes(path, bytes_of(scratch));
    write_bytes(path + "-wal", bytes_of(scratch + "-wal"));
    write_bytes(path + "-shm", bytes_of(scratch + "-shm"));
  }
  for (const char* suffix : {"", "-wal", "-shm"}) ::unlink((scratch + suffix).c_str());
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

void write_bytes(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

void write_keeping_time(const std::string& path, const std::string& bytes) {
  fs::file_time_type time = fs::last_write_time(path);
  write_bytes(path, bytes);
  fs::last_write_time(path, time);
}

namespace {

// XXH32 with seed 0, from its specification.
uint32_t xxh32(const std::string& data) {
  constexpr uint32_t p1 = 2654435761u, p2 = 2246822519u, p3 = 3266489917u, p4 = 668265263u, p5 = 374761393u;
  auto rotate = [](uint32_t x, int r) { return x << r | x >> (32 - r); };
  auto word = [&](size_t i) {
    uint32_t n = 0;
    for (size_t k = 4; k-- > 0;) n = n << 8 | static_cast<unsigned char>(data[i + k]);
    return n;
  };
  size_t at = 0;
  uint32_t hash = p5;
  if (data.size() >= 16) {
    uint32_t lane[4] = {p1 + p2, p2, 0, 0u - p1};
    for (; at + 16 <= data.size(); at += 16) {
      for (size_t k = 0; k < 4; ++k) lane[k] = rotate(lane[k] + word(at + 4 * k) * p2, 13) * p1;
    }
    hash = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
  }
  hash += static_cast<uint32_t>(data.size());
  for (; at + 4 <= data.size(); at += 4) hash = rotate(hash + word(at) * p3, 17) * p4;
  for (; at < data.size(); ++at) hash = rotate(hash + static_cast<unsigned char>(data[at]) * p5, 11) * p1;
  hash = (hash ^ hash >> 15) * p2;
  hash = (hash ^ hash >> 13) * p3;
  return hash ^ hash >> 16;
}

void put_little_endian(std::string& bytes, uint32_t n) {
  for (int i = 0; i < 4; ++i) bytes += static_cast<char>(n >> (8 * i));
}

}  // namespace

std::string lz4_frame_of(const std::string& content) {
  std::string descriptor("\x64\x70", 2);  // independent blocks, content checksum, blocks up to 4 MB
  std::string frame("\x04\x22\x4d\x18", 4);
  frame += descriptor;
  frame += static_cast<char>(xxh32(descriptor) >> 8);
  for (size_t at = 0; at < content.size(); at += 1 << 20) {
    std::string block = content.substr(at, 1 << 20);
    put_little_endian(frame, static_cast<uint32_t>(block.size()) | 0x80000000u);
    frame += block;
  }
  put_little_endian(frame, 0);
  put_little_endian(frame, xxh32(content));
  return frame;
}

bool exists(const std::string& path) {
  struct stat raw {};
  return ::lstat(path.c_str(), &raw) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::map<std::string, std::string> contents_of(const std::string& directory) {
  std::map<std::string, std::string> contents;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file()) contents[entry.path().string()] = sha256_hex(bytes_of(entry.path().string()));
  }
  return contents;
}

}  // namespace muster::restore_tests
