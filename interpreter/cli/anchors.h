// Signed heads on their way out of the store: to a file, and to a program of the organisation's.
//
// What a head is for: docs/journal.md, "Anchors". A head that could not be handed out is told on stderr and ends
// nothing; the next one covers it, since the ledger is a chain. Units:  a program has 10 seconds.
// Threads: the one that the journal is used on.
// Source: docs/configuration.md, "anchors".
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "interpreter/cli/command.h"
#include "interpreter/journal/journal.h"
#include "interpreter/language/configuration.h"

namespace muster {

// `$XDG_STATE_HOME/muster/heads.jsonl` unless the configuration names another.
[[nodiscard]] std::string heads_file_of(const Invocation& invocation, const Configuration& configuration);

class OutsideHeads {
 public:
  OutsideHeads(const Invocation& invocation, const Configuration& configuration);
  ~OutsideHeads() { finish(); }
  OutsideHeads(const OutsideHeads&) = delete;
  OutsideHeads& operator=(const OutsideHeads&) = delete;
  void hand_out(const SignedHead& head);
  // Waits for the programs that still run.
  void finish();

 private:
  struct Started {
    pid_t pid;
    std::chrono::steady_clock::time_point end;
  };
  void append(const std::string& line);
  void give_to_command(const std::string& line);
  bool collect(bool wait);  // whether all have ended
  std::string file_;
  std::vector<std::string> command_;
  std::map<std::string, std::string> environment_;
  std::vector<Started> started_;
};

// The heads of a journal go out as long as this lives.
class AnchoredJournal {
 public:
  AnchoredJournal(Journal& journal, OutsideHeads& anchors) : journal_(journal) {
    journal_.on_head([&anchors](const SignedHead& head) { anchors.hand_out(head); });
  }
  ~AnchoredJournal() { journal_.on_head({}); }
  AnchoredJournal(const AnchoredJournal&) = delete;
  AnchoredJournal& operator=(const AnchoredJournal&) = delete;

 private:
  Journal& journal_;
};

}  // namespace muster
