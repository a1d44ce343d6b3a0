// Reader and checker on any bytes: a verdict with places inside the file, never a crash, never a hang.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "interpreter/checker/checker.h"
#include "interpreter/reader/reader.h"
#include "tests/golden/test_actions.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<muster::Action> actions = muster::test_actions();
  muster::SourceFiles files;
  uint32_t file = files.add({"fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size), ""});
  muster::Diagnostics problems;
  std::optional<muster::Playbook> playbook = muster::read_playbook(files, file, problems);
  if (!playbook && problems.empty()) std::abort();  // no verdict
  std::optional<muster::CheckedPlaybook> checked;
  if (playbook) checked = muster::check(std::move(*playbook), actions, problems);
  if (checked.has_value() == muster::has_errors(problems) && playbook) std::abort();
  for (const muster::Diagnostic& d : problems) {
    if (d.code.empty() || d.message.empty()) std::abort();
    if (d.at.begin > size || d.at.end > size || d.at.begin > d.at.end) std::abort();
    for (const muster::Note& note : d.notes)
      if (note.at.begin > size || note.at.end > size) std::abort();
  }
  (void)muster::render_all(problems, files);
  if (checked) (void)muster::bind_inputs(checked->playbook(), {}, problems);
  return 0;
}
