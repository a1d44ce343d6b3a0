#include <algorithm>
#include <cstdio>
#include <map>

#include "interpreter/base/html.h"
#include "interpreter/base/utf8.h"
#include "interpreter/rehearsal/sweep.h"

namespace muster {
namespace {

std::string line_of(std::string_view text) { return escape_for_terminal(text, false); }

std::string count_of(size_t count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

std::string seconds(Duration duration) {
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%.3f", duration.as_seconds());
  return buffer;
}

std::string steps_of(const SweepRow& row) {
  std::string out;
  for (const Fault& fault : row.faults) out += (out.empty() ? "" : " + ") + line_of(fault.step);
  return out;
}

std::string faults_of(const SweepRow& row) {
  std::string out;
  for (const Fault& fault : row.faults) out += (out.empty() ? "" : " + ") + words_of(fault);
  return out;
}

// In one sentence: `a` fails before its effect, and `b` times out.
std::string named(const SweepRow& row) {
  std::string out;
  for (const Fault& fault : row.faults)
    out += (out.empty() ? "`" : ", and `") + line_of(fault.step) + "`: " + words_of(fault);
  return out;
}

std::string invariants_of(const SweepRow& row) {
  if (row.invariants == 0) return "none";
  const std::string so_far = row.is_open ? " so far" : "";
  if (row.broken > 0) return std::to_string(row.broken) + " of " + std::to_string(row.invariants) + " broken" + so_far;
  return (row.invariants == 1 ? "holds" : "hold") + so_far;
}

// Rounded to a second: nobody recovers in microseconds.
std::string took_of(const SweepRow& row) { return to_text(Duration::seconds((row.took.us + 500'000) / 1'000'000)); }

// Characters as a terminal counts them, near enough: bytes that go on are none.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows)
    for (size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], width_of(row[i]));
    }
  std::string out;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(i + 1 < row.size() ? widths[i] + 2 - width_of(row[i]) : 0, ' ');
    out += line + "\n";
  }
  return out;
}

std::vector<std::string> columns(const SweepRow& row) {
  return {steps_of(row), faults_of(row), row.ending, took_of(row), invariants_of(row)};
}

// How the runs of pairs ended, since thousands of rows tell nobody anything.
std::string pairs_in_short(const Sweep& sweep) {
  std::map<std::string, size_t> endings;
  size_t pairs = 0;
  for (const SweepRow& row : sweep.rows)
    if (row.faults.size() > 1 && row.struck) ++endings[row.ending], ++pairs;
  if (pairs == 0) return {};
  std::string out;
  for (const auto& [ending, count] : endings) out += (out.empty() ? "" : ", ") + std::to_string(count) + " " + ending;
  return count_of(pairs, "pair", "pairs") + " of faults: " + out + "\n";
}

std::string summary(const Sweep& sweep) {
  const auto is_single = [](const SweepRow& row) { return row.faults.size() == 1; };
  const size_t single = static_cast<size_t>(std::count_if(sweep.rows.begin(), sweep.rows.end(), is_single));
  std::string out = "the graph allows " + count_of(single + sweep.beyond, "fault", "faults") + "; " +
                    count_of(sweep.rows.size(), "run", "runs") + " with faults of their own";
  if (sweep.not_struck > 0) out += ", " + std::to_string(sweep.not_struck) + " of which never came to them";
  return out + "; " + count_of(sweep.findings(), "finding", "findings");
}

std::string finding_lines(const SweepRow& row) {
  std::string out;
  for (const std::string& finding : row.findings) out += "   " + line_of(finding) + "\n";
  std::vector<std::vector<std::string>> rows;
  for (const StoryLine& line : row.story) rows.push_back({"     " + to_text(line.at), line_of(line.text)});
  return out + table(rows);
}

}  // namespace

std::string sweep_text(const Sweep& sweep) {
  std::string out = "sweep of " + line_of(sweep.scenario) + ": " + summary(sweep) + "\n";
  std::vector<std::vector<std::string>> rows{{"step", "fault", "ending", "after", "invariants"}};
  for (const SweepRow& row : sweep.rows)
    if (row.struck && row.faults.size() == 1) rows.push_back(columns(row));
  if (rows.size() > 1) out += table(rows);
  out += pairs_in_short(sweep);
  if (sweep.beyond > 0)
    out += count_of(sweep.beyond, "fault is", "faults are") +
           " out of reach: this scenario comes to no such step unless another thing fails first\n";
  size_t number = 0;
  for (const SweepRow& row : sweep.rows) {
    if (row.findings.empty()) continue;
    out += std::to_string(++number) + ". " + named(row) + "\n" + finding_lines(row);
  }
  return out;
}

Map sweep_value(const Sweep& sweep) {
  List rows;
  for (const SweepRow& row : sweep.rows) {
    List faults, story;
    for (const Fault& fault : row.faults)
      faults.push_back(
          Map{{"step", fault.step}, {"kind", std::string(name_of(fault.kind))}, {"attempts", fault.attempts}});
    for (const StoryLine& line : row.story) story.push_back(Map{{"at", line.at}, {"text", line.text}});
    rows.push_back(Map{{"faults", std::move(faults)},
                       {"struck", row.struck},
                       {"ending", row.ending},
                       {"reason", row.reason.empty() ? Value() : Value(row.reason)},
                       {"took", row.took},
                       {"invariants", static_cast<int64_t>(row.invariants)},
                       {"broken", static_cast<int64_t>(row.broken)},
                       {"findings", List(row.findings.begin(), row.findings.end())},
                       {"story", std::move(story)},
                       {"not_undone", List(row.bare.begin(), row.bare.end())}});
  }
  return Map{{"scenario", sweep.scenario},
             {"runs", static_cast<int64_t>(sweep.rows.size())},
             {"not_struck", static_cast<int64_t>(sweep.not_struck)},
             {"out_of_reach", static_cast<int64_t>(sweep.beyond)},
             {"findings", static_cast<int64_t>(sweep.findings())},
             {"rows", std::move(rows)}};
}

std::string sweep_junit(const Sweep& sweep) {
  size_t failures = 0;
  Duration all{0};
  std::string cases;
  for (const SweepRow& row : sweep.rows) {
    all.us += row.took.us;
    cases += "    <testcase classname=\"" + html_text(sweep.scenario) + "\" name=\"" +
             html_text(steps_of(row) + ": " + faults_of(row)) + "\" time=\"" + seconds(row.took) + "\"";
    if (!row.struck) {
      cases += "><skipped message=\"the run never came to it\"/></testcase>\n";
    } else if (row.findings.empty()) {
      cases += "/>\n";
    } else {
      ++failures;
      cases += "><failure message=\"" + html_text(row.findings.front()) + "\">" + html_text(finding_lines(row)) +
               "</failure></testcase>\n";
    }
  }
  return "  <testsuite name=\"sweep of " + html_text(sweep.scenario) + "\" tests=\"" +
         std::to_string(sweep.rows.size()) + "\" failures=\"" + std::to_string(failures) + "\" skipped=\"" +
         std::to_string(sweep.not_struck) + "\" time=\"" + seconds(all) + "\">\n" + cases + "  </testsuite>\n";
}

std::string sweep_html(const Sweep& sweep) {
  std::string out = "<h2>Sweep of " + html_text(sweep.scenario) + "</h2>\n<p>" + html_text(summary(sweep)) + "</p>\n";
  std::string findings;
  for (const SweepRow& row : sweep.rows)
    if (!row.findings.empty())
      findings +=
          "<h3 class=\"bad\">" + html_text(named(row)) + "</h3>\n<pre>" + html_text(finding_lines(row)) + "</pre>\n";
  out += findings + "<table>\n<tr><th>step</th><th>fault</th><th>ending</th><th>after</th><th>invariants</th></tr>\n";
  for (const SweepRow& row : sweep.rows) {
    if (!row.struck) continue;
    out += "<tr>";
    for (const std::string& cell : columns(row))
      out += (row.findings.empty() ? "<td>" : "<td class=\"bad\">") + html_text(cell) + "</td>";
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace muster
