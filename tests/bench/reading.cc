// How long a playbook takes from its bytes to a plan, beside the floor: the YAML library's events alone, thrown away.
//   muster-reading FILE [ROUNDS]: medians of paired rounds, in milliseconds of the processor, and their ratios.
// What was made is given back outside of the clock: `muster check` and `muster plan --offline` leave that to the
// kernel.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/parser.h>

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <sstream>
#include <vector>

#include "interpreter/base/allocator.h"
#include "interpreter/base/digest.h"
#include "interpreter/checker/checker.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/plan/plan.h"
#include "interpreter/reader/reader.h"
#include "tests/golden/test_actions.h"

namespace {

struct Nobody : YAML::EventHandler {
  size_t events = 0;
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { ++events; }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { ++events; }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override { ++events; }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    ++events;
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    ++events;
  }
  void OnMapEnd() override {}
};

// Of the processor, so that what else runs on a busy machine does not count.
double milliseconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

double milliseconds(const std::function<void()>& work) {
  const double start = milliseconds_now();
  work();
  return milliseconds_now() - start;
}

double median(std::vector<double> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

void events_of(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  Nobody nobody;
  while (parser.HandleNextDocument(nobody)) {
  }
  if (nobody.events == 0) std::abort();
}

struct Made {
  muster::SourceFiles files;
  std::optional<muster::CheckedPlaybook> checked;
  std::optional<muster::StepGraph> graph;
  muster::Plan plan;
  std::string text;
};

void read_and_check(const std::string& text, bool plans, Made& made) {
  static const std::vector<muster::Action> actions = muster::test_actions();
  muster::SourceFiles& files = made.files;
  uint32_t file = files.add({"bench.muster.yaml", text, muster::sha256_hex(text)});
  muster::Diagnostics problems;
  std::optional<muster::Playbook> playbook = muster::read_playbook(files, file, problems);
  if (playbook) made.checked = muster::check(std::move(*playbook), actions, problems);
  if (!made.checked) {
    std::fputs(muster::render_all(problems, files).c_str(), stderr);
    std::exit(1);
  }
  if (!plans) return;
  std::shared_ptr<const muster::Playbook> kept =
      std::make_shared<const muster::Playbook>(std::move(*made.checked).playbook());
  made.graph.emplace(kept);
  std::optional<muster::Map> inputs = muster::bind_inputs(*kept, {}, problems);
  if (!inputs) std::exit(1);
  made.plan = muster::plan_offline(*made.graph, actions, *inputs, files);
  made.text = text_of(made.plan);
  if (made.text.empty()) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  muster::keep_freed_memory();
  if (argc < 2) return 2;
  std::ifstream in(argv[1], std::ios::binary);
  std::ostringstream bytes;
  bytes << in.rdbuf();
  const std::string text = bytes.str();
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  std::vector<double> floor, checks, plans, check_ratio, plan_ratio;
  for (int i = 0; i < rounds; ++i) {
    floor.push_back(milliseconds([&] { events_of(text); }));
    Made checked, planned;
    checks.push_back(milliseconds([&] { read_and_check(text, false, checked); }));
    checked = Made();
    plans.push_back(milliseconds([&] { read_and_check(text, true, planned); }));
    check_ratio.push_back(checks.back() / floor.back());
    plan_ratio.push_back(plans.back() / floor.back());
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  std::printf("events %.0f ms, check %.0f ms (%.2f x), check and plan %.0f ms (%.2f x), peak %ld MiB\n", median(floor),
              median(checks), median(check_ratio), median(plans), median(plan_ratio), usage.ru_maxrss / 1024);
}
