// A small HTTP server on 127.0.0.1 that does to its clients what a test wants: drips, cuts, resets, redirects.
//
// One thread for each connection; the handler reads requests and writes bytes as it likes. Nothing here sleeps: a
// handler that keeps a client waiting waits for the end of the server.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <atomic>
#include <charconv>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "interpreter/base/unique_fd.h"

namespace muster {

struct ReceivedRequest {
  std::string method, target, body;
  std::string head;                            // all of it, as sent
  std::map<std::string, std::string> headers;  // names in lower case
  int connection = 0;                          // from 1
};

// One connection, as the handler sees it.
class ServedConnection {
 public:
  ServedConnection(UniqueFd socket, int ended) : socket_(std::move(socket)), ended_(ended) {}

  // The next request; nothing once the client or the server has gone.
  std::optional<ReceivedRequest> next() {
    size_t head_end;
    while ((head_end = read_.find("\r\n\r\n")) == std::string::npos)
      if (!read_more()) return std::nullopt;
    ReceivedRequest request;
    request.head = read_.substr(0, head_end + 2);
    size_t line_end = request.head.find("\r\n");
    size_t first = request.head.find(' '), second = request.head.find(' ', first + 1);
    request.method = request.head.substr(0, first);
    request.target = request.head.substr(first + 1, second - first - 1);
    for (size_t at = line_end + 2; at < request.head.size();) {
      size_t end = request.head.find("\r\n", at), colon = request.head.find(':', at);
      std::string name = request.head.substr(at, colon - at), value = request.head.substr(colon + 1, end - colon - 1);
      for (char& c : name) c = static_cast<char>(std::tolower(c));
      request.headers[name] = value.substr(std::min(value.find_first_not_of(' '), value.size()));
      at = end + 2;
    }
    size_t size = 0;
    const std::string& length = request.headers["content-length"];
    std::from_chars(length.data(), length.data() + length.size(), size);
    while (read_.size() < head_end + 4 + size)
      if (!read_more()) return std::nullopt;
    request.body = read_.substr(head_end + 4, size);
    read_.erase(0, head_end + 4 + size);
    return request;
  }
  // False once the client has gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  bool answer(int status, const std::string& body, const std::string& headers = "Content-Type: application/json\r\n") {
    return send("HTTP/1.1 " + std::to_string(status) + " X\r\n" + headers +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  // The client sees a reset instead of an end.
  void reset() {
    linger now{1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.reset();
  }
  // False when the server has ended or the client has gone in between.
  bool wait(int milliseconds) {
    pollfd waiting[2] = {{ended_, POLLIN, 0}, {socket_.get(), POLLRDHUP, 0}};
    return ::poll(waiting, 2, milliseconds) == 0;
  }

 private:
  bool read_more() {
    pollfd waiting[2] = {{ended_, POLLIN, 0}, {socket_.get(), POLLIN, 0}};
    if (::poll(waiting, 2, -1) <= 0 || waiting[0].revents != 0) return false;
    char buffer[16384];
    ssize_t n = ::recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n > 0) read_.append(buffer, static_cast<size_t>(n));
    return n > 0;
  }
  UniqueFd socket_;
  int ended_;
  std::string read_;
};

class LoopbackServer {
 public:
  using Handler = std::function<void(ServedConnection&, const ReceivedRequest&)>;

  // The handler is called for every request; a connection lasts until the client, the handler or the server ends it.
  explicit LoopbackServer(Handler handler) : handler_(std::move(handler)), ended_(::eventfd(0, EFD_CLOEXEC)) {
    listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 64);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LoopbackServer() {
    eventfd_write(ended_.get(), 1);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] std::vector<ReceivedRequest> requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void accept_all() {
    while (true) {
      pollfd waiting[2] = {{ended_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
      if (::poll(waiting, 2, -1) < 0 || waiting[0].revents != 0) return;
      UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      int number = ++connections_;
      threads_.emplace_back([this, number, socket = std::move(socket)]() mutable {
        ServedConnection connection(std::move(socket), ended_.get());
        while (std::optional<ReceivedRequest> request = connection.next()) {
          request->connection = number;
          {
            std::lock_guard lock(mutex_);
            requests_.push_back(*request);
          }
          handler_(connection, *request);
          if (request->headers["connection"] == "close") return;
        }
      });
    }
  }

  Handler handler_;
  UniqueFd ended_, listener_;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::vector<ReceivedRequest> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace muster
