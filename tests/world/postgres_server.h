// A PostgreSQL server of a test's own: started once per test program at its first use, and ended with it.
//
// It runs as an unprivileged user where the tests run as root, without syncing anything, on a socket in a directory of
// its own and on the loopback interface. `postgres` (a superuser) and `app` (without rights but on its databases,
// password `app-password`) may log in; through TCP a password is asked for. Every test has a database of its own.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "interpreter/world/sql.h"

namespace muster {

class PostgresServer {
 public:
  static PostgresServer& shared() {
    static PostgresServer server;
    return server;
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;
  ~PostgresServer() {
    stop(SIGINT);
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  // Empty when the server runs; otherwise why it does not.
  [[nodiscard]] const std::string& problem() const { return problem_; }
  [[nodiscard]] const std::string& socket_directory() const { return directory_; }
  [[nodiscard]] int port() const { return port_; }

  // A new database that belongs to `app`; its name.
  [[nodiscard]] std::string new_database() {
    static std::atomic<int> count = 0;
    std::string name = "test_" + std::to_string(++count);
    psql("postgres", "CREATE DATABASE " + name + " OWNER app");
    return name;
  }
  // Through the socket, without a password.
  [[nodiscard]] std::string url(const std::string& database, const std::string& user = "app") const {
    return "postgres://" + user + "@/" + database + "?host=" + directory_ + "&port=" + std::to_string(port_);
  }
  [[nodiscard]] std::string tcp_url(const std::string& database, const std::string& user,
                                    const std::string& password) const {
    return "postgres://" + user + ":" + password + "@127.0.0.1:" + std::to_string(port_) + "/" + database;
  }
  [[nodiscard]] Connection connection(const std::string& database, const std::string& user = "app") const {
    return {"main", "postgres", Map{{"url", url(database, user)}}, "run-1/phase/step"};
  }
  // What psql prints, unaligned, without headings; run by another client than the one under test.
  std::string psql(const std::string& database, const std::string& text, const std::string& user = "postgres") const {
    std::string out_path = directory_ + "/psql." + std::to_string(::gettid());
    pid_t pid = ::fork();
    if (pid == 0) {
      std::string target = url(database, user);
      int out = ::open(out_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
      ::dup2(out, 1);
      ::execlp("psql", "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", target.c_str(), "-c",
               text.c_str(), nullptr);
      ::_exit(127);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0) << text;
    std::ifstream file(out_path);
    std::string out{std::istreambuf_iterator<char>(file), {}};
    while (!out.empty() && out.back() == '\n') out.pop_back();
    return out;
  }
  // As a power cut: the server dies at once.
  void stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void start() {
    std::string data = directory_ + "/data", log = directory_ + "/log";
    std::string port_option = std::to_string(port_);
    pid_ = as_user({binary("postgres"),
                    "-D",
                    data,
                    "-k",
                    directory_,
                    "-p",
                    port_option,
                    "-c",
                    "fsync=off",
                    "-c",
                    "full_page_writes=off",
                    "-c",
                    "synchronous_commit=off",
                    "-c",
                    "listen_addresses=127.0.0.1",
                    "-c",
                    "shared_buffers=64MB",
                    "-c",
                    "max_connections=40",
                    "-c",
                    "logging_collector=off"},
                   log);
    for (int i = 0; i < 400; ++i) {
      if (::system(("psql -X -q -d '" + url("postgres", "postgres") + "' -c 'SELECT 1' >/dev/null 2>&1").c_str()) == 0)
        return;
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    problem_ = "the server did not start: see " + log;
  }
  // What the server has written.
  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_ + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  PostgresServer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-pg.XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data()) ? pattern : "";
    if (::geteuid() == 0) {
      passwd* user = ::getpwnam("postgres");
      if (!user) user = ::getpwnam("nobody");
      user_ = user->pw_uid;
      group_ = user->pw_gid;
    }
    port_ = free_port();
    if (!binary("initdb").starts_with("/")) {
      problem_ = "there is no PostgreSQL server: install the package postgresql";
      return;
    }
    make_cluster();
    if (problem_.empty()) start();
    if (problem_.empty()) psql("postgres", "CREATE ROLE app LOGIN PASSWORD 'app-password'");
  }

  static std::string binary(const std::string& name) {
    for (const char* version : {"17", "16", "15", "14"}) {
      std::string path = std::string("/usr/lib/postgresql/") + version + "/bin/" + name;
      if (::access(path.c_str(), X_OK) == 0) return path;
    }
    return name;
  }
  static int free_port() {
    int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
  }
  // A process that is not root and ends when this one does.
  pid_t as_user(std::vector<std::string> argv, const std::string& log) const {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    int in = ::open("/dev/null", O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    for (int fd = 3; fd < 256; ++fd) ::close(fd);
    if (user_ != 0 && (::setgroups(0, nullptr) != 0 || ::setgid(group_) != 0 || ::setuid(user_) != 0)) ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    std::vector<char*> raw;
    for (std::string& word : argv) raw.push_back(word.data());
    raw.push_back(nullptr);
    if (::chdir("/") != 0) ::_exit(126);
    ::execv(raw[0], raw.data());
    ::_exit(127);
  }
  // initdb takes a second, a copy of what it made a tenth of that: the first test of a build makes it for all.
  void make_cluster() {
    std::string kept = std::string(MUSTER_BINARY_DIR) + "/postgres-cluster.tar", data = directory_ + "/data";
    if (::chown(directory_.c_str(), user_ ? user_ : ::geteuid(), user_ ? group_ : ::getegid()) != 0) return;
    int lock = ::open((kept + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    ::flock(lock, LOCK_EX);
    if (::access(kept.c_str(), R_OK) != 0) {
      pid_t pid = as_user({binary("initdb"), "-D", data, "-U", "postgres", "--auth-local=trust",
                           "--auth-host=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"},
                          directory_ + "/log");
      int status = 0;
      ::waitpid(pid, &status, 0);
      if (status != 0) problem_ = "initdb failed";
      std::string pack =
          "tar -C '" + directory_ + "' -cf '" + kept + ".new' data && mv '" + kept + ".new' '" + kept + "'";
      if (status == 0 && ::system(pack.c_str()) != 0) problem_ = "the cluster cannot be kept";
    } else if (::system(("tar -C '" + directory_ + "' -xf '" + kept + "'").c_str()) != 0) {
      problem_ = "the cluster cannot be unpacked";
    }
    ::close(lock);
  }

  std::string directory_;
  std::string problem_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  int port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace muster
