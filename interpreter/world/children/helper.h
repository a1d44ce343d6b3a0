// The helper's loop: one thread, one poll.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <set>
#include <string>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/children/child.h"
#include "interpreter/world/children/family.h"
#include "interpreter/world/children/protocol.h"
#include "interpreter/world/children/spool.h"

namespace muster::children {

class Helper {
 public:
  Helper(int interpreter, std::string spool);
  // Until the interpreter is gone, nothing runs and nothing is left to be written. The process's exit code.
  [[nodiscard]] int run();

 private:
  // The interpreter, or somebody who asks in the spool directory.
  struct Peer {
    UniqueFd fd;
    Inbox inbox;
    std::string outbox;
    std::set<uint64_t> waits;  // children whose end it wants to hear of
  };
  struct Kept {
    std::string name, body;
    bool saved = false;
  };

  [[nodiscard]] bool prepare();
  void wait();
  [[nodiscard]] int64_t next_due() const;
  void hear(Peer& peer, Word word, std::string_view body, bool is_gone);
  // False when the peer is gone.
  [[nodiscard]] bool listen(Peer& peer);
  void tell(Peer& peer, Word word, std::string_view body);
  void flush(Peer& peer);
  void admit();
  void answer(Peer& peer, std::string_view name);
  void orphan();
  void save_kept();
  void begin(Start start, bool is_gone);
  void reap();
  void advance();
  // What is due in this phase now; true when the phase has changed.
  [[nodiscard]] bool advance(Child& child, int64_t now);
  void end_leftovers(Child& child, int64_t now);
  void note(Child& child, const Process& process, int signal);
  void publish(const std::string& name, const Ended& ended);

  Spool spool_;
  Peer interpreter_;
  std::list<Peer> askers_;
  UniqueFd signals_;
  Children children_;
  Family family_;
  std::map<uint64_t, Kept> kept_;  // ended, and not yet committed
  bool orphaned_ = false;
  bool childless_ = true;  // the kernel said so
  int64_t save_at_ = 0;
};

}  // namespace muster::children
