// `muster rehearse SCENARIO|PLAYBOOK|DIR...`
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "interpreter/base/json.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/base/utf8.h"
#include "interpreter/cli/annotations.h"
#include "interpreter/cli/rehearsed.h"
#include "interpreter/cli/scenarios.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

// What became of one scenario.
struct Outcome {
  std::string path;
  LoadedScenario loaded;
  Rehearsed rehearsed;
};

std::string line_of(const Judged& judged, const SourceFiles& files) {
  if (judged.at == Span{}) return {};
  const Position at = files.position(judged.at.file, judged.at.begin);
  return files.at(judged.at.file).path + ":" + std::to_string(at.line);
}

std::vector<std::string> lines_of_failure(const Judged& judged, const SourceFiles& files) {
  const std::string place = line_of(judged, files);
  std::vector<std::string> lines{(place.empty() ? "" : place + ": ") + judged.what};
  if (!judged.why.empty()) lines.push_back("  " + judged.why);
  for (const std::string& part : judged.parts) lines.push_back("  " + part);
  return lines;
}

std::string ending_of(const Rehearsed& rehearsed) {
  std::string text = std::string(name_of(rehearsed.ending.state)) + " after " + to_text(rehearsed.took);
  if (rehearsed.kills > 0)
    text += ", resumed " + std::to_string(rehearsed.kills) + (rehearsed.kills == 1 ? " time" : " times");
  if (!rehearsed.ending.reason.empty()) text += ": " + safe_line(rehearsed.ending.reason);
  return text;
}

void tell_outcome(const Invocation& invocation, const Outcome& outcome) {
  const Rehearsed& rehearsed = outcome.rehearsed;
  const bool passed = rehearsed.passed();
  if (passed && invocation.terminal.quiet) return;
  answer((passed ? "ok      " : "FAILED  ") + rehearsed.scenario + "  " + ending_of(rehearsed) + "\n");
  for (const std::vector<Judged>* list : {&rehearsed.expectations, &rehearsed.invariants})
    for (const Judged& judged : *list) {
      if (judged.holds) continue;
      bool first = true;
      for (const std::string& line : lines_of_failure(judged, outcome.loaded.files)) {
        answer(std::string(first ? "  - " : "    ") + escape_for_terminal(line, true) + "\n");
        first = false;
      }
    }
}

Value rows_of(const std::vector<Judged>& list, const SourceFiles& files) {
  List rows;
  for (const Judged& judged : list) {
    Map row{{"what", judged.what},
            {"holds", judged.holds},
            {"why", judged.why},
            {"parts", List(judged.parts.begin(), judged.parts.end())}};
    if (!(judged.at == Span{})) {
      const Position at = files.position(judged.at.file, judged.at.begin);
      row["file"] = files.at(judged.at.file).path;
      row["line"] = at.line;
    }
    rows.emplace_back(std::move(row));
  }
  return rows;
}

Value row_of(const Outcome& outcome, bool events) {
  const Rehearsed& rehearsed = outcome.rehearsed;
  List steps;
  for (const OpRecord* op : rehearsed.history.in_order())
    steps.push_back(Map{{"id", op->op.path}, {"state", std::string(name_of(op->state))}, {"attempts", op->attempt}});
  List told;
  for (const auto& [channel, message] : rehearsed.told)
    told.push_back(Map{{"channel", channel}, {"text", message.text}, {"fields", message.fields}});
  List struck;
  for (const Fault& fault : rehearsed.struck)
    struck.push_back(Map{{"step", fault.step}, {"kind", std::string(name_of(fault.kind))}});
  Map row{{"scenario", rehearsed.scenario},
          {"file", outcome.path},
          {"playbook", outcome.loaded.scenario.playbook},
          {"ok", rehearsed.passed()},
          {"status", std::string(name_of(rehearsed.ending.state))},
          {"exit_code", rehearsed.ending.exit_code},
          {"reason", rehearsed.ending.reason},
          {"duration", rehearsed.took},
          {"kills", rehearsed.kills},
          {"steps", std::move(steps)},
          {"expectations", rows_of(rehearsed.expectations, outcome.loaded.files)},
          {"invariants", rows_of(rehearsed.invariants, outcome.loaded.files)},
          {"faults", std::move(struck)},
          {"told", std::move(told)},
          {"world", rehearsed.world},
          {"head", rehearsed.record.row.head}};
  if (events) {
    List list;
    for (const Event& event : rehearsed.record.events) {
      Result<Value> body = event.body.empty() ? Result<Value>(Value(Map{})) : decode_value(event.body);
      list.push_back(Map{{"seq", event.seq},
                         {"kind", event.kind_text},
                         {"op", event.op.path},
                         {"attempt", event.attempt},
                         {"at", event.at},
                         {"body", body ? *body : Value()},
                         {"hash", event.hash}});
    }
    row["events"] = std::move(list);
  }
  return row;
}

std::string xml(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\t') {
      out += c;
    }
  }
  return out;
}

std::string seconds(Duration duration) {
  char text[64];
  std::snprintf(text, sizeof text, "%.3f", duration.as_seconds());
  return text;
}

std::string junit_of(const std::vector<Outcome>& outcomes, const std::vector<std::string>& invalid,
                     const RehearsedPlaybooks& playbooks) {
  size_t failed = invalid.size();
  Duration all;
  for (const Outcome& one : outcomes) {
    if (!one.rehearsed.passed()) ++failed;
    all.us += one.rehearsed.spent.us;
  }
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"muster rehearse\" tests=\"" +
      std::to_string(outcomes.size() + invalid.size()) + "\" failures=\"" + std::to_string(failed) + "\" time=\"" +
      seconds(all) + "\">\n";
  for (const std::string& path : invalid)
    out += "    <testcase classname=\"" + xml(path) + "\" name=\"" + xml(path) +
           "\"><failure message=\"the scenario is not valid\"/></testcase>\n";
  for (const Outcome& one : outcomes) {
    out += "    <testcase classname=\"" + xml(one.loaded.scenario.playbook) + "\" name=\"" +
           xml(one.rehearsed.scenario) + "\" file=\"" + xml(one.path) + "\" time=\"" + seconds(one.rehearsed.spent) +
           "\"";
    std::string failures;
    for (const std::vector<Judged>* list : {&one.rehearsed.expectations, &one.rehearsed.invariants})
      for (const Judged& judged : *list) {
        if (judged.holds) continue;
        std::string text;
        for (const std::string& line : lines_of_failure(judged, one.loaded.files)) text += line + "\n";
        failures += "      <failure message=\"" + xml(judged.what) + "\">" + xml(text) + "</failure>\n";
      }
    out += failures.empty() ? "/>\n" : ">\n" + failures + "    </testcase>\n";
  }
  return out + "  </testsuite>\n" + playbooks.junit() + "</testsuites>\n";
}

// Where an expectation stands in its file, there; else the scenario as a whole.
std::string annotations_of(const std::vector<Outcome>& outcomes, const std::vector<std::string>& invalid) {
  std::string out;
  for (const std::string& path : invalid)
    out += github_annotation(path, 1, "muster rehearse", "the scenario is not valid: `muster rehearse` says why");
  for (const Outcome& one : outcomes)
    for (const std::vector<Judged>* list : {&one.rehearsed.expectations, &one.rehearsed.invariants})
      for (const Judged& judged : *list) {
        if (judged.holds) continue;
        const SourceFiles& files = one.loaded.files;
        const bool placed = !(judged.at == Span{});
        std::string text = judged.what + (judged.why.empty() ? "" : ": " + judged.why);
        for (const std::string& part : judged.parts) text += "\n" + part;
        out += github_annotation(placed ? files.at(judged.at.file).path : one.path,
                                 placed ? files.position(judged.at.file, judged.at.begin).line : 1,
                                 "scenario " + one.rehearsed.scenario, text);
      }
  return out;
}

bool write_file(const std::string& path, const std::string& text) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  size_t at = 0;
  while (file && at < text.size()) {
    const ssize_t wrote = ::write(file.get(), text.data() + at, text.size() - at);
    if (wrote <= 0) return false;
    at += static_cast<size_t>(wrote);
  }
  return file && at == text.size();
}

// How many faults at once, and which pairs. Nothing: what was typed is no number.
std::optional<SweepSettings> sweep_asked(const Options& options) {
  SweepSettings how;
  how.depth = options.last("--sweep") == "2" ? 2 : 1;
  std::string seed = options.last("--seed");
  if (seed.empty()) return how;
  const char* end = seed.data() + seed.size();
  std::from_chars_result read = std::from_chars(seed.data(), end, how.seed);
  if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return how;
}

}  // namespace

int rehearse_command(Invocation& invocation) {
  std::optional<SweepSettings> how = sweep_asked(invocation.options);
  if (!how) return complain(fail(ErrorCode::invalid, "`--seed` is a whole number, as in `--seed 7`"));
  std::vector<std::string> paths;
  for (const std::string& word : invocation.options.words) {
    Result<std::vector<std::string>> found = scenarios_named(word);
    if (!found) return complain(found.error());
    for (std::string& path : *found)
      if (std::find(paths.begin(), paths.end(), path) == paths.end()) paths.push_back(std::move(path));
  }
  ScenarioLoader loader(invocation);
  const RehearsalSettings settings = rehearsal_settings(invocation);
  std::vector<Outcome> outcomes;
  std::vector<std::string> invalid;
  size_t passed = 0;
  for (const std::string& path : paths) {
    std::optional<LoadedScenario> loaded = loader.load(path);
    if (!loaded) {
      invalid.push_back(path);
      continue;
    }
    Result<Rehearsed> rehearsed = rehearse(loaded->scenario, loaded->files, *loaded->playbook, settings);
    if (!rehearsed) {
      tell("muster: " + path + ": " + rehearsed.error().message + "\n");
      if (!rehearsed.error().hint.empty()) tell("  = help: " + rehearsed.error().hint + "\n");
      if (rehearsed.error().code != ErrorCode::invalid) return exit_code::failed;
      invalid.push_back(path);
      continue;
    }
    outcomes.push_back({path, std::move(*loaded), std::move(*rehearsed)});
    if (outcomes.back().rehearsed.passed()) ++passed;
    if (!invocation.json()) tell_outcome(invocation, outcomes.back());
  }
  RehearsedPlaybooks playbooks;
  for (const Outcome& outcome : outcomes) playbooks.add(outcome.path, outcome.loaded, outcome.rehearsed);
  if (invocation.options.has("--sweep")) playbooks.sweep(*how, settings);
  if (invocation.json()) {
    List rows;
    for (const Outcome& outcome : outcomes) {
      Value row = row_of(outcome, invocation.options.has("--events"));
      playbooks.add_to(*row.find<Map>(), outcome.rehearsed);
      rows.push_back(std::move(row));
    }
    answer_rows(invocation, rows);
  } else if (!invocation.terminal.quiet || playbooks.findings() > 0) {
    answer(playbooks.text());
  }
  if (!invocation.json() && !invocation.terminal.quiet) {
    answer(std::to_string(passed) + " of " + std::to_string(paths.size()) +
           (paths.size() == 1 ? " scenario passed\n" : " scenarios passed\n"));
  }
  if (!invocation.options.last("--annotations").empty()) {
    const std::string lines = annotations_of(outcomes, invalid) + playbooks.annotations();
    if (invocation.json()) {
      tell(lines);
    } else {
      answer(lines);
    }
  }
  if (std::string file = invocation.options.last("--junit");
      !file.empty() && !write_file(file, junit_of(outcomes, invalid, playbooks)))
    return complain(fail(ErrorCode::storage, "`" + file + "` cannot be written"));
  if (std::string file = invocation.options.last("--html");
      !file.empty() && !write_file(file, playbooks.html(invocation)))
    return complain(fail(ErrorCode::storage, "`" + file + "` cannot be written"));
  RealClock clock;
  if (Result<void> kept = playbooks.keep(invocation, clock.now()); !kept) return complain(kept.error());
  if (!invalid.empty()) return exit_code::invalid;
  return passed == outcomes.size() && playbooks.findings() == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
