#include "interpreter/rehearsal/reading.h"

#include <algorithm>
#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/checker/arguments.h"
#include "interpreter/checker/checker.h"
#include "interpreter/reader/reader.h"
#include "interpreter/rehearsal/judging.h"

namespace muster {
namespace {

constexpr std::string_view usual_clock = "2026-01-15T10:00:00Z";
constexpr int64_t most_attempts = 100;

std::string backquoted(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string listed(const std::vector<std::string_view>& words) {
  std::string out;
  for (size_t i = 0; i < words.size(); ++i)
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + backquoted(words[i]);
  return out;
}

std::string meant(std::string_view word, const std::vector<std::string_view>& words) {
  const std::string_view near = nearest(word, words);
  return near.empty() ? "write " + listed(words) : "did you mean " + backquoted(near) + "?";
}

// As it is typed on a command line: scalars stay text.
Value typed(const Argument& argument) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) return scalar->text.written();
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    List list;
    for (const Argument& item : *items) list.push_back(typed(item));
    return list;
  }
  Map map;
  for (const Entry& entry : std::get<std::vector<Entry>>(argument.value))
    map.insert_or_assign(entry.key.text, typed(entry.value));
  return map;
}

class Reading {
 public:
  Reading(SourceFiles& files, const OpenBeside& open, Diagnostics& problems)
      : files_(files), open_(open), problems_(problems) {}

  std::optional<Scenario> read() {
    std::optional<WrittenScenario> written = read_written_scenario(files_, 0, problems_);
    if (!written || has_errors(problems_)) return std::nullopt;
    out_.at = written->at;
    out_.path = files_.at(0).path;
    out_.name = written->scenario->text;
    out_.playbook = beside(written->playbook->text);
    for (const Entry& entry : written->inputs) out_.inputs.insert_or_assign(entry.key.text, typed(entry.value));
    out_.clock = *parse_timestamp(usual_clock);
    if (written->clock) {
      std::optional<Timestamp> clock = parse_timestamp(written->clock->text);
      if (clock) out_.clock = *clock;
      if (!clock)
        refuse(written->clock->at, "`clock` is a moment, and " + backquoted(written->clock->text) + " is none",
               "write it as in `" + std::string(usual_clock) + "`");
    }
    if (written->starter) out_.starter = written->starter->text;
    if (written->world) world(*written->world);
    for (const WrittenDatabase& database : written->databases) add(database);
    for (const WrittenFile& file : written->files) add(file);
    for (const Entry& entry : written->env) {
      Value value = typed(entry.value);
      if (value.is<std::string>()) {
        out_.environment.insert_or_assign(entry.key.text, value.get<std::string>());
      } else {
        refuse(entry.value.at, "the variable " + backquoted(entry.key.text) + " is text", "write it in quotes");
      }
    }
    for (const GroupOfPeople& group : written->groups)
      for (const Name& member : group.members) out_.groups[group.name.text].push_back(member.text);
    for (const Name& channel : written->channels) out_.channels.push_back(channel.text);
    for (const WrittenPerson& person : written->people) add(person);
    for (const WrittenFault& fault : written->faults) add(fault);
    if (written->expect) expect(*written->expect);
    for (const Claim& claim : written->invariants) out_.invariants.push_back(claimed(claim));
    if (has_errors(problems_)) return std::nullopt;
    return std::move(out_);
  }

 private:
  void refuse(Span at, std::string message, std::string help = {}) {
    problems_.push_back({Severity::error, "bad-scenario", at, std::move(message), std::move(help), {}});
  }

  [[nodiscard]] std::string beside(const std::string& name) const {
    return (std::filesystem::path(files_.at(0).path).parent_path() / name).lexically_normal().string();
  }

  std::optional<uint32_t> open(const std::string& name, Span at, const char* what) {
    const std::string path = beside(name);
    for (uint32_t i = 0; i < files_.all().size(); ++i)
      if (files_.at(i).path == path) return i;
    tl::expected<std::string, std::string> bytes = open_(path);
    if (!bytes) {
      problems_.push_back({Severity::error,
                           "unreadable-file",
                           at,
                           std::string(what) + " cannot be read: " + bytes.error(),
                           "its path is read from the folder of the scenario",
                           {}});
      return std::nullopt;
    }
    std::string digest = sha256_hex(*bytes);
    return files_.add({path, std::move(*bytes), std::move(digest)});
  }

  void world(const Name& name) {
    std::optional<uint32_t> file = open(name.text, name.at, "the world");
    if (!file) return;
    out_.scripts.push_back({*file, "world", false});
    for (size_t i = 0; i < out_.scripts.size(); ++i) {
      const uint32_t from = out_.scripts[i].file;
      for (const RequiredModule& wanted : required_modules(files_.at(from).text)) {
        auto known = [&](const ScriptFile& one) { return one.module == wanted.module; };
        if (std::any_of(out_.scripts.begin(), out_.scripts.end(), known)) continue;
        std::string path = wanted.module;
        std::replace(path.begin(), path.end(), '.', '/');
        std::optional<uint32_t> found = open(path + ".lua", {from, wanted.begin, wanted.end}, "the required file");
        if (found) out_.scripts.push_back({*found, wanted.module, false});
      }
    }
    if (has_errors(problems_)) return;
    (void)load_scenario_world(files_, out_.scripts, problems_);  // what is wrong with it is told here
  }

  Duration known(const std::optional<DurationText>& text, std::string_view key) {
    if (!text) return {};
    if (!text->known)
      refuse(text->text.at, backquoted(key) + " of a scenario is fixed: nothing has a value where it is read",
             "write it as in `30s`");
    return text->known.value_or(Duration{});
  }

  void add(const WrittenDatabase& written) {
    ScriptedDatabase database;
    database.at = written.at;
    database.name = written.name.text;
    database.postgres = !written.path;
    if (written.path) database.path = written.path->text;
    auto take = [&](const Name& name, const char* what) {
      if (std::optional<uint32_t> file = open(name.text, name.at, what))
        database.sql += files_.at(*file).text + "\n;\n";
    };
    if (written.schema) take(*written.schema, "the schema");
    for (const Name& seed : written.seed) take(seed, "the seed");
    database.age = known(written.age, "age");
    for (const Entry& entry : written.instead) {
      Value value = typed(entry.value);
      if (!database.postgres) {
        refuse(entry.key.at, "a SQLite database understands what the playbook says: `instead` is for PostgreSQL",
               "leave out `path` where the database stands for a connection to PostgreSQL");
      } else if (!value.is<std::string>()) {
        refuse(entry.value.at, "what runs instead of " + backquoted(entry.key.text) + " is SQL, as text", "");
      } else {
        database.instead.emplace_back(entry.key.text, value.get<std::string>());
      }
    }
    out_.databases.push_back(std::move(database));
  }

  void add(const WrittenFile& written) {
    ScriptedFile file;
    file.at = written.at;
    file.path = written.path.text;
    file.directory = written.directory;
    const int kinds = written.content.has_value() + written.from.has_value() + (written.directory ? 1 : 0);
    if (kinds != 1)
      return refuse(written.at,
                    backquoted(file.path) + " has `content`, or is taken `from` a file, or is a `directory`",
                    kinds == 0 ? "write `content: \"\"` for an empty file" : "leave one of them");
    if (written.content) file.content = *written.content;
    if (written.from)
      if (std::optional<uint32_t> from = open(written.from->text, written.from->at, "the file"))
        file.content = files_.at(*from).text;
    if (written.mode) {
      const std::string& mode = written.mode->text;
      const bool octal = !mode.empty() && mode.size() <= 4 && mode.find_first_not_of("01234567") == std::string::npos;
      if (!octal)
        refuse(written.mode->at, "`mode` is an octal number, and " + backquoted(mode) + " is none", "as in `0600`");
      if (octal) file.mode = static_cast<uint32_t>(std::stoul(mode, nullptr, 8));
    }
    file.age = known(written.age, "age");
    out_.files.push_back(std::move(file));
  }

  void add(const WrittenPerson& written) {
    static const std::vector<std::string_view> words = {"approve", "reject", "complete", "ignore",   "succeeded",
                                                        "failed",  "retry",  "skip",     "rollback", "stop"};
    ScriptedPerson person;
    person.at = written.at;
    person.user = written.user->text;
    if (written.gate) person.gate = written.gate->text;
    if (written.step) person.step = written.step->text;
    const std::string& word = written.decide->text;
    if (std::find(words.begin(), words.end(), word) == words.end())
      return refuse(written.decide->at, "nobody can " + backquoted(word), meant(word, words));
    if (written.gate.has_value() == written.step.has_value())
      return refuse(written.at, backquoted(person.user) + " decides at a `gate` or at a `step`",
                    written.gate ? "leave one of them" : "write `gate: NAME` or `step: NAME`");
    const bool for_gates = word == "approve" || word == "reject";
    if (word != "ignore" && for_gates != written.gate.has_value())
      return refuse(written.decide->at,
                    backquoted(word) + (for_gates ? " is for a gate, and a step is named here"
                                                  : " is for a step, and a gate is named here"),
                    for_gates ? "a manual step is done with `complete`" : "a gate takes `approve` or `reject`");
    using Does = ScriptedPerson::Does;
    person.does = word == "approve"    ? Does::approve
                  : word == "reject"   ? Does::reject
                  : word == "complete" ? Does::complete
                  : word == "ignore"   ? Does::ignore
                                       : Does::resolve;
    if (person.does == Does::resolve) person.choice = word;
    person.after = known(written.after, "after");
    person.reason = written.reason.value_or("");
    for (const Entry& entry : written.answers) person.answers.insert_or_assign(entry.key.text, typed(entry.value));
    out_.people.push_back(std::move(person));
  }

  void add(const WrittenFault& written) {
    Fault fault;
    fault.at = written.at;
    fault.step = written.step->text;
    std::optional<FaultKind> kind = fault_kind_of(written.kind->text);
    if (!kind)
      return refuse(written.kind->at, backquoted(written.kind->text) + " is no kind of fault",
                    meant(written.kind->text, fault_words()));
    fault.kind = *kind;
    if (written.attempts) {
      const std::optional<int64_t>& count = written.attempts->known;
      if (!count || *count < 1 || *count > most_attempts)
        return refuse(written.attempts->text.at,
                      "`attempts` of a fault is a number from 1 to " + std::to_string(most_attempts), "");
      fault.attempts = static_cast<int>(*count);
    }
    out_.faults.push_back(std::move(fault));
  }

  static ScenarioClaim claimed(const Claim& claim) {
    return {claim.at, claim.name.value_or(claim.that.text), claim.that};
  }

  void expect(const WrittenExpectation& written) {
    ExpectedEnding& expect = out_.expect;
    expect.at = written.at;
    if (written.status) {
      static const std::vector<std::string_view> words = {"succeeded",   "failed",    "rejected",
                                                          "rolled_back", "cancelled", "waiting"};
      expect.status_at = written.status->at;
      expect.status = run_state_of(written.status->text);
      if (std::find(words.begin(), words.end(), written.status->text) == words.end())
        refuse(written.status->at, "no run ends " + backquoted(written.status->text),
               meant(written.status->text, words));
    }
    if (written.reason) {
      expect.reason = written.reason->text;
      expect.reason_at = written.reason->at;
    }
    std::vector<std::string_view> states;
    for (int i = 0; i <= static_cast<int>(StepState::not_reached); ++i)
      states.push_back(name_of(static_cast<StepState>(i)));
    for (const Entry& entry : written.steps) {
      const Value word = typed(entry.value);
      auto found =
          word.is<std::string>() ? std::find(states.begin(), states.end(), word.get<std::string>()) : states.end();
      if (found == states.end()) {
        refuse(entry.value.at, "no step is " + backquoted(to_text(word)),
               word.is<std::string>() ? meant(word.get<std::string>(), states) : "write " + listed(states));
        continue;
      }
      expect.steps.push_back({entry.key.at, entry.key.text, static_cast<StepState>(found - states.begin())});
    }
    for (const Claim& claim : written.that) expect.that.push_back(claimed(claim));
    ArgumentValues literal;
    literal.text = [](const Template& text, bool) -> tl::expected<Value, Diagnostic> {
      if (text.is_constant()) return Value(text.constant_text());
      return tl::unexpected(Diagnostic{Severity::error,
                                       "literal-only",
                                       text.at,
                                       "an expected output is fixed: nothing has a value where it is read",
                                       "write a claim under `that`",
                                       {}});
    };
    for (const Entry& entry : written.outputs) {
      expect.outputs_at = entry.key.at;
      tl::expected<Value, Diagnostic> value = type_any(entry.value, literal);
      if (value) {
        expect.outputs.insert_or_assign(entry.key.text, std::move(*value));
      } else {
        problems_.push_back(value.error());
      }
    }
  }

  SourceFiles& files_;
  const OpenBeside& open_;
  Diagnostics& problems_;
  Scenario out_;
};

// What can be named, for `did you mean`.
std::vector<std::string> names_in(const StepGraph& graph, bool gates) {
  std::vector<std::string> out;
  for (const Node& node : graph.nodes()) {
    if (gates && !approval_of(graph, node)) continue;
    if (node.id.index == 0) {
      out.emplace_back("playbook");
    } else if (node.phase && node.phase->id) {
      out.push_back(node.phase->id->text);
    } else if (node.step && node.step->id) {
      out.push_back(node.step->id->text);
    }
  }
  return out;
}

class Fitting {
 public:
  Fitting(const Scenario& scenario, const RehearsedPlaybook& playbook, Diagnostics& problems)
      : scenario_(scenario), graph_(*playbook.graph), problems_(problems) {}

  std::optional<Map> run() {
    for (const ScriptedPerson& person : scenario_.people) {
      const bool gate = !person.gate.empty();
      const Node* node = named(gate ? person.gate : person.step, person.at, gate, gate ? "gate" : "step");
      if (node && gate && !approval_of(graph_, *node) && !has_gate_within(*node))
        refuse(person.at, backquoted(person.gate) + " has no gate",
               "gates are where `approval` stands: " + some(names_in(graph_, true)));
      if (node && person.does == ScriptedPerson::Does::complete && node->kind != NodeKind::manual &&
          node->kind != NodeKind::foreach)
        refuse(person.at, backquoted(person.step) + " is no manual step: nobody is asked there", "");
    }
    for (const Fault& fault : scenario_.faults) {
      const Node* node = named(fault.step, fault.at, false, "step");
      if (node && node->kind != NodeKind::action && !(node->kind == NodeKind::foreach && has_action_within(*node)))
        refuse(fault.at, backquoted(fault.step) + " runs no action that could go wrong", "name a step that has one");
    }
    for (const ExpectedEnding::StepIs& wanted : scenario_.expect.steps)
      (void)named(wanted.step, wanted.at, false, "step");
    for (const ScenarioClaim& claim : scenario_.expect.that) reads(claim);
    for (const ScenarioClaim& claim : scenario_.invariants) reads(claim);
    for (const ScriptedDatabase& database : scenario_.databases) connection(database);
    std::optional<Map> inputs = bound();
    return has_errors(problems_) ? std::nullopt : inputs;
  }

 private:
  void refuse(Span at, std::string message, std::string help, std::string code = "bad-scenario") {
    problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
  }

  static std::string some(const std::vector<std::string>& names) {
    std::string out;
    for (size_t i = 0; i < names.size() && i < 8; ++i) out += (i == 0 ? "" : ", ") + backquoted(names[i]);
    return names.empty() ? "the playbook has none" : out + (names.size() > 8 ? ", ..." : "");
  }

  [[nodiscard]] bool has_gate_within(const Node& node) const {
    for (uint32_t i = node.id.index; i < node.end; ++i)
      if (graph_.nodes()[i].kind == NodeKind::foreach && approval_of(graph_, graph_.nodes()[i])) return true;
    return false;
  }
  [[nodiscard]] bool has_action_within(const Node& node) const {
    for (uint32_t i = node.id.index; i < node.end; ++i)
      if (graph_.nodes()[i].kind == NodeKind::action) return true;
    return false;
  }

  const Node* named(const std::string& name, Span at, bool gate, const char* what) {
    if (const Node* node = node_named(graph_, name, gate)) return node;
    const std::vector<std::string> names = names_in(graph_, gate);
    const std::vector<std::string_view> views(names.begin(), names.end());
    const std::string_view near = nearest(name, views);
    refuse(at, "no " + std::string(what) + " of the playbook is called " + backquoted(name),
           near.empty() ? "there are " + some(names) : "did you mean " + backquoted(near) + "?", "unknown-step");
    return nullptr;
  }

  void reads(const ScenarioClaim& claim) {
    for (const Read& read : claim.that.reads) {
      if (read.path.empty() || read.called) continue;
      const std::vector<std::string_view>& names = claim_names();
      if (std::find(names.begin(), names.end(), read.path[0]) == names.end()) {
        refuse(read.at, "a claim of a scenario reads nothing called " + backquoted(read.path[0]),
               meant(read.path[0], names), "unknown-name");
      } else if (read.path[0] == "steps" && read.path.size() > 1 && !graph_.find_step(read.path[1])) {
        (void)named(read.path[1], read.at, false, "step");
      }
    }
  }

  // A connection of the playbook, or of one that it calls: those are opened by the same name.
  void connection(const ScriptedDatabase& database) {
    if (!database.postgres) return;  // a file is a file
    bool known = false;
    for (const Scope& scope : graph_.scopes())
      for (const ConnectionDeclaration& one : scope.playbook->connections) {
        if (one.name.text != database.name) continue;
        known = true;
        if (one.kind.text == "postgres") return;
      }
    if (!known)
      return refuse(database.at, "no connection of the playbook is called " + backquoted(database.name),
                    "give its `path`, or the name of a connection to PostgreSQL");
    refuse(database.at, "the database " + backquoted(database.name) + " needs `path`: the file that the playbook opens",
           "");
  }

  // The values as the playbook types them; what is wrong with one is told here, where it stands.
  std::optional<Map> bound() {
    Diagnostics wrong;
    std::optional<Map> inputs = bind_inputs(graph_.playbook(), scenario_.inputs, wrong);
    for (Diagnostic& one : wrong) {
      one.at = scenario_.at;
      one.notes.clear();
      problems_.push_back(std::move(one));
    }
    return inputs;
  }

  const Scenario& scenario_;
  const StepGraph& graph_;
  Diagnostics& problems_;
};

}  // namespace

std::optional<Scenario> read_scenario(SourceFiles& files, const OpenBeside& open, Diagnostics& problems) {
  return Reading(files, open, problems).read();
}

std::optional<Map> check_scenario(const Scenario& scenario, const RehearsedPlaybook& playbook, Diagnostics& problems) {
  return Fitting(scenario, playbook, problems).run();
}

}  // namespace muster
