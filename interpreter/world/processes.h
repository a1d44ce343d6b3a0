// Child processes, as a port. The real one works through the helper process `muster-children`, which outlives us.
//
// Units:  Durations; output limits in bytes.
// Errors: `not_started` (no such program, no rights, cwd gone: effect none, from the exec's own error), `interrupted`
// and
//         `timeout` are not errors but ways of having ended; `storage` when the helper itself cannot be reached
//         (maybe).
// Source: docs/reliability.md D7 and rows B23 to B34; docs/architecture.md.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/base/op_id.h"
#include "interpreter/base/result.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"

namespace muster {

// What became of a child once the step is over.
enum class Lifetime {
  step,      // whatever it left behind is ended with it
  group,     // what it left behind lives until end_left() is asked for it: a tunnel for the steps behind it
  detached,  // what it left behind may live on: a started service
};

// What a command of lifetime `group` or `detached` left behind, when it ended.
struct RunningProcess {
  int64_t pid = 0;
  std::string name;
  std::string since;  // this machine's boot and the moment within it: with the pid, one process for ever
};

struct Command {
  std::vector<std::string> argv;                           // argv[0] is looked up in PATH
  std::vector<std::pair<std::string, Value>> environment;  // text or Secret; beside the allow-list
  std::string directory;                                   // empty: ours
  Value input;                                             // stdin: Null is /dev/null; text or Secret
  Duration timeout{0};                                     // 0: none
  Duration grace{5'000'000};                               // between TERM and KILL
  uint64_t head_bytes = 64 << 10;                          // of each stream the first ...
  uint64_t tail_bytes = 192 << 10;                         // ... and the last bytes are kept
  Lifetime lifetime = Lifetime::step;
  bool ssh_agent = false;      // it may use the SSH agent of whoever started us
  std::vector<Secret> redact;  // replaced by *** in both streams before anything is stored
};

struct CapturedStream {
  std::string head;  // all of it where bytes <= head + tail limits
  std::string tail;
  uint64_t bytes = 0;
  std::string sha256;  // of all bytes (after redaction), hex
  [[nodiscard]] bool is_whole() const { return bytes == head.size() + tail.size(); }
};

enum class EndKind { exited, signalled, timed_out, stopped };

struct ProcessEnd {
  EndKind kind = EndKind::exited;
  int code = 0;  // exit code, or the signal's number
  CapturedStream out, err;
  Duration took;
  std::vector<std::string> left_over;        // processes that were ended after it, `pid command`
  std::vector<RunningProcess> left_running;  // and those that live on
};

// Which child: a run's op and attempt. Survives a crash; a resume asks for it.
struct ChildKey {
  std::string run;
  OpId op;
  int attempt = 1;
};

// Commands that the playbook declares to be reads (inside verify, or `effect: read`).
class DeclaredReads {
 public:
  virtual ~DeclaredReads() = default;
  // A stop ends the whole process tree; the result then says `stopped`.
  [[nodiscard]] virtual Result<ProcessEnd> observe(const Command&, std::stop_token) = 0;
};

class Processes : public DeclaredReads {
 public:
  [[nodiscard]] virtual Result<ProcessEnd> run(const ChildKey&, const Command&, std::stop_token) = 0;
  // What a helper of an earlier interpreter still knows of this child: waits for one that is running (a stop ends it).
  // Nothing: no helper knows it; whether it ever ran is then not known.
  [[nodiscard]] virtual Result<std::optional<ProcessEnd>> recover(const ChildKey&, std::stop_token) = 0;
  // Ends what a command of lifetime `group` left behind and all that this has started, wherever it hides: processes
  // that `known` names, and those that say they are of this child. Blocks until they are gone. What was ended, `pid
  // command`; nothing when they are gone already, so it may be asked again.
  [[nodiscard]] virtual Result<std::vector<std::string>> end_left(const ChildKey&,
                                                                  const std::vector<RunningProcess>& known) = 0;
  // The outcome is committed: what was kept for a resume may be forgotten.
  virtual void committed(const ChildKey&) = 0;
};

}  // namespace muster
