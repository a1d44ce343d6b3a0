// A manual step: the engine asks once, and waits without a thread until a person has said that it is done, or until the
// time that was recorded then is over.
#include "interpreter/base/digest.h"
#include "interpreter/engine/gates.h"
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

Value written(const Argument& argument) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) return scalar->text.written();
  List list;
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value))
    for (const Argument& item : *items) list.push_back(written(item));
  return list;
}

// A field of the form, as who answers must see it.
Map shown_field(const Input& field) {
  Map out{{"name", field.name.text}, {"type", field.type ? field.type->text : "string"}, {"required", field.required}};
  if (field.description) out["description"] = *field.description;
  if (field.fallback) out["default"] = written(*field.fallback);
  if (!field.values.empty()) {
    List values;
    for (const Argument& value : field.values) values.push_back(written(value));
    out["values"] = std::move(values);
  }
  return out;
}

}  // namespace

void Engine::Loop::ask_person(const Node& node, int attempt) {
  const Manual& manual = *node.step->manual;
  RunEnvironment names = environment(node, now());
  auto failed = [&](Map error) { attempt_ended(node, attempt, EventKind::outcome, {}, std::move(error)); };
  Map shown{{"reason", std::string(waits_for_person)},
            {"title", label_of(node)},
            {"nonce", to_hex(parts_.world->entropy.bytes(16))}};
  if (manual.instructions) {
    tl::expected<Value, Map> text = value_of(*manual.instructions, names);
    if (!text) return failed(text.error());
    shown["instructions"] = to_text(*text);
  }
  List checklist;
  for (const Template& item : manual.checklist) {
    tl::expected<Value, Map> text = value_of(item, names);
    if (!text) return failed(text.error());
    checklist.push_back(to_text(*text));
  }
  List form;
  for (const Input& field : manual.form) form.push_back(shown_field(field));
  shown["checklist"] = std::move(checklist);
  shown["form"] = std::move(form);
  shown["places"] = places_of(manual.assignees, *parts_.configuration);
  if (std::optional<Duration> expires = duration_of(node, manual.expires)) shown["due_at"] = now() + *expires;
  add(EventKind::wait_started, node.op, attempt, std::move(shown));
}

Engine::Loop::Status Engine::Loop::run_manual(const Node& node) {
  OpRecord& op = record(node);
  if (!op.asked) {
    ask_person(node, op.attempt + 1);
    if (has_ended(node)) return Status::ended;
    if (!op.asked) return Status::active;
  }
  for (const Completion& said : op.completions) {
    Result<Map> answers = may_complete(op, *node.step->manual, said, *parts_.configuration, said.at);
    if (!answers) continue;
    attempt_ended(node, op.attempt, EventKind::outcome,
                  Map{{"result", Map{{"answers", std::move(*answers)},
                                     {"by", parts_.configuration->person_of(said.person)},
                                     {"at", said.at}}}},
                  std::nullopt);
    return has_ended(node) ? Status::ended : Status::active;
  }
  if (op.due_at && now() >= *op.due_at) {
    attempt_ended(node, op.attempt, EventKind::outcome, {},
                  Map{{"code", "timeout"},
                      {"message", "nobody said before " + to_text(*op.due_at) + " that it was done"},
                      {"effect", "none"}});
    return has_ended(node) ? Status::ended : Status::active;
  }
  if (op.due_at) wake_at(*op.due_at);
  return Status::blocked;
}

Result<void> Engine::Loop::complete(const OpId& step, Completion said) {
  const OpRecord* op = history_.find(step);
  const Node* node = expansion_.find(step);
  if (!op || !node || node->kind != NodeKind::manual)
    return fail(ErrorCode::not_found, "no manual step is called `" + step.path + "`");
  Result<Map> allowed = may_complete(*op, *node->step->manual, said, *parts_.configuration, now());
  if (!allowed) return pass(allowed.error());
  add(EventKind::answered, step, op->attempt, completion_body(said));
  return {};
}

}  // namespace muster
