// The connection to one helper process, `muster-children`.
//
// Errors: `storage`, effect none, when it cannot be started or started nothing; `in_doubt` when it was killed while a
//         child ran.
// Threads: all of it is safe from several threads. Whoever waits for a child reads for the others, too: there is no
//         thread of its own, which would take time to start and a switch for each child.
// Source: interpreter/world/children/protocol.h.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/world/children/protocol.h"

namespace muster {

class ChildrenHelper {
 public:
  // Makes the spool directory where it is missing; an existing one must be ours alone.
  [[nodiscard]] static Result<std::unique_ptr<ChildrenHelper>> start(const std::string& program,
                                                                     const std::string& spool);
  ~ChildrenHelper();

  // Blocks until the child and what it left behind have ended. A stop ends its whole tree.
  [[nodiscard]] Result<children::Ended> run(children::Start start, const std::stop_token& stop);
  // The outcome of this child is committed.
  void forget(uint64_t id);
  // It was killed or has given up; children need another.
  [[nodiscard]] bool is_gone();

 private:
  ChildrenHelper(pid_t pid, UniqueFd socket) : pid_(pid), socket_(std::move(socket)) {}
  [[nodiscard]] bool send(children::Word word, const std::string& body);
  [[nodiscard]] Result<children::Ended> wait_for(uint64_t id);
  void receive();

  const pid_t pid_;
  const UniqueFd socket_;
  std::mutex sending_;

  std::mutex mutex_;  // of all below
  std::condition_variable changed_;
  children::Inbox inbox_;
  std::map<uint64_t, children::Ended> ended_;
  uint64_t last_id_ = 0;
  bool reading_ = false;  // somebody reads the socket, without the mutex
  bool gone_ = false;
  int unfit_ = 0;  // why it could not work: an errno
};

}  // namespace muster
