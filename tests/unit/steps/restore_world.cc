#include "tests/unit/steps/restore_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
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

FileStatus status_of(const struct stat& raw) {
  FileStatus out;
  out.kind = S_ISREG(raw.st_mode)   ? FileKind::file
             : S_ISDIR(raw.st_mode) ? FileKind::directory
             : S_ISLNK(raw.st_mode) ? FileKind::symlink
                                    : FileKind::other;
  out.size = static_cast<uint64_t>(raw.st_size);
  out.modified.us = raw.st_mtim.tv_sec * 1'000'000 + raw.st_mtim.tv_nsec / 1000;
  out.mode = raw.st_mode & 07777;
  out.uid = raw.st_uid;
  out.gid = raw.st_gid;
  out.device = raw.st_dev;
  out.inode = raw.st_ino;
  out.links = raw.st_nlink;
  return out;
}

class DiskReader : public ReadFile {
 public:
  explicit DiskReader(UniqueFd fd) : fd_(std::move(fd)) {}
  Result<std::string> read(size_t size) override {
    std::string bytes(size, '\0');
    ssize_t n = ::read(fd_.get(), bytes.data(), size);
    if (n < 0) return system_error("read");
    bytes.resize(static_cast<size_t>(n));
    return bytes;
  }
  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::string bytes(size, '\0');
    ssize_t n = ::pread(fd_.get(), bytes.data(), size, static_cast<off_t>(offset));
    if (n < 0) return system_error("pread");
    bytes.resize(static_cast<size_t>(n));
    return bytes;
  }

 private:
  UniqueFd fd_;
};

using Hook = std::function<std::optional<Error>(std::string_view)>;

class DiskWriter : public WriteFile {
 public:
  DiskWriter(UniqueFd fd, Hook before) : fd_(std::move(fd)), before_(std::move(before)) {}
  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    if (before_) {
      if (std::optional<Error> error = before_("write_at")) return pass(*error);
    }
    ssize_t n = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n != static_cast<ssize_t>(bytes.size())) return system_error("pwrite");
    return {};
  }
  Result<void> truncate(uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return system_error("ftruncate");
    return {};
  }
  Result<void> sync() override {
    if (before_) {
      if (std::optional<Error> error = before_("sync")) return pass(*error);
    }
    if (::fdatasync(fd_.get()) != 0) return system_error("fdatasync");
    return {};
  }

 private:
  UniqueFd fd_;
  Hook before_;
};

}  // namespace

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (fs::temp_directory_path() / "muster-restore-XXXXXX").string();
  path_ = fs::canonical(::mkdtemp(pattern.data())).string();
}
TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

#define MUSTER_ASK_BEFORE(call)                                         \
  do {                                                                  \
    if (before) {                                                       \
      if (std::optional<Error> error = before(call)) return pass(*error); \
    }                                                                   \
  } while (false)

Result<std::optional<FileStatus>> DiskFiles::status(const std::string& path) {
  MUSTER_ASK_BEFORE("status");
  struct stat raw{};
  if (::lstat(path.c_str(), &raw) == 0) return std::optional<FileStatus>(status_of(raw));
  if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileStatus>();
  return system_error(path);
}

Result<std::vector<DirectoryEntry>> DiskFiles::list(const std::string& directory) {
  MUSTER_ASK_BEFORE("list");
  DIR* open_directory = ::opendir(directory.c_str());
  if (!open_directory) return system_error(directory);
  std::vector<DirectoryEntry> entries;
  while (dirent* entry = ::readdir(open_directory)) {
    std::string name = entry->d_name;
    struct stat raw{};
    if (name == "." || name == ".." || ::lstat((directory + "/" + name).c_str(), &raw) != 0) continue;
    entries.push_back({name, status_of(raw)});
  }
  ::closedir(open_directory);
  std::ranges::sort(entries, {}, &DirectoryEntry::name);
  return entries;
}

Result<std::string> DiskFiles::read(const std::string& path, uint64_t limit_bytes) {
  Result<std::unique_ptr<ReadFile>> file = open(path);
  if (!file) return pass(file.error());
  return (*file)->read(limit_bytes);
}

Result<std::unique_ptr<ReadFile>> DiskFiles::open(const std::string& path) {
  MUSTER_ASK_BEFORE("open");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error(path);
  return std::make_unique<DiskReader>(std::move(fd));
}

Result<std::string> DiskFiles::canonical(const std::string& path) {
  char* real = ::realpath(path.c_str(), nullptr);
  if (!real) return system_error(path);
  std::string out(real);
  ::free(real);
  return out;
}

Result<uint64_t> DiskFiles::free_bytes(const std::string& directory) {
  MUSTER_ASK_BEFORE("free_bytes");
  if (free_bytes_left) return *free_bytes_left;
  struct statvfs raw{};
  if (::statvfs(directory.c_str(), &raw) != 0) return system_error(directory);
  return uint64_t{raw.f_bavail} * raw.f_frsize;
}

Result<std::vector<Holder>> DiskFiles::holders(const std::vector<std::string>&) {
  MUSTER_ASK_BEFORE("holders");
  return pretended_holders;
}

bool DiskFiles::is_writable(const std::string& directory) {
  if (before && before("is_writable")) return false;
  return ::access(directory.c_str(), W_OK) == 0;
}

Result<std::unique_ptr<WriteFile>> DiskFiles::create(const std::string& path) {
  MUSTER_ASK_BEFORE("create");
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return system_error(path);
  return std::make_unique<DiskWriter>(std::move(fd), before);
}

Result<void> DiskFiles::make_directory(const std::string& path) {
  MUSTER_ASK_BEFORE("make_directory");
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return system_error(path);
  return {};
}

Result<void> DiskFiles::rename(const std::string& from, const std::string& to) {
  MUSTER_ASK_BEFORE("rename");
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error(from);
  return {};
}

Result<void> DiskFiles::rename_new(const std::string& from, const std::string& to) {
  MUSTER_ASK_BEFORE("rename_new");
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) != 0) return system_error(from);
  return {};
}

Result<void> DiskFiles::exchange(const std::string& a, const std::string& b) {
  MUSTER_ASK_BEFORE("exchange");
  if (::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) != 0) return system_error(a);
  return {};
}

Result<void> DiskFiles::remove(const std::string& path) {
  MUSTER_ASK_BEFORE("remove");
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return system_error(path);
  return {};
}

Result<void> DiskFiles::remove_tree(const std::string& path) {
  MUSTER_ASK_BEFORE("remove_tree");
  std::error_code code;
  fs::remove_all(path, code);
  if (code) return fail(ErrorCode::storage, code.message());
  return {};
}

Result<void> DiskFiles::sync_directory(const std::string& path) {
  MUSTER_ASK_BEFORE("sync_directory");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return system_error(path);
  return {};
}

Result<void> DiskFiles::set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) {
  MUSTER_ASK_BEFORE("set_owner_and_mode");
  if (::chown(path.c_str(), uid, gid) != 0 || ::chmod(path.c_str(), mode) != 0) return system_error(path);
  return {};
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

tl::unexpected<Error> sql_error(sqlite3* handle) {
  int code = sqlite3_errcode(handle) & 0xff;
  ErrorCode ours = code == SQLITE_BUSY || code == SQLITE_LOCKED       ? ErrorCode::busy
                   : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ErrorCode::corrupt
                                                                      : ErrorCode::failed;
  return fail(ours, sqlite3_errmsg(handle));
}

Result<std::vector<std::vector<std::string>>> rows_of(sqlite3* handle, const std::string& text,
                                                      std::vector<std::string>* columns = nullptr) {
  std::vector<std::vector<std::string>> rows;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle, text.c_str(), -1, &statement, nullptr) != SQLITE_OK) return sql_error(handle);
  if (columns) {
    for (int i = 0; i < sqlite3_column_count(statement); ++i) columns->push_back(sqlite3_column_name(statement, i));
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
  Result<std::vector<std::vector<std::string>>> out = std::move(rows);
  if (rc != SQLITE_DONE) out = sql_error(handle);
  sqlite3_finalize(statement);
  return out;
}

std::string path_of(const Connection& connection) { return text_of(connection.settings, "path"); }

}  // namespace

Result<SqlResult> DiskSql::query(const Connection& connection, const SqlText& sql, const SqlLimits&, std::stop_token) {
  MUSTER_ASK_BEFORE("query");
  std::string text = sql.text;
  for (const auto& [name, value] : sql.names) {
    std::string from = ":\"" + name + "\"", to = "\"" + to_text(value) + "\"";
    if (size_t at = text.find(from); at != std::string::npos) text.replace(at, from.size(), to);
  }
  Database database(path_of(connection), SQLITE_OPEN_READONLY);
  if (database.rc != SQLITE_OK) return sql_error(database.handle);
  SqlResult result;
  Result<std::vector<std::vector<std::string>>> rows = rows_of(database.handle, text, &result.columns);
  if (!rows) return pass(rows.error());
  for (const std::vector<std::string>& row : *rows) {
    Map map;
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string& column = result.columns[i];
      map[column] = column == "n" ? Value(std::stoll(row[i])) : Value(row[i]);
    }
    result.rows.push_back(std::move(map));
  }
  result.row_count = static_cast<int64_t>(result.rows.size());
  return result;
}

Result<CheckResult> DiskSql::check(const Connection& connection, CheckKind kind, const SqlLimits&, std::stop_token) {
  MUSTER_ASK_BEFORE("check");
  if (!pretend_damaged.empty() && path_of(connection) == pretend_damaged) return CheckResult{false, {"pretended damage"}};
  Database database(path_of(connection), SQLITE_OPEN_READONLY);
  if (database.rc != SQLITE_OK) return CheckResult{false, {"missing"}};
  Result<std::vector<std::vector<std::string>>> rows =
      rows_of(database.handle, kind == CheckKind::quick ? "PRAGMA quick_check(20)" : "PRAGMA integrity_check(20)");
  if (!rows) return CheckResult{false, {rows.error().message}};
  CheckResult result;
  for (const std::vector<std::string>& row : *rows) result.problems.push_back(row.front());
  result.intact = result.problems == std::vector<std::string>{"ok"};
  if (result.intact) result.problems.clear();
  return result;
}

Result<bool> DiskSql::is_locked(const Connection& connection) {
  MUSTER_ASK_BEFORE("is_locked");
  // As POSIX locks tell: opening the database here would itself write beside it.
  UniqueFd fd(::open(path_of(connection).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error(path_of(connection));
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 512;
  if (::fcntl(fd.get(), F_OFD_GETLK, &lock) != 0) return system_error("fcntl");
  return lock.l_type != F_UNLCK;
}

Result<SqlResult> DiskSql::execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) {
  return fail(ErrorCode::refused, "a restore writes no SQL");
}

Result<void> DiskSql::fold(const Connection& connection, std::stop_token) {
  MUSTER_ASK_BEFORE("fold");
  Database database(path_of(connection), SQLITE_OPEN_READWRITE);
  if (database.rc != SQLITE_OK) return sql_error(database.handle);
  Result<std::vector<std::vector<std::string>>> mode = rows_of(database.handle, "PRAGMA journal_mode = DELETE");
  if (!mode) return pass(mode.error());
  if (mode->empty() || mode->front().front() != "delete") return fail(ErrorCode::busy, "the database is in use");
  return {};
}

#undef MUSTER_ASK_BEFORE

// --- marks ----------------------------------------------------------------------------------------------------------

Result<void> FileMarks::store(const std::string& kind, const std::string& name, const Value& value) {
  if (before_store) before_store(kind + " " + name);
  if (is_broken) return fail(ErrorCode::storage, "the journal is full", {}, Certainty::maybe);
  std::string line = encode_value(Map{{"kind", kind}, {"name", name}, {"value", value}}) + "\n";
  UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!fd || ::write(fd.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) || ::fsync(fd.get()) != 0) {
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
  StepInput input{args, run, op, attempt, "key", {}, stop.get_token(), *marks, no_actions, progress, no_streams, after_crash};
  Touch ports = touch();
  return action.act(input, ports);
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

Result<StepOutput> Stage::rollback(const Map& args, const StepOutput& done, bool after_crash) {
  marks = std::make_unique<FileMarks>(directory / "marks-rollback");
  OpId op{"replace/restored~rollback/auto"};
  std::string run = "r1";
  StepInput input{args, run, op, 1, "key", {}, stop.get_token(), *marks, no_actions, progress, no_streams, after_crash};
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
  for (const char* query : {"SELECT id, customer, cents, note FROM orders ORDER BY id", "SELECT id, what, at FROM audit ORDER BY id"}) {
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
  EXPECT_EQ(sqlite3_exec(database.handle, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK) << (message ? message : "");
  sqlite3_free(message);
}

void make_old_database(const std::string& path) {
  std::string scratch = path + ".made";
  {
    Database database(scratch, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    sqlite3_exec(database.handle,
                 "PRAGMA journal_mode = WAL; CREATE TABLE old (id INTEGER PRIMARY KEY, t TEXT); INSERT INTO old VALUES (1, 'in main');"
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
  struct stat raw{};
  return ::lstat(path.c_str(), &raw) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) names.push_back(entry.path().filename().string());
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
