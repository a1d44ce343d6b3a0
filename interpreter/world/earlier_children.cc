#include "interpreter/world/earlier_children.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/children/spool_names.h"

namespace muster {
namespace {

using children::Ended;
using children::Word;

std::vector<std::string> sockets_in(const std::string& spool) {
  std::vector<std::string> names;
  DIR* folder = ::opendir(spool.c_str());
  if (!folder) return names;
  while (dirent* entry = ::readdir(folder))
    if (children::is_socket_name(entry->d_name)) names.emplace_back(entry->d_name);
  ::closedir(folder);
  return names;
}

bool say(int fd, Word word, std::string_view body) {
  std::string bytes = children::frame(word, body);
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

constexpr int patience_ms = 2000;  // with a helper that does not answer, once we are asked to stop

class Conversation {
 public:
  explicit Conversation(int fd) : fd_(fd) {}

  // Nothing when the helper is gone; then what it had is on the disk.
  [[nodiscard]] std::optional<Word> next() {
    std::string_view body;
    Word word{};
    while (!inbox_.next(word, body)) {
      std::string bytes(64 << 10, '\0');
      ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return std::nullopt;
      inbox_.add(std::string_view(bytes).substr(0, static_cast<size_t>(got)));
    }
    body_ = body;
    return word;
  }
  [[nodiscard]] const std::string& body() const { return body_; }

  // Whether it answers at all, or is gone: a helper that somebody has stopped does neither.
  [[nodiscard]] bool is_awake(const std::stop_token& stop) const {
    constexpr int slice_ms = 50;
    pollfd one{fd_, POLLIN, 0};
    for (int waited = 0; waited < patience_ms;) {
      if (::poll(&one, 1, slice_ms) != 0) return true;
      if (stop.stop_requested()) waited += slice_ms;
    }
    return false;
  }

 private:
  int fd_;
  children::Inbox inbox_;
  std::string body_;
};

// Nothing: this helper does not know the child.
Result<std::optional<Ended>> ask(int fd, const std::string& name, const std::stop_token& stop) {
  children::Writer question;
  question.text(name);
  if (!say(fd, Word::ask, question.take())) return std::optional<Ended>();
  Conversation talk(fd);
  if (!talk.is_awake(stop))
    return fail(ErrorCode::in_doubt, "the helper that may hold this child does not answer", {}, Certainty::maybe);
  std::optional<Word> word = talk.next();
  if (word == Word::running) {
    std::stop_callback end_it(stop, [fd, id = children::Reader(talk.body()).number()] {
      // One that cannot be told is gone, and then waiting ends as well.
      if (!say(fd, Word::stop, children::encode(id))) return;
    });
    word = talk.next();
  }
  Ended ended;
  if (word == Word::ended && children::decode(talk.body(), ended)) return std::optional<Ended>(std::move(ended));
  return std::optional<Ended>();
}

std::optional<std::string> read_record(int folder, const std::string& name) {
  UniqueFd fd(::openat(folder, children::record_name(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return std::nullopt;
  std::string out;
  std::string bytes(64 << 10, '\0');
  while (true) {
    ssize_t got = ::read(fd.get(), bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return out;
    out.append(bytes, 0, static_cast<size_t>(got));
  }
}

}  // namespace

Result<std::optional<Ended>> find_earlier_child(const std::string& spool, const std::string& name,
                                                const std::stop_token& stop) {
  UniqueFd folder(::open(spool.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return std::optional<Ended>();
  for (const std::string& socket : sockets_in(spool)) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!fd) return fail(ErrorCode::in_doubt, "no socket to ask for the child", {}, Certainty::maybe);
    sockaddr_un address = children::socket_address(spool, folder.get(), socket);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == ECONNREFUSED) ::unlinkat(folder.get(), socket.c_str(), 0);  // its helper was killed
      continue;
    }
    Result<std::optional<Ended>> answer = ask(fd.get(), name, stop);
    if (!answer || *answer) return answer;
  }
  std::optional<std::string> record = read_record(folder.get(), name);
  if (!record) return std::optional<Ended>();
  Ended ended;
  std::string_view body = *record;
  if (!body.starts_with(children::record_magic) || !children::decode(body.substr(children::record_magic.size()), ended))
    return fail(ErrorCode::in_doubt,
                "the record of this child, `" + spool + "/" + children::record_name(name) + "`, cannot be read", {},
                Certainty::maybe);
  return std::optional<Ended>(std::move(ended));
}

void remove_record(const std::string& spool, const std::string& name) {
  ::unlink((spool + "/" + children::record_name(name)).c_str());
}

}  // namespace muster
