#include "interpreter/rehearsal/rehearsal.h"

#include <algorithm>
#include <chrono>

#include "interpreter/checker/checker.h"
#include "interpreter/journal/sqlite_store.h"
#include "interpreter/rehearsal/faults.h"
#include "interpreter/rehearsal/judging.h"
#include "interpreter/rehearsal/killable_journal.h"
#include "interpreter/rehearsal/people.h"
#include "interpreter/rehearsal/reading.h"
#include "interpreter/rehearsal/simulated_world.h"
#include "scripting/scripting.h"

namespace muster {
namespace {

constexpr int most_kills = 100;

Configuration configuration_of(const Scenario& scenario) {
  Configuration configuration;
  for (const auto& [name, members] : scenario.groups) {
    GroupOfPeople group;
    group.name.text = name;
    for (const std::string& member : members) group.members.push_back(Name{{}, member});
    configuration.groups.push_back(std::move(group));
  }
  return configuration;
}

// The n-th interpreter that carries the run on. Those before it ran before this machine was started, so that each finds
// the one before it gone.
Owner owner_of(int n) {
  Owner owner;
  owner.host = "rehearsal";
  owner.boot_id = "boot-" + std::to_string(n);
  owner.pid = n;
  owner.started = 1;
  owner.id = "rehearsal:" + std::to_string(n) + ":1";
  return owner;
}

// Who is waited for where nothing goes on.
std::string stuck_at(const RunHistory& history) {
  if (std::vector<const OpRecord*> gates = open_gates(history); !gates.empty())
    return "nobody in the scenario decides at the gate `" + gates.front()->op.path + "`";
  if (std::vector<const OpRecord*> manuals = open_manuals(history); !manuals.empty())
    return "nobody in the scenario completes `" + manuals.front()->op.path + "`";
  if (std::vector<const OpRecord*> doubts = open_doubts(history); !doubts.empty())
    return "nobody in the scenario settles `" + doubts.front()->op.path + "`: " + doubts.front()->doubt;
  return "nothing goes on";
}

void add_findings(Rehearsed& out, const char* what, const std::vector<std::string>& findings) {
  std::vector<std::string> seen;
  for (const std::string& finding : findings) {
    if (std::find(seen.begin(), seen.end(), finding) != seen.end()) continue;
    seen.push_back(finding);
    Judged judged;
    judged.what = what;
    judged.why = finding;
    out.expectations.push_back(std::move(judged));
  }
}

}  // namespace

bool Rehearsed::passed() const {
  auto holds = [](const Judged& one) { return one.holds; };
  return std::all_of(expectations.begin(), expectations.end(), holds) &&
         std::all_of(invariants.begin(), invariants.end(), holds);
}

const Node* node_named(const StepGraph& graph, std::string_view name, bool gate) {
  const std::string text(name);
  if (text == "playbook") return &graph.root();
  if (const Node* node = graph.find(OpId{text})) return node;
  const size_t bracket = text.find('[');
  if (text.find('/') != std::string::npos) return nullptr;
  const std::string id = text.substr(0, bracket);
  const Node* phase = graph.find_phase(id);
  const Node* step = graph.find_step(id);
  const Node* named = gate ? (phase ? phase : step) : (step ? step : phase);
  if (!named || bracket == std::string::npos) return named;
  return graph.find(OpId{named->op.path + text.substr(bracket)});
}

Result<Rehearsed> rehearse(const Scenario& scenario, const SourceFiles& scenario_files,
                           const RehearsedPlaybook& playbook, const RehearsalSettings& settings,
                           std::span<const Fault> more) {
  const auto begun = std::chrono::steady_clock::now();
  Diagnostics problems;
  std::optional<Map> inputs = check_scenario(scenario, playbook, problems);
  if (!inputs) return fail(ErrorCode::invalid, problems.empty() ? "the scenario fits not" : problems.front().message);
  std::unique_ptr<ScenarioWorld> lua;
  if (!scenario.scripts.empty()) {
    lua = load_scenario_world(scenario_files, scenario.scripts, problems);
    if (!lua) return fail(ErrorCode::invalid, problems.front().message, problems.front().help);
  }
  Result<std::unique_ptr<ScratchFolder>> folder = ScratchFolder::make(settings.scratch);
  if (!folder) return pass(folder.error());
  SimulatedWorld world(scenario, **folder, lua.get());
  if (Result<void> made = world.furnish(); !made) return pass(made.error());

  OpenOptions options;
  options.create = true;
  options.synchronous = false;  // nothing of it is to outlive this call
  options.reserve = 4096;
  Result<std::unique_ptr<Journal>> store = open_sqlite_journal((*folder)->path() + "/muster.db", options);
  if (!store) return pass(store.error());

  std::vector<Fault> all = scenario.faults;
  all.insert(all.end(), more.begin(), more.end());
  const std::shared_ptr<const StepGraph> graph = with_failing_verifies(playbook.graph, all);
  std::unique_ptr<KillableJournal> journal;
  FaultInjector faults(*graph, std::move(all), world, [&] {
    journal->kill();
    world.place.kill();
    world.baton.hurry(true);
  });
  const std::vector<Action> actions = faults.around(*playbook.actions);
  const Configuration configuration = configuration_of(scenario);
  People people(scenario, *graph, world.baton, faults);
  World ports = world.ports();

  Rehearsed out;
  out.scenario = scenario.name;
  bool stuck = false;
  std::string waits_for;
  std::unique_ptr<Engine> engine;
  world.baton.on_stuck = [&] {
    if (!engine) return;
    stuck = true;
    waits_for = stuck_at(engine->history());
    engine->stop();
  };
  StartRequest request;
  request.inputs = *inputs;
  request.person = scenario.starter;
  request.host = "rehearsal";
  request.version = settings.version;
  request.rehearsal = true;
  while (true) {
    journal = std::make_unique<KillableJournal>(**store);
    journal->on_stored = [&](const Event& event) { faults.was_recorded(event); };
    const Owner owner = owner_of(out.kills + 1);
    Parts parts{graph,         &playbook.files, &actions,       &ports,
                journal.get(), &world.baton,    &configuration, playbook.scripts.get()};
    parts.owner = &owner;
    parts.alone = true;
    engine = std::make_unique<Engine>(std::move(parts), people);
    people.speak_to(engine.get());
    if (out.run.empty()) {
      Result<std::string> created = engine->create(request);
      if (!created) return pass(created.error());
      out.run = *created;
    } else {
      Result<void> adopted = engine->adopt(out.run, request);
      if (!adopted) return pass(adopted.error());
      people.look_again(engine->history());
    }
    Result<Ending> ending = engine->go({true, true});
    const bool killed = journal->is_killed();
    if (!ending && !killed) return pass(ending.error());
    if (ending) {
      out.ending = {ending->state, ending->exit_code, stuck ? waits_for : ending->reason};
      if (stuck) out.ending.exit_code = open_doubts(engine->history()).empty() ? 75 : 6;
    }
    people.speak_to(nullptr);
    engine.reset();  // what it had started ends, without an effect
    world.baton.forget_plans();
    if (killed) {  // the world outlives it, also where what was stored last has ended the run
      world.place.revive();
      world.baton.hurry(false);
    }
    if (!killed || ending) break;
    if (++out.kills > most_kills)
      return fail(ErrorCode::invalid, "the interpreter was killed more than " + std::to_string(most_kills) + " times");
  }
  out.took = world.baton.now();
  if (Result<void> after = world.answers.after(); !after)
    world.answers.findings.push_back("`after` of the world raised: " + after.error().message);
  Result<Value> state = world.answers.state();
  if (state) {
    out.world = std::move(*state);
  } else {
    world.answers.findings.push_back("the `state` of the world cannot be read: " + state.error().message);
    out.world = Map{};
  }
  Result<RunRecord> record = (*store)->read(out.run);
  if (!record) return pass(record.error());
  out.record = std::move(*record);
  Result<RunHistory> history = replay(out.record.events);
  if (!history) return pass(history.error());
  out.history = std::move(*history);
  out.struck = faults.struck();
  out.told = std::move(world.channels.told);
  judge(scenario, playbook, *inputs, more.empty(), out);
  add_findings(out, "the world answers everything", world.answers.findings);
  if (more.empty()) add_findings(out, "people can do what they are to do", people.findings);
  out.spent.us =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun).count();
  return out;
}

}  // namespace muster
