// Messages to people, as a port: where they go is the organisation's configuration, never a playbook's.
//
// Errors: `not_found` (no such channel), `unreachable`, `timeout`, `refused` (the other side said no), with what is
// known
//         of the effect. No error holds an address that is kept secret.
// Threads: blocking; safe from several threads.
// Source: docs/configuration.md, "Channels".
#pragma once

#include <stop_token>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

namespace muster {

struct Message {
  std::string text;
  Map fields;            // names and values beside it
  std::string run;       // that says it; empty: none
  std::string playbook;  // empty: not told
  std::string key;       // the same for all attempts: whoever gets it twice can tell
};

class Channels {
 public:
  virtual ~Channels() = default;
  [[nodiscard]] virtual Result<void> tell(const std::string& channel, const Message& message, std::stop_token stop) = 0;
  // What the channel is, for a preview: `mail to oncall@example.org`. Secrets are left out.
  [[nodiscard]] virtual Result<std::string> describe(const std::string& channel) = 0;
};

}  // namespace muster
