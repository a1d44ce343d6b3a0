// One simulated run for each single fault, or for pairs of them, and what is wrong with how they end.
//
// A finding is a run that ends in no declared way or never, that leaves a declared undo undone, that goes on past a
// gate which said no, or that breaks an invariant. A run whose step is in doubt waits for a person, as it must: that is
// an ending, not a finding. Units:  virtual time, but for `Sweep::spent`. Errors: none: what could not be rehearsed is
// a finding. Threads: runs are spread over `threads`; `run` must be safe to call from all of them. Source:
// docs/coverage.md, "The sweep".
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "interpreter/rehearsal/coverage.h"
#include "interpreter/rehearsal/rehearsal.h"
#include "interpreter/rehearsal/single_faults.h"

namespace muster {

struct StoryLine {
  Duration at;  // since the run was started
  std::string text;
};

struct SweepRow {
  std::vector<Fault> faults;  // one, or two
  bool struck = false;        // all of them; otherwise the run is not told
  std::string ending;         // `rolled_back`, `in doubt`, `waits`, `none`
  std::string reason;
  Duration took;
  bool is_open =
      false;  // a person settles it: invariants are judged as it stands, and what is broken is no finding yet
  size_t invariants = 0, broken = 0;
  std::vector<std::string> findings;  // sentences; empty: all is well
  std::vector<StoryLine> story;       // where there are findings: what led there, as short as it can be told
  std::vector<std::string> bare;      // steps with an effect that declare no undo, in a run that was undone
};

struct Sweep {
  std::string scenario;
  std::vector<SweepRow> rows;  // in the order of the faults
  size_t not_struck = 0;       // rows that never came to their fault
  size_t beyond = 0;           // faults that only another one leads to
  Duration spent;              // of real time
  [[nodiscard]] size_t findings() const;
};

struct SweepSettings {
  int depth = 1;            // 2: pairs as well
  size_t most_pairs = 500;  // drawn by the seed, where there are more
  uint64_t seed = 1;
  unsigned threads = 0;  // 0: as many as there are cores
};

using RehearseWith = std::function<Result<Rehearsed>(std::span<const Fault>)>;

// `baseline`: the scenario as it is written. What the runs go through is added to `coverage`.
[[nodiscard]] Sweep sweep(const RehearsedPlaybook& playbook, const Rehearsed& baseline, const RehearseWith& run,
                          const SweepSettings& settings, Coverage& coverage);

// What is wrong with one run, and the story of it.
[[nodiscard]] SweepRow judge_swept(const std::vector<Fault>& faults, const Result<Rehearsed>& rehearsed);

// A table of fault, ending, time and invariants, then each finding with its story.
[[nodiscard]] std::string sweep_text(const Sweep& sweep);
[[nodiscard]] Map sweep_value(const Sweep& sweep);
// A `testsuite` element, a `testcase` for each fault.
[[nodiscard]] std::string sweep_junit(const Sweep& sweep);
// As a part of a page.
[[nodiscard]] std::string sweep_html(const Sweep& sweep);

}  // namespace muster
