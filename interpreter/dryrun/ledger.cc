#include "interpreter/dryrun/ledger.h"

namespace muster {
namespace {

void clean(std::string& text, const Redaction& redaction) { text = redaction.text(std::move(text)); }
void clean(std::vector<std::string>& lines, const Redaction& redaction) {
  for (std::string& line : lines) clean(line, redaction);
}
void clean(std::vector<PlannedKey>& keys, const Redaction& redaction) {
  for (PlannedKey& key : keys) key.value = redaction.value(std::move(key.value));
}
void clean(std::optional<PlannedGate>& gate, const Redaction& redaction) {
  if (!gate) return;
  gate->message = redaction.value(std::move(gate->message));
  clean(gate->rules, redaction);
}
void clean(std::vector<DryCheck>& checks, const Redaction& redaction) {
  for (DryCheck& check : checks) {
    clean(check.why, redaction);
    clean(check.lines, redaction);
    if (check.result) check.result = redaction.map(std::move(*check.result));
  }
}

}  // namespace

std::string_view name_of(Told told) {
  switch (told) {
    case Told::nothing:
      return "";
    case Told::read:
      return "read";
    case Told::predicted:
      return "predicted";
    case Told::unknown:
      return "unknown";
  }
  return "";
}

namespace {

// Shorter ones are words that stand elsewhere, too: `ok`, `none`.
constexpr size_t shortest_sensitive = 6;

void know_texts(const Value& value, Redaction& redaction) {
  if (const auto* text = value.find<std::string>()) {
    std::string_view line = *text;
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.size() >= shortest_sensitive) redaction.know(line);
  } else if (const List* list = value.find<List>()) {
    for (const Value& item : *list) know_texts(item, redaction);
  } else if (const Map* map = value.find<Map>()) {
    for (const auto& [name, inner] : *map) know_texts(inner, redaction);
  }
}

}  // namespace

void withhold(Ledger& ledger, Redaction& redaction) {
  for (LedgerStep& step : ledger.steps) {
    if (!step.sensitive) continue;
    if (step.result) know_texts(*step.result, redaction);
    if (step.result) step.notes.push_back("it is sensitive: what it gave is not shown");
    step.result.reset();
    std::erase_if(step.facts, [](const auto& fact) { return fact.second.template is<List>(); });
    for (DryCheck& check : step.checks) {
      check.result.reset();
      check.lines.clear();
    }
  }
}

void redact(Ledger& ledger, const Redaction& redaction) {
  if (redaction.is_idle()) return;
  clean(ledger.title, redaction);
  clean(ledger.inputs, redaction);
  clean(ledger.keys, redaction);
  clean(ledger.gate, redaction);
  clean(ledger.evidence, redaction);
  for (LedgerStep& step : ledger.steps) {
    step.planned.title = redaction.value(std::move(step.planned.title));
    clean(step.planned.gate, redaction);
    if (step.planned.when) step.planned.when = redaction.value(std::move(*step.planned.when));
    clean(step.planned.arguments, redaction);
    clean(step.planned.keys, redaction);
    clean(step.why, redaction);
    clean(step.lines, redaction);
    step.facts = redaction.map(std::move(step.facts));
    if (step.result) step.result = redaction.map(std::move(*step.result));
    clean(step.failure, redaction);
    clean(step.notes, redaction);
    clean(step.checks, redaction);
  }
  for (LedgerFailure& failure : ledger.failures) clean(failure.message, redaction);
  clean(ledger.notes, redaction);
  for (Diagnostic& problem : ledger.problems) {
    clean(problem.message, redaction);
    for (Note& note : problem.notes) clean(note.message, redaction);
  }
}

}  // namespace muster
