#include "interpreter/plan/parts.h"

#include <algorithm>
#include <array>
#include <set>
#include <unordered_map>

#include "interpreter/base/withheld.h"
#include "interpreter/checker/checker.h"
#include "interpreter/plan/printed.h"

namespace muster {
namespace {

void collect_reads(const Argument& argument, std::vector<std::string>& ids) {
  auto add = [&](const Template& text) {
    for (const auto& piece : text.pieces)
      if (const auto* expression = std::get_if<Expression>(&piece))
        for (const Read& read : expression->reads)
          if (read.path.size() > 1 && read.path[0] == "steps" &&
              std::find(ids.begin(), ids.end(), read.path[1]) == ids.end())
            ids.push_back(read.path[1]);
  };
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    add(scalar->text);
  } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) collect_reads(item, ids);
  } else {
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) collect_reads(entry.value, ids);
  }
}

std::string source_of(const SecretDeclaration& secret) {
  if (secret.env) return "from the variable " + secret.env->text;
  if (secret.file) return "from the file " + printed(*secret.file);
  return "printed by a program";
}

Value rendered(tl::expected<Value, Diagnostic> value, Diagnostics& problems) {
  if (value) return std::move(*value);
  problems.push_back(std::move(value.error()));
  return Unknown{"cannot be told"};
}

std::string verify_text(const Step& step, const SourceFiles& files) {
  for (PrintedKey& key : printed_keys(step, files, [](std::string_view key) { return key != "verify"; }))
    if (key.key == "verify") return std::move(key.text);
  return "";
}

}  // namespace

std::string what_of(const Node& node) {
  if (node.phase) return "phase";
  if (node.kind == NodeKind::called) return "playbook";
  if (node.kind == NodeKind::call) return "call";
  if (node.kind == NodeKind::choose) return "choose";
  if (node.kind == NodeKind::option) return "option";
  const Step& step = *node.step;
  if (!step.actions.empty()) return step.actions.front().action.text;
  if (step.group) return "steps";
  if (step.set) return "set";
  if (step.fail) return "fail";
  if (step.wait) return "wait";
  if (step.audit) return "audit";
  if (step.manual) return "manual";
  return step.verify ? "verify" : "step";
}

std::vector<NodeId> in_order(const std::vector<NodeId>& list, const std::function<const Node&(NodeId)>& at) {
  bool in_file_order = true;
  for (size_t i = 0; i < list.size() && in_file_order; ++i) {
    in_file_order = i == 0 || list[i - 1].index < list[i].index;
    for (NodeId need : at(list[i]).needs) in_file_order = in_file_order && need.index < list[i].index;
  }
  if (in_file_order) return list;
  std::unordered_map<uint32_t, size_t> places;
  for (size_t i = 0; i < list.size(); ++i) places.emplace(list[i].index, i);
  std::vector<size_t> waits(list.size());
  std::vector<std::vector<size_t>> frees(list.size());
  bool is_sorted = true;
  for (size_t i = 0; i < list.size(); ++i) {
    for (NodeId need : at(list[i]).needs) {
      auto place = places.find(need.index);
      if (place == places.end()) continue;
      is_sorted = is_sorted && place->second < i;
      ++waits[i];
      frees[place->second].push_back(i);
    }
  }
  if (is_sorted) return list;
  std::set<size_t> ready;
  for (size_t i = 0; i < list.size(); ++i)
    if (waits[i] == 0) ready.insert(i);
  std::vector<NodeId> out;
  while (!ready.empty()) {
    size_t next = *ready.begin();
    ready.erase(ready.begin());
    out.push_back(list[next]);
    for (size_t freed : frees[next])
      if (--waits[freed] == 0) ready.insert(freed);
  }
  return out;
}

std::vector<std::string> rules_of(const Approval& approval, const SourceFiles& files) {
  std::vector<std::string> rules;
  rules.push_back("approvers: " + (approval.approvers.empty() ? "anybody" : printed(approval.approvers)));
  for (PrintedKey& key : printed_keys(approval, files))
    if (key.key != "message" && key.key != "approvers") rules.push_back(std::string(key.key) + ": " + key.text);
  return rules;
}

std::vector<PlannedKey> keys_beside(const Node& node, std::string_view what, const SourceFiles& files) {
  static constexpr std::array<std::string_view, 10> elsewhere = {"id",  "title", "description", "approval", "effect",
                                                                 "set", "fail",  "wait",        "audit",    "manual"};
  const Unwanted unwanted = [what](std::string_view key) {
    return key == what || std::find(elsewhere.begin(), elsewhere.end(), key) != elsewhere.end();
  };
  std::vector<PrintedKey> keys;
  if (node.phase) keys = printed_keys(*node.phase, files, unwanted);
  if (node.step) keys = printed_keys(*node.step, files, unwanted);
  std::vector<PlannedKey> out;
  out.reserve(keys.size());
  for (PrintedKey& key : keys) out.push_back({std::string(key.key), std::move(key.text)});
  if (node.step && what == "verify") out.push_back({"verify", Value(verify_text(*node.step, files))});
  return out;
}

std::vector<PlannedKey> keys_beside(const Playbook& playbook, const ArgumentValues& values, const SourceFiles& files,
                                    Diagnostics& problems) {
  static const std::set<std::string_view> elsewhere = {"muster", "playbook", "version", "title",   "description",
                                                       "owner",  "tags",     "inputs",  "secrets", "connections",
                                                       "locks",  "approval", "outputs", "defaults"};
  std::vector<PlannedKey> out;
  for (const SecretDeclaration& secret : playbook.secrets)
    out.push_back({"secret " + secret.name.text, Value(source_of(secret))});
  for (const ConnectionDeclaration& connection : playbook.connections) {
    Map settings;
    for (const Entry& entry : connection.settings)
      settings[entry.key.text] = without_passwords(rendered(type_any(entry.value, values), problems), entry.key.text);
    out.push_back({"connection " + connection.name.text, std::move(settings)});
  }
  for (const Lock& lock : playbook.locks.names)
    out.push_back({"lock", rendered(values.text(lock.name, false), problems)});
  for (PrintedKey& key : printed_keys(playbook, files))
    if (!elsewhere.contains(key.key)) out.push_back({std::string(key.key), std::move(key.text)});
  return out;
}

std::vector<PlannedKey> arguments_of(const Step& step, const std::vector<Action>& actions, const ArgumentValues& values,
                                     Diagnostics& problems, std::vector<std::string>& after) {
  std::vector<PlannedKey> out;
  auto text = [&](const Template& written) { return rendered(values.text(written, false), problems); };
  auto entries = [&](const std::vector<Entry>& list) {
    for (const Entry& entry : list) {
      collect_reads(entry.value, after);
      out.push_back({entry.key.text, rendered(type_any(entry.value, values), problems)});
    }
  };
  for (const ActionCall& call : step.actions) {
    const Action* action = find_action(actions, call.action.text);
    if (!action) continue;
    collect_reads(call.args, after);
    tl::expected<Map, Diagnostics> args = type_arguments(call.args, *action, values);
    if (!args) {
      for (Diagnostic& problem : args.error()) problems.push_back(std::move(problem));
      continue;
    }
    if (const auto* written = std::get_if<std::vector<Entry>>(&call.args.value))
      for (const Entry& entry : *written)
        if (auto found = args->find(entry.key.text); found != args->end())
          out.push_back({entry.key.text, std::move(found->second)});
  }
  if (step.set) entries(step.set->values);
  if (step.call) {
    if (step.call->playbook) out.push_back({"playbook", step.call->playbook->text});
    entries(step.call->with);
  }
  if (step.choose && step.choose->by) out.push_back({"by", step.choose->by->text});
  if (step.fail && step.fail->message) out.push_back({"message", text(*step.fail->message)});
  if (step.fail && step.fail->code) out.push_back({"code", step.fail->code->text});
  if (step.wait && step.wait->duration) out.push_back({"for", text(step.wait->duration->text)});
  if (step.audit) {
    if (step.audit->event) out.push_back({"event", step.audit->event->text});
    entries(step.audit->fields);
  }
  if (step.manual) {
    const Manual& manual = *step.manual;
    if (manual.instructions) out.push_back({"instructions", text(*manual.instructions)});
    List checklist, form;
    for (const Template& item : manual.checklist) checklist.push_back(text(item));
    for (const Input& field : manual.form) form.push_back(field.name.text);
    if (!checklist.empty()) out.push_back({"checklist", std::move(checklist)});
    if (!form.empty()) out.push_back({"form", std::move(form)});
    if (manual.expires) out.push_back({"expires", text(manual.expires->text)});
  }
  return out;
}

}  // namespace muster
