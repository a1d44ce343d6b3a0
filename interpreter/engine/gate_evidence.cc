// What is read for a gate: its evidence, when it opens and again when a decision is used, and the signatures of the
// decisions. On the pool, never on the loop.
#include "interpreter/engine/gate_evidence.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/pinned_files.h"
#include "interpreter/engine/signatures.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"

namespace muster {
namespace {

constexpr Duration longest_read = Duration::seconds(30);

// What a server says about its answer is no part of it: a `Date` would void every decision.
constexpr std::string_view about_the_answer = "headers";

}  // namespace

Map read_evidence(const Parts& parts, const std::vector<EvidenceRead>& reads, const std::string& run, const OpId& gate,
                  const std::vector<Secret>& opened, std::stop_token stop) {
  Map evidence;
  for (const EvidenceRead& read : reads) {
    if (!read.problem.empty()) {
      evidence[read.name] = Map{{"error", "expression"}, {"message", read.problem}};
      continue;
    }
    ReadMarks marks;
    StepActions others(parts, Effect::read);
    SilentProgress progress;
    SilentStreams streams;
    OpId op{gate.path + "!evidence/" + read.name};
    StepInput input{read.args, run,    op,       1,       "",    longest_read, stop,
                    marks,     others, progress, streams, false, opened,       parts.scripts};
    others.stand_in(input);
    Look look = parts.world->look();
    Result<StepOutput> output =
        read.action->look
            ? read.action->look(input, look)
            : Result<StepOutput>(fail(ErrorCode::invalid, "`" + read.action->name + "` cannot be used as a read"));
    if (output) {
      output->fields.erase(std::string(about_the_answer));
      evidence[read.name] = std::move(output->fields);
    } else {
      evidence[read.name] =
          Map{{"error", std::string(name_of(output.error().code))}, {"message", output.error().message}};
    }
  }
  return evidence;
}

std::vector<EvidenceRead> Engine::Loop::evidence_of(const Node& gate) {
  std::vector<EvidenceRead> reads;
  for (const Evidence& evidence : approval_of(*parts_.graph, gate)->evidence) {
    const ActionCall& call = evidence.probes.front();
    const Action& action = action_of(call);
    RunEnvironment names = environment(gate, now());
    EvidenceRead read{evidence.name.text, &action, {}, {}};
    tl::expected<Map, Diagnostics> args = type_arguments(call.args, action, argument_values(gate, names));
    if (args) {
      read.args = std::move(*args);
    } else {
      read.problem = args.error().front().message;
    }
    reads.push_back(std::move(read));
  }
  return reads;
}

void Engine::Loop::start_proof(const Node& gate) {
  NodeRun& run = run_of(gate);
  const GateRecord& record = this->record(gate).gate;
  auto reads = std::make_shared<std::vector<EvidenceRead>>(evidence_of(gate));
  auto votes = std::make_shared<std::vector<Vote>>(record.votes);
  auto files = std::make_shared<std::vector<PinnedFile>>(pinned_files(member(record.shown, "pinned")));
  bool signatures = rules_of(record).signatures;
  run.previewing = true;
  run.stop.emplace();
  after_commit_.push_back([this, reads, files, votes, signatures, id = gate.id, op = gate.op, opening = record.opening,
                           stop = run.stop->get_token(), opened = secrets_.all()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, reads, files, votes, signatures, id, op, opening, stop, opened] {
      auto proof = std::make_shared<GateProof>();
      proof->opening = opening;
      proof->votes = votes->size();
      proof->evidence = read_evidence(parts_, *reads, run_, op, opened, stop);
      Look look = parts_.world->look();
      for (const PinnedFile& file : *files) proof->evidence[file.name] = read_pinned(look.files, file);
      for (const Vote& vote : *votes)
        proof->signed_well.push_back(!signatures ||
                                     check_signature(*parts_.world, *parts_.configuration, vote, stop).has_value());
      parts_.executor->post([this, proof, id] {
        completed_.push_back([this, proof, id] {
          --in_flight_;
          NodeRun& run_now = nodes_[id.index];
          run_now.previewing = false;
          run_now.stop.reset();
          proof->evidence = secrets_.redaction().map(std::move(proof->evidence));
          run_now.proof = std::move(*proof);
        });
      });
    });
  });
}

}  // namespace muster
