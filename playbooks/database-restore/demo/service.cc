// The demo's service: opens its database at each request and tells over HTTP how it is.
//
//   demo-service start --db PATH --port N --pid FILE [--log FILE]   in the background; ends once it listens
//   demo-service stop  --pid FILE                                   waits until it is gone
//   demo-service run   --db PATH --port N [--pid FILE]              in the foreground
//
// GET /health gives 200 {"status":"ok","orders":N,"audit":M}, or 503 {"status":"error","reason":...}.
// The process holds a lock on its pid file for life: whether it runs is told by the lock, never by the number in the
// file.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

template <auto Close>
struct Closer {
  template <class T>
  void operator()(T* p) const {
    Close(p);
  }
};
using Db = std::unique_ptr<sqlite3, Closer<&sqlite3_close_v2>>;
using Statement = std::unique_ptr<sqlite3_stmt, Closer<&sqlite3_finalize>>;

class UniqueFd {
 public:
  explicit UniqueFd(int fd = -1) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

constexpr std::string_view usage =
    "usage: demo-service start --db PATH --port N --pid FILE [--log FILE]\n"
    "       demo-service stop --pid FILE\n"
    "       demo-service run --db PATH --port N [--pid FILE]\n";

// A starter that tells its news by one line: `ok`, `running`, or what went wrong.
struct News {
  UniqueFd pipe;
  void tell(const std::string& line) {
    if (pipe && ::write(pipe.get(), line.data(), line.size()) < 0) std::perror("demo-service");
    pipe.reset();
  }
};

void pause_for(long milliseconds) {
  timespec pause{milliseconds / 1000, milliseconds % 1000 * 1'000'000};
  ::nanosleep(&pause, nullptr);
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

// The first column of the first row, or what SQLite says.
struct Answer {
  bool is_fine = false;
  std::string text;
};

Answer ask(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  int rc = sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  Statement statement(raw);
  if (rc == SQLITE_OK) rc = sqlite3_step(raw);
  if (rc != SQLITE_ROW) return {false, sqlite3_errmsg(db)};
  const unsigned char* text = sqlite3_column_text(raw, 0);
  return {true, text ? reinterpret_cast<const char*>(text) : ""};
}

struct Health {
  int status = 503;
  std::string body;
};

Health health_of(const std::string& path) {
  auto sick = [](const std::string& reason) {
    return Health{503, "{\"status\":\"error\",\"reason\":" + json_text(reason) + "}"};
  };
  sqlite3* raw = nullptr;
  int rc = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READONLY, nullptr);
  Db db(raw);
  if (rc != SQLITE_OK) return sick(sqlite3_errstr(rc));
  sqlite3_busy_timeout(raw, 1000);
  Answer sound = ask(raw, "PRAGMA quick_check(1)");
  if (!sound.is_fine || sound.text != "ok") return sick(sound.text);
  Answer orders = ask(raw, "SELECT count(*) FROM orders");
  if (!orders.is_fine) return sick(orders.text);
  Answer audit = ask(raw, "SELECT count(*) FROM audit");
  if (!audit.is_fine) return sick(audit.text);
  return {200, "{\"status\":\"ok\",\"orders\":" + orders.text + ",\"audit\":" + audit.text + "}"};
}

void send_all(int client, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void serve(int client, const std::string& database) {
  // One client at a time is enough here, as long as none can keep the others waiting.
  timeval limit{2, 0};
  ::setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  std::string request;
  char buffer[2048];
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < 16384) {
    ssize_t n = ::recv(client, buffer, sizeof buffer, 0);
    if (n <= 0) return;
    request.append(buffer, static_cast<size_t>(n));
  }
  std::string line = request.substr(0, request.find("\r\n"));
  bool is_health = line.starts_with("GET /health ") || line.starts_with("GET /health?");
  Health health =
      is_health ? health_of(database) : Health{404, "{\"status\":\"error\",\"reason\":\"there is only /health\"}"};
  std::string reason = health.status == 200 ? "OK" : health.status == 404 ? "Not Found" : "Service Unavailable";
  send_all(client, "HTTP/1.1 " + std::to_string(health.status) + " " + reason +
                       "\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: " +
                       std::to_string(health.body.size()) + "\r\n\r\n" + health.body);
  std::fprintf(stderr, "%s -> %d %s\n", line.c_str(), health.status, health.body.c_str());
  ::shutdown(client, SHUT_WR);
  while (::recv(client, buffer, sizeof buffer, 0) > 0) continue;  // closing with unread bytes would reset the answer
}

std::optional<UniqueFd> listen_on(int port, News& news) {
  UniqueFd server(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int on = 1;
  ::setsockopt(server.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(server.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(server.get(), 16) != 0) {
    news.tell("cannot listen on port " + std::to_string(port) + ": " + std::strerror(errno) + "\n");
    return std::nullopt;
  }
  return server;
}

// The pid file, locked; nothing when another process holds it.
UniqueFd lock_pid_file(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!file || ::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return UniqueFd();
  if (::ftruncate(file.get(), 0) != 0) return UniqueFd();  // an earlier process's number
  return file;
}

int run(const std::map<std::string, std::string>& options, News& news) {
  UniqueFd pid_file;
  auto pid_path = options.find("--pid");
  if (pid_path != options.end()) {
    pid_file = lock_pid_file(pid_path->second);
    if (!pid_file && errno == EWOULDBLOCK) {
      news.tell("running\n");
      return 0;
    }
    if (!pid_file) {
      news.tell(pid_path->second + ": " + std::strerror(errno) + "\n");
      return 1;
    }
  }
  int port = std::atoi(options.at("--port").c_str());
  std::optional<UniqueFd> server = listen_on(port, news);
  if (!server) return 1;
  if (pid_file) {
    std::string number = std::to_string(::getpid()) + "\n";
    if (::pwrite(pid_file.get(), number.data(), number.size(), 0) != static_cast<ssize_t>(number.size())) {
      news.tell(pid_path->second + ": " + std::strerror(errno) + "\n");
      return 1;
    }
  }
  news.tell("ok\n");
  while (true) {
    UniqueFd client(::accept4(server->get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) serve(client.get(), options.at("--db"));
  }
}

// Two forks: the daemon belongs to no terminal and is nobody's child.
int start(const std::map<std::string, std::string>& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
  UniqueFd heard(ends[0]);
  News news{UniqueFd(ends[1])};
  pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    heard.reset();
    ::setsid();
    if (::fork() != 0) ::_exit(0);
    auto log = options.find("--log");
    UniqueFd in(::open("/dev/null", O_RDWR | O_CLOEXEC));
    UniqueFd out(log == options.end() ? -1
                                      : ::open(log->second.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
    ::dup2(in.get(), 0);
    ::dup2(out ? out.get() : in.get(), 1);
    ::dup2(out ? out.get() : in.get(), 2);
    ::_exit(run(options, news));
  }
  news.pipe.reset();
  ::waitpid(child, nullptr, 0);
  std::string line;
  char buffer[512];
  for (ssize_t n; (n = ::read(heard.get(), buffer, sizeof buffer)) > 0;) line.append(buffer, static_cast<size_t>(n));
  const std::string& port = options.at("--port");
  if (line == "ok\n") {
    std::printf("demo-service listens on http://127.0.0.1:%s/health\n", port.c_str());
    return 0;
  }
  if (line == "running\n") {
    std::printf("demo-service is already running\n");
    return 0;
  }
  std::fprintf(stderr, "demo-service: %s", line.empty() ? "it ended before it listened\n" : line.c_str());
  return 1;
}

int stop(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  auto is_running = [&] {
    bool is_free = ::flock(file.get(), LOCK_EX | LOCK_NB) == 0;
    return !is_free;
  };
  if (!file || !is_running()) {
    std::printf("demo-service is not running\n");
    return 0;
  }
  int pid = 0;
  for (int tries = 0; pid == 0 && tries < 50; ++tries) {  // it writes its number as soon as it listens
    char number[32] = {};
    if (::pread(file.get(), number, sizeof number - 1, 0) > 0) pid = std::atoi(number);
    if (pid == 0) pause_for(20);
  }
  if (pid <= 1 || ::kill(pid, SIGTERM) != 0) {
    std::fprintf(stderr, "demo-service: %s names no process of ours\n", path.c_str());
    return 1;
  }
  for (int waited = 0; is_running(); waited += 20) {
    if (waited == 10'000) {
      std::fprintf(stderr, "demo-service: process %d does not end\n", pid);
      return 1;
    }
    pause_for(20);
  }
  std::printf("demo-service has stopped\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string command = argc > 1 ? argv[1] : "";
  std::map<std::string, std::string> options;
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  bool has_place = options.contains("--db") && options.contains("--port");
  if (command == "start" && has_place && options.contains("--pid")) return start(options);
  if (command == "stop" && options.contains("--pid")) return stop(options.at("--pid"));
  if (command == "run" && has_place) {
    News news{UniqueFd(::dup(2))};
    return run(options, news);
  }
  std::fputs(usage.data(), stderr);
  return 2;
}
