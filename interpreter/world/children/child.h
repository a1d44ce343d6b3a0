// One child from its start to the end of what it left behind.
//
// Units: times are microseconds on CLOCK_BOOTTIME; 0 means never.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/children/capture.h"
#include "interpreter/world/children/marker.h"
#include "interpreter/world/children/process_tree.h"
#include "interpreter/world/children/protocol.h"

namespace muster::children {

[[nodiscard]] int64_t boot_us();

struct Child {
  enum class Phase {
    running,   // its own process lives
    sweeping,  // that has ended; what it left behind is being ended
    draining,  // what is still in the pipes is being read
    over,
  };

  explicit Child(Start what);

  // Starts it; false: `failure` says why it certainly did not run.
  [[nodiscard]] bool begin(Ended& failure);
  // Begins to end the whole tree; harmless when that has begun.
  void terminate(int64_t now);
  void process_ended(int wait_status, int64_t now);
  // Moves what is ready, a bounded share of it, so that a loud child starves nobody.
  void read_output();
  void read_errors();
  void write_input();
  // Whether it stands at the end of its pipes.
  [[nodiscard]] bool is_silent() const { return !out && !err; }
  [[nodiscard]] bool keeps_leftovers() const { return start.detached && !timed_out && !stopped; }
  [[nodiscard]] Ended result();

  Start start;
  std::string marker;  // the value of `marker_variable`: unique on this machine
  Phase phase = Phase::running;
  pid_t pid = 0;
  UniqueFd out, err, in;
  int64_t began = 0;
  int64_t timeout_at = 0;
  int64_t kill_at = 0;     // TERM was sent, KILL follows
  int64_t look_at = 0;     // when what it left behind is looked at again
  int64_t settled_at = 0;  // until then leftovers may still end by themselves
  int64_t drained_at = 0;  // until then the pipes may go on
  bool timed_out = false, stopped = false, killed = false;
  std::set<pid_t> asked_to_end;  // leftovers that got their TERM
  std::vector<std::string> left_over;
  std::vector<Process> survivors;  // that were let go

 private:
  void read_from(UniqueFd& fd, Capture& capture);

  int wait_status_ = 0;
  int64_t ended_ = 0;
  size_t input_done_ = 0;
  Capture out_capture_, err_capture_;
};

}  // namespace muster::children
