// Reads for a gate, rendered: see gate_evidence.cc. Inside this room only.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/engine/engine.h"

namespace muster {

struct EvidenceRead {
  std::string name;
  const Action* action = nullptr;
  Map args;
  std::string problem;  // or: cannot be rendered
};

// By name: the fields of the result, or `{error, message}`.
[[nodiscard]] Map read_evidence(const Parts& parts, const std::vector<EvidenceRead>& reads, const std::string& run,
                                const OpId& gate, const std::vector<Secret>& opened, std::stop_token stop);

// What was found when a decision was to be used.
struct GateProof {
  int opening = 0;
  size_t votes = 0;  // that were looked at
  Map evidence;
  std::vector<bool> signed_well;  // by vote
};

}  // namespace muster
