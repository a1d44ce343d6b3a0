#include "interpreter/world/postgres_connection.h"

#include <dlfcn.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/postgres_values.h"
#include "interpreter/world/statement_telling.h"

namespace muster {

namespace {

using Moment = std::chrono::steady_clock::time_point;

// libpq, loaded at the first use of a connection: the functions that we call, typed by its own header.
struct Libpq {
  decltype(&::PQlibVersion) lib_version;
  decltype(&::PQconninfoParse) conninfo_parse;
  decltype(&::PQconninfoFree) conninfo_free;
  decltype(&::PQfreemem) freemem;
  decltype(&::PQconnectStartParams) connect_start;
  decltype(&::PQconnectPoll) connect_poll;
  decltype(&::PQstatus) status;
  decltype(&::PQsocket) socket;
  decltype(&::PQerrorMessage) error_message;
  decltype(&::PQfinish) finish;
  decltype(&::PQsetnonblocking) set_nonblocking;
  decltype(&::PQsetNoticeProcessor) set_notice_processor;
  decltype(&::PQsendQueryParams) send_query;
  decltype(&::PQsetSingleRowMode) set_single_row_mode;
  decltype(&::PQflush) flush;
  decltype(&::PQconsumeInput) consume_input;
  decltype(&::PQisBusy) is_busy;
  decltype(&::PQgetResult) get_result;
  decltype(&::PQresultStatus) result_status;
  decltype(&::PQresultErrorField) error_field;
  decltype(&::PQclear) clear;
  decltype(&::PQntuples) ntuples;
  decltype(&::PQnfields) nfields;
  decltype(&::PQfname) fname;
  decltype(&::PQftype) ftype;
  decltype(&::PQgetvalue) get_value;
  decltype(&::PQgetlength) get_length;
  decltype(&::PQgetisnull) get_is_null;
  decltype(&::PQcmdTuples) cmd_tuples;
  decltype(&::PQcmdStatus) cmd_status;
  decltype(&::PQtransactionStatus) transaction_status;
  decltype(&::PQgetCancel) get_cancel;
  decltype(&::PQcancel) cancel;
  decltype(&::PQfreeCancel) free_cancel;
  decltype(&::PQputCopyData) put_copy_data;
  decltype(&::PQputCopyEnd) put_copy_end;
};

constexpr int oldest_version = 120000;

template <class F>
bool find(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

Result<Libpq> load() {
  // Never closed: what it has registered with the TLS library stays.
  void* library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);
  if (!library) return fail(ErrorCode::not_found, "libpq could not be loaded", "install the package `libpq5`");
  Libpq f{};
  bool is_whole =
      find(library, "PQlibVersion", f.lib_version) && find(library, "PQconninfoParse", f.conninfo_parse) &&
      find(library, "PQconninfoFree", f.conninfo_free) && find(library, "PQfreemem", f.freemem) &&
      find(library, "PQconnectStartParams", f.connect_start) && find(library, "PQconnectPoll", f.connect_poll) &&
      find(library, "PQstatus", f.status) && find(library, "PQsocket", f.socket) &&
      find(library, "PQerrorMessage", f.error_message) && find(library, "PQfinish", f.finish) &&
      find(library, "PQsetnonblocking", f.set_nonblocking) &&
      find(library, "PQsetNoticeProcessor", f.set_notice_processor) &&
      find(library, "PQsendQueryParams", f.send_query) && find(library, "PQsetSingleRowMode", f.set_single_row_mode) &&
      find(library, "PQflush", f.flush) && find(library, "PQconsumeInput", f.consume_input) &&
      find(library, "PQisBusy", f.is_busy) && find(library, "PQgetResult", f.get_result) &&
      find(library, "PQresultStatus", f.result_status) && find(library, "PQresultErrorField", f.error_field) &&
      find(library, "PQclear", f.clear) && find(library, "PQntuples", f.ntuples) &&
      find(library, "PQnfields", f.nfields) && find(library, "PQfname", f.fname) && find(library, "PQftype", f.ftype) &&
      find(library, "PQgetvalue", f.get_value) && find(library, "PQgetlength", f.get_length) &&
      find(library, "PQgetisnull", f.get_is_null) && find(library, "PQcmdTuples", f.cmd_tuples) &&
      find(library, "PQcmdStatus", f.cmd_status) && find(library, "PQtransactionStatus", f.transaction_status) &&
      find(library, "PQgetCancel", f.get_cancel) && find(library, "PQcancel", f.cancel) &&
      find(library, "PQfreeCancel", f.free_cancel) && find(library, "PQputCopyData", f.put_copy_data) &&
      find(library, "PQputCopyEnd", f.put_copy_end);
  if (!is_whole || f.lib_version() < oldest_version) {
    return fail(ErrorCode::not_found, "libpq 12 or later is needed", "install the package `libpq5`");
  }
  return f;
}

Result<const Libpq*> libpq() {
  static const Result<Libpq> loaded = load();
  if (!loaded) return pass(loaded.error());
  return &*loaded;
}

constexpr std::chrono::seconds longest_connect{30};
constexpr std::chrono::seconds patience_after_cancel{5};
constexpr size_t longest_application_name = 63;
constexpr size_t copy_piece = 1 << 18;

// `run/step` within 63 bytes: the run whole, and the end of the step's path.
std::string application_name(const std::string& label) {
  std::string name = label.empty() ? "muster" : label;
  for (char& c : name)
    if (c < ' ' || c > '~') c = '?';
  if (name.size() <= longest_application_name) return name;
  size_t slash = std::min(name.find('/') + 1, longest_application_name / 2);
  return name.substr(0, slash) + ".." + name.substr(name.size() - (longest_application_name - slash - 2));
}

std::string first_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::string out(text);
  for (char& c : out)
    if (c == '\n' || c == '\t') c = ' ';
  return out;
}

Result<std::string> url_of(const Connection& connection) {
  const Value* url = member(connection.settings, "url");
  std::string text;
  if (const std::string* plain = url ? url->find<std::string>() : nullptr) text = *plain;
  if (const Secret* secret = url ? url->find<Secret>() : nullptr) text = secret->reveal(SecretSink::connection);
  if (text.empty()) return fail(ErrorCode::invalid, "the connection `" + connection.name + "` has no URL");
  if (text.find('\0') != std::string::npos)
    return fail(ErrorCode::invalid, "the URL of the connection `" + connection.name + "` holds a NUL byte");
  if (!text.starts_with("postgres://") && !text.starts_with("postgresql://")) {
    return fail(ErrorCode::invalid, "the URL of the connection `" + connection.name + "` is not PostgreSQL's",
                "write postgres://user@host:5432/database");
  }
  return text;
}

// To be freed by conninfo_free.
Result<PQconninfoOption*> options_of(const Libpq& pq, const std::string& url, const std::string& name) {
  char* why = nullptr;
  PQconninfoOption* options = pq.conninfo_parse(url.c_str(), &why);
  if (options) return options;
  if (why) pq.freemem(why);  // it may quote the password
  return fail(ErrorCode::invalid, "the URL of the connection `" + name + "` cannot be read",
              "write postgres://user@host:5432/database, with %-codes for special characters");
}

// What the server said, by its five letters.
ErrorCode code_of_state(std::string_view state) {
  auto is_class = [&](std::string_view prefix) { return state.starts_with(prefix); };
  if (state == "40001" || state == "40P01" || state == "55P03") return ErrorCode::busy;
  if (state == "57014") return ErrorCode::timeout;
  if (is_class("57P") || is_class("08") || state == "53300") return ErrorCode::unreachable;
  if (is_class("28") || state == "42501" || state == "25006") return ErrorCode::refused;
  if (state == "3D000") return ErrorCode::not_found;
  if (is_class("53") || is_class("58")) return ErrorCode::storage;
  if (state == "XX001" || state == "XX002") return ErrorCode::corrupt;
  return ErrorCode::failed;
}

// Two columns of one name would be one member: the second `id` is `id_2`.
std::vector<std::string> columns_of(const Libpq& pq, const PGresult* result) {
  std::vector<std::string> names;
  for (int i = 0; i < pq.nfields(result); ++i) {
    std::string name = pq.fname(result, i), free_name = name;
    for (int n = 2; std::ranges::find(names, free_name) != names.end(); ++n) free_name = name + "_" + std::to_string(n);
    names.push_back(std::move(free_name));
  }
  return names;
}

class Answer {
 public:
  Answer(const Libpq& pq, PGresult* result) : pq_(&pq), result_(result) {}
  Answer(Answer&& other) noexcept : pq_(other.pq_), result_(std::exchange(other.result_, nullptr)) {}
  Answer& operator=(Answer&& other) noexcept {
    std::swap(result_, other.result_);
    return *this;
  }
  ~Answer() {
    if (result_) pq_->clear(result_);
  }
  [[nodiscard]] PGresult* get() const { return result_; }
  explicit operator bool() const { return result_ != nullptr; }

 private:
  const Libpq* pq_;
  PGresult* result_;
};

class ResultRow final : public SqlRow {
 public:
  ResultRow(const Libpq& pq, const std::vector<std::string>& columns) : pq_(pq), columns_(columns) {}
  void at(const PGresult* result, int row) {
    result_ = result;
    row_ = row;
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  bool is_null(size_t column) const override { return pq_.get_is_null(result_, row_, static_cast<int>(column)) == 1; }
  std::string_view text(size_t column) const override {
    int i = static_cast<int>(column);
    return {pq_.get_value(result_, row_, i), static_cast<size_t>(pq_.get_length(result_, row_, i))};
  }
  Value value(size_t column) const override {
    if (is_null(column)) return Null{};
    return value_of_postgres(text(column), pq_.ftype(result_, static_cast<int>(column)));
  }
  bool is_binary(size_t column) const override {
    constexpr unsigned bytea_type = 17;
    return pq_.ftype(result_, static_cast<int>(column)) == bytea_type && !is_null(column);
  }

 private:
  const Libpq& pq_;
  const std::vector<std::string>& columns_;
  const PGresult* result_ = nullptr;
  int row_ = 0;
};

}  // namespace

struct PostgresConnection::State {
  const Libpq& pq;
  std::string name;  // of the connection, for messages
  PostgresFence fence;
  std::stop_token stop;
  std::optional<Moment> deadline;
  UniqueFd wake;  // written to by a stop
  PGconn* conn = nullptr;
  bool may_interrupt = true;
  bool lost = false;
  int writes = 0;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;

  State(const Libpq& functions, std::string connection, PostgresFence by, std::stop_token token)
      : pq(functions), name(std::move(connection)), fence(by), stop(std::move(token)) {}
  ~State() {
    on_stop.reset();
    if (conn) pq.finish(conn);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  bool is_over_time() const { return deadline && std::chrono::steady_clock::now() >= *deadline; }
  Error ended_early() const {
    bool stopped = stop.stop_requested();
    return fail(stopped ? ErrorCode::interrupted : ErrorCode::timeout,
                "`" + name + "`: " + (stopped ? "stopped before it had ended" : "its time was up before it had ended"))
        .value();
  }
  Error lost_error() const {
    tl::unexpected<Error> error = fail(ErrorCode::unreachable, "`" + name + "`: the connection was lost");
    error.value().cause = first_line(pq.error_message(conn));
    if (!error.value().cause.empty()) error.value().message += ": " + error.value().cause;
    return error.value();
  }

  enum class Waited { ready, must_end, over };
  Waited wait_for(short events, std::optional<Moment> until, bool heeds_stop);
  Result<void> connect(const std::string& url, const Connection& connection);
  Result<void> set_up();
  void cancel();
  Result<void> read_some();
  Result<std::optional<Answer>> next();
  Result<void> send(const std::string& text, const std::vector<PostgresBind>& binds, bool by_row);
  Error error_of(const PGresult* result, const NumberedStatement* statement, const std::string* written) const;
  // Sends one statement; `each` sees every result with rows as it comes.
  Result<int64_t> exchange(const std::string& text, const std::vector<PostgresBind>& binds, bool by_row,
                           const std::function<Result<void>(const PGresult*)>& each, const NumberedStatement* statement,
                           const std::string* written);
  void drain();
};

// Sleeps until the socket is ready. After a cancel it waits no longer than the patience for the server's last words.
PostgresConnection::State::Waited PostgresConnection::State::wait_for(short events, std::optional<Moment> until,
                                                                      bool heeds_stop) {
  while (true) {
    if (heeds_stop && (stop.stop_requested() || is_over_time())) return Waited::must_end;
    std::optional<Moment> end = until;
    if (heeds_stop && deadline && (!end || *deadline < *end)) end = deadline;
    int ms = -1;
    if (end) {
      auto left = std::chrono::ceil<std::chrono::milliseconds>(*end - std::chrono::steady_clock::now()).count();
      ms = static_cast<int>(std::clamp<int64_t>(left, 0, 60'000));
    }
    pollfd fds[2] = {{pq.socket(conn), events, 0}, {wake.get(), POLLIN, 0}};
    int n = ::poll(fds, heeds_stop ? 2 : 1, ms);
    if (n > 0 && fds[0].revents != 0) return Waited::ready;
    if (n == 0 && until && std::chrono::steady_clock::now() >= *until) return Waited::over;
  }
}

Result<void> PostgresConnection::State::connect(const std::string& url, const Connection& connection) {
  wake = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  on_stop.emplace(stop, [this] {
    uint64_t one = 1;
    (void)!::write(wake.get(), &one, sizeof one);
  });
  Result<PQconninfoOption*> parsed = options_of(pq, url, name);
  if (!parsed) return pass(parsed.error());
  PQconninfoOption* options = *parsed;
  std::string database = text_of(connection.settings, "database");
  std::vector<const char*> keys, values;
  for (PQconninfoOption* option = options; option->keyword; ++option) {
    std::string_view keyword = option->keyword;
    bool is_ours = keyword == "application_name" || keyword == "fallback_application_name" ||
                   keyword == "client_encoding" || keyword == "replication" ||
                   (keyword == "dbname" && !database.empty());
    if (!option->val || is_ours) continue;
    keys.push_back(option->keyword);
    values.push_back(option->val);
  }
  if (!database.empty()) {
    keys.push_back("dbname");
    values.push_back(database.c_str());
  }
  std::string application = application_name(connection.label);
  for (auto [key, value] : {std::pair{"application_name", application.c_str()}, {"client_encoding", "UTF8"}}) {
    keys.push_back(key);
    values.push_back(value);
  }
  keys.push_back(nullptr);
  values.push_back(nullptr);
  conn = pq.connect_start(keys.data(), values.data(), 0);
  pq.conninfo_free(options);
  if (!conn) return fail(ErrorCode::storage, "`" + name + "`: no memory for a connection");
  pq.set_notice_processor(
      conn, [](void*, const char*) {}, nullptr);
  Moment until = std::chrono::steady_clock::now() + longest_connect;
  PostgresPollingStatusType wants = PGRES_POLLING_WRITING;
  while (wants != PGRES_POLLING_OK && wants != PGRES_POLLING_FAILED && pq.status(conn) != CONNECTION_BAD) {
    Waited waited = wait_for(wants == PGRES_POLLING_READING ? POLLIN : POLLOUT, until, true);
    if (waited == Waited::must_end) return pass(ended_early());
    if (waited == Waited::over)
      return fail(ErrorCode::unreachable, "`" + name + "`: nobody answered within 30 seconds");
    wants = pq.connect_poll(conn);
  }
  if (wants == PGRES_POLLING_OK) return {};
  tl::unexpected<Error> error = fail(ErrorCode::unreachable, "");
  Error& e = error.value();
  e.cause = first_line(pq.error_message(conn));
  e.message = "`" + name + "`: " + e.cause;
  // libpq gives no code for a connection that was not made, only the server's words.
  auto says = [&](std::string_view words) { return e.cause.find(words) != std::string::npos; };
  if (says("authentication failed") || says("no password supplied") || says("pg_hba.conf") ||
      (says("role \"") && says("does not exist"))) {
    e.code = ErrorCode::refused;
    e.hint = "look at user and password of the URL; a password belongs into `secrets`";
  } else if (says("database \"") && says("does not exist")) {
    e.code = ErrorCode::not_found;
  }
  return error;
}

Result<void> PostgresConnection::State::set_up() {
  int64_t left_ms = 0;
  if (deadline) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*deadline - std::chrono::steady_clock::now());
    // The server's own limit is the second one: ours asks it to cancel, and says why.
    left_ms = std::max<int64_t>(left.count(), 1) + 1'000;
  }
  int64_t lock_ms = fence == PostgresFence::trial ? 5'000 : 30'000;
  std::string settings =
      "SELECT set_config(name, value, false) FROM (VALUES ('TimeZone', 'UTC'), ('DateStyle', 'ISO, YMD'), "
      "('IntervalStyle', 'iso_8601'), ('bytea_output', 'hex'), ('extra_float_digits', '1'), "
      "('standard_conforming_strings', 'on'), ('statement_timeout', '" +
      std::to_string(left_ms) + "'), ('lock_timeout', '" + std::to_string(lock_ms) +
      "'), ('idle_in_transaction_session_timeout', '60000'), ('client_connection_check_interval', '5000'), "
      "('default_transaction_read_only', '" +
      (fence == PostgresFence::query ? "on" : "off") +
      "')) AS wanted (name, value) WHERE name IN (SELECT name FROM pg_settings)";
  // client_connection_check_interval is missing before 14; the subquery's `name` is that of pg_settings.
  size_t at = settings.rfind("WHERE name IN");
  settings.replace(at, std::string::npos, "WHERE EXISTS (SELECT 1 FROM pg_settings s WHERE s.name = wanted.name)");
  Result<int64_t> done = exchange(settings, {}, false, {}, nullptr, nullptr);
  if (!done) return pass(done.error());
  return {};
}

void PostgresConnection::State::cancel() {
  PGcancel* handle = pq.get_cancel(conn);
  if (!handle) return;
  // On a thread of its own: it makes another connection, and nobody waits for one that hangs.
  std::thread([handle, functions = &pq] {
    char why[256];
    (void)functions->cancel(handle, why, sizeof why);
    functions->free_cancel(handle);
  }).detach();
}

// Waits until libpq has a whole result, or the connection is gone.
Result<void> PostgresConnection::State::read_some() {
  bool cancelled = false;
  std::optional<Moment> until;
  while (pq.is_busy(conn) == 1) {
    Waited waited = wait_for(POLLIN, until, may_interrupt && !cancelled);
    if (waited == Waited::must_end) {
      cancelled = true;
      until = std::chrono::steady_clock::now() + patience_after_cancel;
      cancel();
      continue;
    }
    if (waited == Waited::over || pq.consume_input(conn) == 0) {
      lost = true;
      return pass(waited == Waited::over ? ended_early() : lost_error());
    }
  }
  return {};
}

Result<std::optional<Answer>> PostgresConnection::State::next() {
  if (Result<void> read = read_some(); !read) return pass(read.error());
  PGresult* result = pq.get_result(conn);
  if (!result) return std::optional<Answer>();
  return std::optional<Answer>(Answer(pq, result));
}

Result<void> PostgresConnection::State::send(const std::string& text, const std::vector<PostgresBind>& binds,
                                             bool by_row) {
  std::vector<Oid> types;
  std::vector<const char*> values;
  for (const PostgresBind& bind : binds) {
    types.push_back(bind.type);
    values.push_back(bind.text ? bind.text->c_str() : nullptr);
  }
  if (pq.send_query(conn, text.c_str(), static_cast<int>(binds.size()), types.data(), values.data(), nullptr, nullptr,
                    0) == 0) {
    lost = true;
    return pass(lost_error());
  }
  if (by_row) pq.set_single_row_mode(conn);
  while (int left = pq.flush(conn)) {
    if (left < 0) {
      lost = true;
      return pass(lost_error());
    }
    Waited waited = wait_for(POLLIN | POLLOUT, {}, may_interrupt);
    if (waited == Waited::must_end) {
      lost = true;  // half a message was sent: this connection is of no more use
      return pass(ended_early());
    }
    if (pq.consume_input(conn) == 0) {
      lost = true;
      return pass(lost_error());
    }
  }
  return {};
}

Error PostgresConnection::State::error_of(const PGresult* result, const NumberedStatement* statement,
                                          const std::string* written) const {
  auto field = [&](int which) {
    const char* text = pq.error_field(result, which);
    return std::string(text ? text : "");
  };
  Error error;
  std::string state = field(PG_DIAG_SQLSTATE);
  error.code = code_of_state(state);
  error.cause = first_line(field(PG_DIAG_MESSAGE_PRIMARY));
  if (error.cause.empty()) error.cause = first_line(pq.error_message(conn));
  std::string place = "`" + name + "`";
  if (statement && written) {
    size_t at = statement->at;
    std::string position = field(PG_DIAG_STATEMENT_POSITION);
    size_t characters = 0;
    std::from_chars(position.data(), position.data() + position.size(), characters);
    if (characters > 0) {
      size_t byte = 0;
      for (size_t seen = 1; byte < statement->text.size(); ++byte) {
        bool begins = (static_cast<unsigned char>(statement->text[byte]) & 0xc0) != 0x80;
        if (begins && seen++ == characters) break;
      }
      at = statement->origin.written_at(byte);
    }
    place = place_of(*written, std::min(at, written->size()));
  }
  error.message = place + ": " + error.cause;
  if (std::string detail = field(PG_DIAG_MESSAGE_DETAIL); !detail.empty())
    error.message += " (" + first_line(detail) + ")";
  if (std::string hint = field(PG_DIAG_MESSAGE_HINT); !hint.empty()) error.hint = first_line(hint);
  if (error.code == ErrorCode::timeout && stop.stop_requested()) error.code = ErrorCode::interrupted;
  if (state == "57014") {
    error.message =
        place + (stop.stop_requested() ? ": stopped before it had ended" : ": its time was up before it had ended");
  }
  if (state == "42P18") error.hint = "give the value a type in the statement: `:name::text`";
  if (state == "25006") error.hint = "`query` only reads; `execute` writes";
  if (state == "25001") error.hint = "`transaction: false` runs each statement by itself";
  return error;
}

Result<int64_t> PostgresConnection::State::exchange(const std::string& text, const std::vector<PostgresBind>& binds,
                                                    bool by_row,
                                                    const std::function<Result<void>(const PGresult*)>& each,
                                                    const NumberedStatement* statement, const std::string* written) {
  if (lost) return pass(lost_error());
  if (Result<void> sent = send(text, binds, by_row); !sent) return pass(sent.error());
  int64_t changes = 0;
  std::optional<Error> failed;
  while (true) {
    Result<std::optional<Answer>> answer = next();
    if (!answer) return pass(failed ? *failed : answer.error());
    if (!*answer) break;
    PGresult* result = (*answer)->get();
    switch (pq.result_status(result)) {
      case PGRES_SINGLE_TUPLE:
      case PGRES_TUPLES_OK:
      case PGRES_COMMAND_OK: {
        std::string_view command = pq.cmd_status(result);
        bool is_change = command.starts_with("INSERT") || command.starts_with("UPDATE") ||
                         command.starts_with("DELETE") || command.starts_with("MERGE");
        if (is_change) {
          std::string_view count = pq.cmd_tuples(result);
          std::from_chars(count.data(), count.data() + count.size(), changes);
        }
        if (each && !failed && pq.nfields(result) > 0) {
          if (Result<void> seen = each(result); !seen) {
            failed = seen.error();
            cancel();
          }
        }
        break;
      }
      case PGRES_EMPTY_QUERY:
        break;
      case PGRES_COPY_IN:
      case PGRES_COPY_OUT:
      case PGRES_COPY_BOTH:
        return changes;  // the caller goes on with it
      default:
        if (!failed) failed = error_of(result, statement, written);
    }
    if (pq.status(conn) == CONNECTION_BAD) {
      lost = true;
      return pass(failed ? *failed : lost_error());
    }
  }
  if (failed) return pass(std::move(*failed));
  return changes;
}

PostgresConnection::PostgresConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
PostgresConnection::PostgresConnection(PostgresConnection&&) noexcept = default;
PostgresConnection::~PostgresConnection() = default;

Result<PostgresConnection> PostgresConnection::open(const Connection& connection, PostgresFence fence,
                                                    const SqlLimits& limits, std::stop_token stop) {
  Result<std::string> url = url_of(connection);
  if (!url) return pass(url.error());
  Result<const Libpq*> functions = libpq();
  if (!functions) return pass(functions.error());
  auto state = std::make_unique<State>(**functions, connection.name, fence, std::move(stop));
  if (limits.timeout.us > 0)
    state->deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(limits.timeout.us);
  if (Result<void> connected = state->connect(*url, connection); !connected) return pass(connected.error());
  state->pq.set_nonblocking(state->conn, 1);
  if (Result<void> set = state->set_up(); !set) return pass(set.error());
  return PostgresConnection(std::move(state));
}

namespace {

Result<std::vector<PostgresBind>> binds_of(const std::vector<std::string>& names, const Map& bind) {
  std::vector<PostgresBind> binds;
  for (const std::string& name : names) {
    const Value* value = member(bind, name);
    if (!value) return fail(ErrorCode::invalid, "the statement has `:" + name + "`, and `bind` has no such value");
    Result<PostgresBind> one = bind_for_postgres(name, *value);
    if (!one) return pass(one.error());
    binds.push_back(std::move(*one));
  }
  return binds;
}

Result<void> check_fence(PostgresFence fence, const NumberedStatement& statement, const std::string& written) {
  std::optional<std::string> refused = refused_by(fence, statement.tokens);
  if (!refused) return {};
  std::string hint;
  if (*refused == "COPY") {
    hint = "`save` writes a result to a file, `rebuild` copies between databases";
  } else if (fence == PostgresFence::query) {
    hint = "`query` only reads; `execute` writes";
  } else if (fence == PostgresFence::transaction) {
    hint = "`execute` is one transaction already; `transaction: false` leaves that to you";
  }
  return fail(ErrorCode::refused, place_of(written, statement.at) + ": `" + *refused + "` is not allowed here", hint);
}

bool is_reading(const NumberedStatement& statement) {
  const std::string& word = statement.tokens.front().name;
  return word == "select" || word == "values" || word == "table" || word == "show";
}

}  // namespace

Result<SqlResult> PostgresConnection::run(const std::vector<NumberedStatement>& statements, const SqlText& sql,
                                          const SqlLimits& limits) {
  State& state = *state_;
  for (const NumberedStatement& statement : statements) {
    if (Result<void> allowed = check_fence(state.fence, statement, sql.text); !allowed) return pass(allowed.error());
  }
  SqlResult result;
  StatementTelling telling(limits.progress);
  int64_t ended = 0;
  for (const NumberedStatement& statement : statements) {
    // A server tells nothing of a statement that is under way, so what is known are those behind it and rows that came.
    if (telling.is_due()) telling.tell(ended, static_cast<int64_t>(statements.size()), "statements");
    ++ended;
    Result<std::vector<PostgresBind>> binds = binds_of(statement.binds, sql.bind);
    if (!binds) return pass(binds.error());
    bool is_first = true;
    int64_t bytes = 0;
    auto keep = [&](const PGresult* answer) -> Result<void> {
      if (is_first) {
        result.columns = columns_of(state.pq, answer);
        result.rows.clear();
        result.row_count = 0;
        result.truncated = false;
        is_first = false;
      }
      ResultRow row(state.pq, result.columns);
      for (int i = 0; i < state.pq.ntuples(answer); ++i) {
        ++result.row_count;
        if (telling.is_due()) telling.tell(result.row_count, 0, "rows");
        if (result.truncated) continue;
        row.at(answer, i);
        for (size_t column = 0; column < result.columns.size(); ++column)
          bytes += row.is_null(column) ? 8 : static_cast<int64_t>(row.text(column).size());
        result.truncated = static_cast<int64_t>(result.rows.size()) >= limits.max_rows || bytes > limits.max_bytes;
        if (result.truncated) continue;
        Map kept;
        for (size_t column = 0; column < result.columns.size(); ++column)
          kept[result.columns[column]] = row.value(column);
        result.rows.push_back(std::move(kept));
      }
      return {};
    };
    Result<int64_t> changes = state.exchange(statement.text, *binds, true, keep, &statement, &sql.text);
    if (!changes) return pass(changes.error());
    if (!is_reading(statement)) ++state.writes;
    result.changes += *changes;
  }
  return result;
}

Result<void> PostgresConnection::each(const SqlText& sql, const RowSink& sink) {
  State& state = *state_;
  Result<std::vector<NumberedStatement>> statements = numbered_statements(sql);
  if (!statements) return pass(statements.error());
  if (statements->size() != 1) return fail(ErrorCode::invalid, "one statement is expected here");
  const NumberedStatement& statement = statements->front();
  if (Result<void> allowed = check_fence(state.fence, statement, sql.text); !allowed) return allowed;
  Result<std::vector<PostgresBind>> binds = binds_of(statement.binds, sql.bind);
  if (!binds) return pass(binds.error());
  std::vector<std::string> columns;
  auto pass_on = [&](const PGresult* answer) -> Result<void> {
    if (columns.empty()) columns = columns_of(state.pq, answer);
    ResultRow row(state.pq, columns);
    for (int i = 0; i < state.pq.ntuples(answer); ++i) {
      row.at(answer, i);
      if (Result<void> seen = sink(row); !seen) return seen;
    }
    return {};
  };
  Result<int64_t> done = state.exchange(statement.text, *binds, true, pass_on, &statement, &sql.text);
  if (!done) return pass(done.error());
  return {};
}

Result<SqlResult> PostgresConnection::run_own(const std::string& statement, const std::vector<Value>& bind) {
  State& state = *state_;
  std::vector<PostgresBind> binds;
  for (const Value& value : bind) {
    Result<PostgresBind> one = bind_for_postgres("value", value);
    if (!one) return pass(one.error());
    binds.push_back(std::move(*one));
  }
  SqlResult result;
  auto keep = [&](const PGresult* answer) -> Result<void> {
    result.columns = columns_of(state.pq, answer);
    ResultRow row(state.pq, result.columns);
    for (int i = 0; i < state.pq.ntuples(answer); ++i) {
      row.at(answer, i);
      Map kept;
      for (size_t column = 0; column < result.columns.size(); ++column)
        kept[result.columns[column]] = row.value(column);
      result.rows.push_back(std::move(kept));
    }
    result.row_count = static_cast<int64_t>(result.rows.size());
    return {};
  };
  Result<int64_t> changes = state.exchange(statement, binds, false, keep, nullptr, nullptr);
  if (!changes) return pass(changes.error());
  result.changes = *changes;
  return result;
}

Result<void> PostgresConnection::copy_in(const std::string& table, const std::vector<std::string>& columns,
                                         const std::vector<Cells>& rows) {
  std::string statement = "COPY " + table + " (";
  for (size_t i = 0; i < columns.size(); ++i) {
    Result<std::string> quoted = quote_identifier(columns[i]);
    if (!quoted) return pass(quoted.error());
    statement += (i > 0 ? ", " : "") + *quoted;
  }
  size_t done = 0;
  return copy_lines(statement + ") FROM STDIN", [&]() -> Result<std::string> {
    std::string lines;
    for (; done < rows.size() && lines.size() <= copy_piece; ++done) {
      const Cells& row = rows[done];
      for (size_t i = 0; i < row.size(); ++i) {
        Result<PostgresBind> cell = bind_for_postgres(columns[i], row[i]);
        if (!cell) return pass(cell.error());
        lines += (i > 0 ? "\t" : "") + copy_cell(*cell);
      }
      lines += '\n';
    }
    return lines;
  });
}

Result<void> PostgresConnection::copy_lines(const std::string& statement,
                                            const std::function<Result<std::string>()>& next_piece) {
  State& state = *state_;
  Result<int64_t> begun = state.exchange(statement, {}, false, {}, nullptr, nullptr);
  if (!begun) return pass(begun.error());
  std::optional<Error> failed;
  // A connection that is gone takes nothing, and says so at the end.
  bool is_broken = false;
  while (!failed && !is_broken) {
    if (state.stop.stop_requested() || state.is_over_time()) {
      failed = state.ended_early();
      break;
    }
    Result<std::string> lines = next_piece();
    if (!lines) failed = lines.error();
    if (!lines || lines->empty()) break;
    int put = 0;
    while ((put = state.pq.put_copy_data(state.conn, lines->data(), static_cast<int>(lines->size()))) == 0)
      (void)state.wait_for(POLLOUT, {}, false);
    is_broken = put < 0;
    // Nothing piles up on our side: the next piece is read when this one has gone.
    while (!is_broken && state.pq.flush(state.conn) == 1) (void)state.wait_for(POLLOUT, {}, false);
  }
  int ended = 0;
  while (!is_broken && (ended = state.pq.put_copy_end(state.conn, failed ? "given up" : nullptr)) == 0)
    (void)state.wait_for(POLLOUT, {}, false);
  while (state.pq.flush(state.conn) == 1) (void)state.wait_for(POLLOUT, {}, false);
  while (true) {
    Result<std::optional<Answer>> answer = state.next();
    if (!answer) return pass(failed ? *failed : answer.error());
    if (!*answer) break;
    if (state.pq.result_status((*answer)->get()) == PGRES_FATAL_ERROR && !failed)
      failed = state.error_of((*answer)->get(), nullptr, nullptr);
  }
  if (failed) return pass(std::move(*failed));
  return {};
}

Result<std::vector<std::pair<std::string, Value>>> libpq_environment(const Connection& connection) {
  Result<std::string> url = url_of(connection);
  if (!url) return pass(url.error());
  Result<const Libpq*> functions = libpq();
  if (!functions) return pass(functions.error());
  const Libpq& pq = **functions;
  Result<PQconninfoOption*> options = options_of(pq, *url, connection.name);
  if (!options) return pass(options.error());
  std::string database = text_of(connection.settings, "database");
  std::vector<std::pair<std::string, Value>> variables;
  for (const PQconninfoOption* option = *options; option->keyword; ++option) {
    std::string_view keyword = option->keyword;
    // Options without a variable of their own (keepalives) change how a connection is kept, not where it leads.
    bool is_ours =
        keyword == "application_name" || keyword == "client_encoding" || (keyword == "dbname" && !database.empty());
    if (!option->val || !option->envvar || is_ours) continue;
    if (keyword == "password" || keyword == "sslpassword") {
      variables.emplace_back(option->envvar, Secret("password", option->val));
    } else {
      variables.emplace_back(option->envvar, std::string(option->val));
    }
  }
  pq.conninfo_free(*options);
  if (!database.empty()) variables.emplace_back("PGDATABASE", database);
  variables.emplace_back("PGAPPNAME", application_name(connection.label));
  return variables;
}

Result<void> PostgresConnection::commit() {
  State& state = *state_;
  // The point of no return: a COMMIT that is cut short would be neither.
  state.may_interrupt = false;
  bool was_aborted = state.pq.transaction_status(state.conn) == PQTRANS_INERROR;
  Result<int64_t> done = state.exchange("COMMIT", {}, false, {}, nullptr, nullptr);
  state.may_interrupt = true;
  if (done && !was_aborted) return {};
  if (done) return fail(ErrorCode::failed, "`" + state.name + "`: the transaction had failed and was rolled back");
  Error error = done.error();
  // An answer that is an error is the server's word that it was rolled back; without one nobody knows.
  error.effect = state.lost || error.code == ErrorCode::unreachable ? Certainty::maybe : Certainty::no_effect;
  return pass(std::move(error));
}

void PostgresConnection::roll_back() {
  State& state = *state_;
  if (state.lost || !is_in_transaction()) return;
  state.may_interrupt = false;
  (void)state.exchange("ROLLBACK", {}, false, {}, nullptr, nullptr);
  state.may_interrupt = true;
}

bool PostgresConnection::is_lost() const { return state_->lost; }
bool PostgresConnection::is_in_transaction() const {
  return !state_->lost && state_->pq.transaction_status(state_->conn) != PQTRANS_IDLE;
}
int PostgresConnection::writes() const { return state_->writes; }

}  // namespace muster
