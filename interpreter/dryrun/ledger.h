// What a dry run found: each step with what was read, what would be done, and what nobody can know before the run.
//
// Errors: none; `failures` are what would fail in a run as well.
// Source: docs/dry-run.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/plan/plan.h"
#include "interpreter/world/redaction.h"

namespace muster {

// How far a step is known. Groups say nothing of themselves.
enum class Told { nothing, read, predicted, unknown };
[[nodiscard]] std::string_view name_of(Told told);

// A question beside a step: its verify, its `done_when`, the evidence of its gate.
struct DryCheck {
  std::string what;                // `verify`, `done_when`, `evidence backups`
  std::string verdict;             // `holds`, `does not hold`, `undecided`, `was read`, `could not be read`
  std::string why;                 // of all but `holds`
  std::vector<std::string> lines;  // the claims, one a line
  std::optional<Map> result;       // what the read gave, as it is now
};

struct LedgerStep {
  PlannedStep planned;
  Told told = Told::nothing;
  std::string why;                 // of `unknown`
  std::string ending;              // `skipped`, `already_done`: it would not run; empty: it would
  std::string before_change;       // the step whose change is only predicted: what stands here is as it is before that
  std::vector<std::string> lines;  // what would be done, exactly
  Map facts;                       // counts, sizes, samples of rows
  std::optional<Map> result;       // of what was read or is computed
  std::string failure;             // it fails now
  std::vector<std::string> notes;
  std::vector<DryCheck> checks;
  bool sensitive = false;  // what it gives is neither shown nor kept
};

struct LedgerFailure {
  std::string path, message;
};

struct Ledger {
  std::string playbook, version, title;
  Timestamp at;
  std::vector<PlannedKey> inputs;
  std::vector<PlannedKey> keys;  // connections, locks and the like
  std::optional<PlannedGate> gate;
  std::vector<DryCheck> evidence;  // of that gate
  std::vector<LedgerStep> steps;
  std::vector<LedgerFailure> failures;  // nothing in the playbook makes up for these
  std::vector<std::string> notes;       // what this dry run could not do, or takes on trust
  Diagnostics problems;                 // of expressions that raise on what was found
};

// Takes out what steps give that are declared sensitive: values, rows, and the parts of claims; and teaches `redaction`
// their texts, which later steps may read.
void withhold(Ledger& ledger, Redaction& redaction);
// Takes secrets out of everything that the world answered.
void redact(Ledger& ledger, const Redaction& redaction);

[[nodiscard]] std::string text_of(const Ledger& ledger);
[[nodiscard]] Value value_of(const Ledger& ledger);

}  // namespace muster
