#include "interpreter/cli/rehearsed.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "interpreter/base/html.h"
#include "interpreter/cli/anchors.h"
#include "interpreter/cli/annotations.h"
#include "interpreter/cli/graphviz.h"
#include "interpreter/cli/playbook_digest.h"
#include "interpreter/report/report.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

std::string absolute(const std::string& path) {
  std::error_code error;
  fs::path whole = fs::absolute(path, error);
  return error ? path : whole.lexically_normal().string();
}

// Of a scenario that did not pass: the first thing that does not hold.
std::string why_of(const Rehearsed& rehearsed) {
  for (const std::vector<Judged>* list : {&rehearsed.expectations, &rehearsed.invariants})
    for (const Judged& judged : *list)
      if (!judged.holds) return judged.what + (judged.why.empty() ? "" : ": " + judged.why);
  return {};
}

List objectives_of(const Rehearsed& rehearsed, const StepGraph& graph) {
  List out;
  for (const TimelineObjective& one : make_timeline(rehearsed.record, rehearsed.history, &graph).objectives)
    out.push_back(Map{{"op", one.op},
                      {"name", one.name},
                      {"limit", one.limit},
                      {"measured", one.measured ? Value(*one.measured) : Value()},
                      {"met", one.met ? Value(*one.met) : Value()}});
  return out;
}

std::string row_of_scenario(const Rehearsed& rehearsed) {
  const bool passed = rehearsed.passed();
  return "<tr><td>" + html_text(rehearsed.scenario) + "</td><td>" +
         (passed ? "passed" : "<span class=\"bad\">failed</span>") + "</td><td>" +
         std::string(name_of(rehearsed.ending.state)) + "</td><td>" + to_text(rehearsed.took) + "</td><td>" +
         html_text(passed ? rehearsed.ending.reason : why_of(rehearsed)) + "</td></tr>\n";
}

}  // namespace

void RehearsedPlaybooks::add(const std::string& path, const LoadedScenario& loaded, const Rehearsed& rehearsed) {
  auto at = std::find_if(playbooks_.begin(), playbooks_.end(),
                         [&](const One& one) { return one.playbook == loaded.playbook; });
  if (at == playbooks_.end()) {
    One one;
    one.path = loaded.scenario.playbook;
    one.playbook = loaded.playbook;
    one.coverage = std::make_unique<Coverage>(loaded.playbook->graph);
    playbooks_.push_back(std::move(one));
    at = std::prev(playbooks_.end());
  }
  at->coverage->add(rehearsed.record.events);
  at->runs.push_back({path, &loaded, &rehearsed, nullptr});
}

void RehearsedPlaybooks::sweep(const SweepSettings& how, const RehearsalSettings& settings) {
  for (One& one : playbooks_)
    for (Run& run : one.runs) {
      if (!run.rehearsed->passed()) continue;
      const LoadedScenario& loaded = *run.loaded;
      auto with = [&](std::span<const Fault> faults) {
        return rehearse(loaded.scenario, loaded.files, *loaded.playbook, settings, faults);
      };
      run.sweep = std::make_unique<Sweep>(muster::sweep(*loaded.playbook, *run.rehearsed, with, how, *one.coverage));
    }
}

size_t RehearsedPlaybooks::findings() const {
  size_t count = 0;
  for (const One& one : playbooks_)
    for (const Run& run : one.runs) count += run.sweep ? run.sweep->findings() : 0;
  return count;
}

std::string RehearsedPlaybooks::text() const {
  std::string out;
  for (const One& one : playbooks_) {
    for (const Run& run : one.runs)
      if (run.sweep) out += sweep_text(*run.sweep);
    std::string coverage = coverage_text(*one.coverage);
    out += playbooks_.size() == 1 ? coverage : coverage.substr(0, coverage.find('\n') + 1);
  }
  return out;
}

void RehearsedPlaybooks::add_to(Map& row, const Rehearsed& rehearsed) const {
  for (const One& one : playbooks_)
    for (const Run& run : one.runs) {
      if (run.rehearsed != &rehearsed) continue;
      row["coverage"] = coverage_value(*one.coverage);
      if (run.sweep) row["sweep"] = sweep_value(*run.sweep);
    }
}

std::string RehearsedPlaybooks::junit() const {
  std::string out;
  for (const One& one : playbooks_)
    for (const Run& run : one.runs)
      if (run.sweep) out += sweep_junit(*run.sweep);
  return out;
}

std::string RehearsedPlaybooks::annotations() const {
  std::string out;
  for (const One& one : playbooks_)
    for (const Run& run : one.runs) {
      if (!run.sweep) continue;
      for (const SweepRow& row : run.sweep->rows) {
        std::string text;
        for (const std::string& finding : row.findings) text += (text.empty() ? "" : "\n") + finding;
        if (text.empty()) continue;
        std::string faults;
        for (const Fault& fault : row.faults)
          faults += (faults.empty() ? "" : ", and ") + fault.step + " " + words_of(fault);
        const Fault& first = row.faults.front();
        const Node* node = node_named(*one.playbook->graph, first.step,
                                      first.kind == FaultKind::rejected || first.kind == FaultKind::expires);
        const Span at = node && node->step ? node->step->at : node && node->phase ? node->phase->at : Span{};
        const bool placed = !(at == Span{});
        const SourceFiles& files = one.playbook->files;
        out += github_annotation(placed ? files.at(at.file).path : one.path,
                                 placed ? files.position(at.file, at.begin).line : 1,
                                 "sweep of " + run.sweep->scenario + ": " + faults, text);
      }
    }
  return out;
}

std::string RehearsedPlaybooks::html(const Invocation& invocation) const {
  std::string body = "<h1>Rehearsals</h1>\n";
  for (const One& one : playbooks_) {
    const Playbook& playbook = one.playbook->graph->playbook();
    body += "<h2>" + html_text(playbook.title.value_or(playbook.playbook ? playbook.playbook->text : one.path)) +
            "</h2>\n<table>\n<tr><th>scenario</th><th></th><th>ending</th><th>after</th><th></th></tr>\n";
    for (const Run& run : one.runs) body += row_of_scenario(*run.rehearsed);
    body += "</table>\n";
    for (const Run& run : one.runs)
      if (run.sweep) body += sweep_html(*run.sweep);
    // The list of steps says the same where nobody draws.
    Result<std::string> drawing = svg_of(invocation, coverage_dot(*one.coverage));
    body += coverage_html(*one.coverage, drawing ? *drawing : std::string());
  }
  return html_page("Rehearsals", body);
}

RehearsalRecord RehearsedPlaybooks::record_of(const One& one, const Invocation& invocation) const {
  const Playbook& playbook = one.playbook->graph->playbook();
  RehearsalRecord record;
  record.playbook = playbook.playbook ? playbook.playbook->text : "";
  record.version = playbook.version.value_or("");
  record.digest = digest_of_playbook(*one.playbook->graph, one.playbook->files);
  record.path = absolute(one.path);
  record.person = invocation.person;
  record.host = invocation.host;
  record.muster = muster_version;
  if (playbook.required && playbook.required->rehearsed_within)
    record.within = playbook.required->rehearsed_within->known;
  std::set<std::string> ran;
  for (const Run& run : one.runs) {
    const Rehearsed& rehearsed = *run.rehearsed;
    ran.insert(absolute(run.path));
    record.scenarios.push_back({rehearsed.scenario, rehearsed.passed(), std::string(name_of(rehearsed.ending.state)),
                                why_of(rehearsed), rehearsed.took, objectives_of(rehearsed, *one.playbook->graph)});
    if (run.sweep) record.findings = record.findings.value_or(0) + static_cast<int64_t>(run.sweep->findings());
  }
  if (Result<std::vector<std::string>> all = scenarios_named(one.path))
    for (const std::string& path : *all)
      if (ran.count(absolute(path)) == 0) record.missing.push_back(fs::path(path).filename().string());
  const CoverageCount count = one.coverage->count();
  record.covered = count.covered;
  record.points = count.points;
  return record;
}

Result<void> RehearsedPlaybooks::keep(const Invocation& invocation, Timestamp now) const {
  if (playbooks_.empty()) return {};
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return pass(configuration.error());
  const bool is_asked_for = std::any_of(playbooks_.begin(), playbooks_.end(), [](const One& one) {
    const std::optional<Requires>& required = one.playbook->graph->playbook().required;
    return required && required->rehearsed_within;
  });
  const std::string store = store_of(invocation, *configuration);
  Result<std::string> path = sqlite_path(store);
  if (!path) return pass(path.error());
  std::error_code none;
  // A rehearsal makes no store where nobody has run anything, unless a run will ask for it.
  if (!is_asked_for && !fs::exists(*path, none)) return {};
  Result<std::unique_ptr<Journal>> journal = open_journal(store, is_asked_for);
  if (!journal) return pass(journal.error());
  OutsideHeads heads(invocation, *configuration);
  AnchoredJournal anchored(**journal, heads);
  for (const One& one : playbooks_) {
    RehearsalRecord record = record_of(one, invocation);
    record.at = now;
    Result<void> kept = (*journal)->keep(kept_rehearsal, encode_rehearsal(record), now);
    if (!kept) return kept;
  }
  return {};
}

}  // namespace muster
