// Reads and checks a playbook's text in tests.
#pragma once

#include <algorithm>
#include <string>

#include "interpreter/checker/checker.h"
#include "interpreter/reader/reader.h"

namespace muster {

[[nodiscard]] std::vector<Action> small_actions();

struct Checked {
  SourceFiles files;
  Diagnostics problems;
  std::optional<CheckedPlaybook> playbook;

  explicit Checked(std::string text, const Scripts* scripts = nullptr) {
    uint32_t file = files.add({"t.yaml", std::move(text), ""});
    if (auto read = read_playbook(files, file, problems))
      playbook = check(std::move(*read), small_actions(), problems, scripts);
  }
  [[nodiscard]] std::string said() const { return render_all(problems, files); }
  [[nodiscard]] bool says(std::string_view code) const {
    return std::any_of(problems.begin(), problems.end(), [&](const Diagnostic& d) { return d.code == code; });
  }
};

// A playbook of one phase with these steps, written at the left margin.
[[nodiscard]] inline std::string with_steps(const std::string& steps, const std::string& top = {},
                                            const std::string& phase = {}) {
  std::string text = "muster: 1\nplaybook: p\n" + top + "phases:\n  - id: one\n" + phase + "    steps:\n      ";
  for (char c : steps) {
    text += c;
    if (c == '\n') text += "      ";
  }
  return text + "\n";
}

}  // namespace muster
