#include "interpreter/page/page_markdown.h"

#include <algorithm>
#include <memory>

#include "interpreter/checker/checker.h"
#include "interpreter/page/command_text.h"
#include "interpreter/page/readable.h"
#include "interpreter/plan/parts.h"
#include "interpreter/plan/printed.h"

namespace muster {
namespace {

std::string_view said(Effect effect) {
  switch (effect) {
    case Effect::read:
      return "reads";
    case Effect::write:
      return "writes";
    case Effect::destructive:
      break;
  }
  return "destroys";
}

std::string list_of(const std::vector<std::string>& items) {
  std::string out;
  for (const std::string& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string text_of(const DurationText& duration) { return readable(duration.text); }

std::string share_text(const Share& share) {
  const int all = share.machine + share.person;
  std::string out = std::to_string(share.machine) + " of " + std::to_string(all) + (all == 1 ? " step" : " steps") +
                    " by machine, " + std::to_string(share.person) + " by a person (" +
                    std::to_string(share.percent()) + " % automated)";
  if (share.gates > 0)
    out += "; " + std::to_string(share.gates) + (share.gates == 1 ? " decision" : " decisions") + " at gates";
  return out;
}

// A playbook that is called, once for all calls of it.
struct CalledPlaybook {
  std::string file, heading;
  std::shared_ptr<const Playbook> playbook;
};

class Writer {
 public:
  Writer(const std::vector<Action>& actions, std::vector<CalledPlaybook>& called)
      : actions_(actions), called_(called) {}

  std::string head(const Playbook& playbook, int level) {
    out_ = std::string(static_cast<size_t>(level), '#') + " ";
    std::string identity =
        code((playbook.playbook ? playbook.playbook->text : "") + (playbook.version ? " " + *playbook.version : ""));
    if (level == 1) {
      out_ += prose(playbook.title.value_or(playbook.playbook ? playbook.playbook->text : "")) + "\n\n" + identity;
    } else {
      out_ += heading_of(playbook) + "\n\n" + (playbook.title ? "**" + prose(*playbook.title) + "** " : "") + identity;
    }
    if (playbook.owner) out_ += ", kept by " + prose(*playbook.owner);
    std::vector<std::string> tags;
    for (const Name& tag : playbook.tags) tags.push_back(prose(tag.text));
    if (!tags.empty()) out_ += " (" + list_of(tags) + ")";
    out_ += "\n\n";
    if (playbook.description) out_ += prose_lines(*playbook.description) + "\n";
    return std::move(out_);
  }

  static std::string heading_of(const Playbook& playbook) {
    return "Called: " + (playbook.playbook ? playbook.playbook->text : "a playbook");
  }

  // What must be known and there before the first step.
  std::string before(const Playbook& playbook, int level) {
    out_.clear();
    const std::string heading = std::string(static_cast<size_t>(level), '#') + " ";
    if (!playbook.inputs.empty()) {
      out_ += heading + "Inputs\n\n";
      inputs(playbook.inputs);
    }
    std::string needs;
    auto add = [&](std::string_view what, const std::string& list) {
      if (!list.empty()) needs += "- **" + std::string(what) + "**: " + list + "\n";
    };
    std::vector<std::string> words;
    if (playbook.required) {
      const Requires& required = *playbook.required;
      for (const Template& command : required.commands) words.push_back(code(readable(command)));
      add("Programs that must be there", list_of(words));
      words.clear();
      for (const Name& name : required.env) words.push_back(code(name.text));
      add("Variables that must be set", list_of(words));
      words.clear();
      for (const Template& file : required.files) words.push_back(code(readable(file)));
      add("Files and folders that must be there", list_of(words));
      if (required.muster) add("Muster", code(required.muster->text));
      if (required.window) add("Begins only", window(*required.window));
      if (required.rehearsed_within)
        add("Rehearsed", "its scenarios must have passed within " + text_of(*required.rehearsed_within) +
                             ", with the very files that are run");
    }
    for (const ConnectionDeclaration& connection : playbook.connections)
      add("Connection " + code(connection.name.text), connection_text(connection));
    for (const SecretDeclaration& secret : playbook.secrets) add("Secret " + code(secret.name.text), source_of(secret));
    words.clear();
    for (const Lock& lock : playbook.locks.names) words.push_back(code(readable(lock.name)));
    add("One run at a time for",
        list_of(words) + (playbook.locks.wait && !words.empty() ? ", waits " + text_of(*playbook.locks.wait) : ""));
    if (playbook.objectives) add("Objectives", objectives(*playbook.objectives));
    if (playbook.timeout) add("Takes at most", text_of(*playbook.timeout));
    if (playbook.defaults) add("Unless a step says otherwise", defaults(*playbook.defaults));
    if (!needs.empty()) out_ += heading + "Before the first step\n\n" + needs + "\n";
    return std::move(out_);
  }

  std::string body(const StepGraph& graph, int level) {
    graph_ = &graph;
    level_ = level;
    out_.clear();
    const Playbook& playbook = graph.playbook();
    const Node& root = graph.root();
    if (playbook.approval) gate(*playbook.approval);
    if (playbook.parallel) out_ += "The phases wait for nothing but their needs: they may be done side by side.\n\n";
    int number = 0;
    for (NodeId id : root.body) node(graph.at(id), level, std::to_string(++number));
    others("If a phase fails", "rescue", root.rescue, level, "");
    others("To undo the run", "undo", root.rollback, level, "");
    others("However it ends", "always", root.always, level, "");
    outputs(playbook.outputs, level);
    return std::move(out_);
  }

 private:
  // Headings go no deeper than Markdown's.
  static std::string heading(int level, const std::string& text) {
    if (level > 6) return "**" + text + "**\n\n";
    return std::string(static_cast<size_t>(level), '#') + " " + text + "\n\n";
  }

  static std::string source_of(const SecretDeclaration& secret) {
    std::string out;
    if (secret.env) out = "the variable " + code(secret.env->text);
    if (secret.file) out = "the file " + code(readable(*secret.file));
    if (secret.command) {
      std::string line;
      for (const Template& word : *secret.command) line += (line.empty() ? "" : " ") + readable(word);
      out = "printed by " + code(line);
    }
    return out + (secret.encoding ? ", " + secret.encoding->text : "");
  }

  static std::string window(const Window& window) {
    std::vector<std::string> days;
    for (const Name& day : window.days) days.push_back(day.text);
    std::string out = days.empty() ? "every day" : list_of(days);
    if (window.from) out += " from " + window.from->text;
    if (window.to) out += " to " + window.to->text;
    return out + " " + (window.zone ? window.zone->text : "UTC");
  }

  static std::string objectives(const Objectives& objectives) {
    std::string out;
    if (objectives.rto) out = "recovered within " + text_of(*objectives.rto);
    if (objectives.rpo) out += (out.empty() ? "" : ", ") + ("at most " + text_of(*objectives.rpo)) + " of data lost";
    return out;
  }

  static std::string retry(const Retry& retry) {
    std::string out = "up to " + readable(retry.attempts.text) + " times";
    if (retry.delay) out += ", " + text_of(*retry.delay) + " apart";
    if (retry.backoff != 1.0) out += ", each pause " + to_text(Value(retry.backoff)) + " times the one before";
    if (retry.max_delay) out += ", at most " + text_of(*retry.max_delay);
    if (retry.when) out += ", while " + code(retry.when->text);
    return out;
  }

  static std::string_view failing(OnFailure how) {
    return how == OnFailure::proceed ? "go on all the same"
           : how == OnFailure::ask   ? "ask a person: again, skip, undo or stop"
                                     : "stop here";
  }

  static std::string defaults(const Defaults& defaults) {
    std::vector<std::string> words;
    if (defaults.timeout) words.push_back("at most " + text_of(*defaults.timeout));
    if (defaults.retry) words.push_back("tried " + retry(*defaults.retry));
    if (defaults.on_failure) words.push_back("when it fails, " + std::string(failing(*defaults.on_failure)));
    return list_of(words);
  }

  void inputs(const std::vector<Input>& list) {
    out_ += "| name | what it is | type | given |\n| --- | --- | --- | --- |\n";
    for (const Input& input : list) {
      std::string type = input.type ? input.type->text : "string";
      if (input.of) type += " of " + input.of->text;
      if (!input.values.empty()) {
        std::string values;
        for (const Argument& value : input.values) values += (values.empty() ? ": " : ", ") + readable(value);
        type += values;
      }
      if (input.min) type += ", from " + readable(*input.min);
      if (input.max) type += ", to " + readable(*input.max);
      if (input.pattern) type += ", like " + code(*input.pattern);
      std::string given = "may be";
      if (input.required) given = "**must be**";
      if (input.fallback) {
        std::string value = readable(*input.fallback, input.name.text);
        given = value.empty() ? "else empty" : "else " + code(value);
      }
      out_ += "| " + code(input.name.text) + " | " + in_cell(prose(input.description.value_or(""))) + " | " +
              in_cell(type) + " | " + in_cell(given) + " |\n";
    }
    out_ += "\n";
  }

  void outputs(const std::vector<Output>& list, int level) {
    if (list.empty()) return;
    out_ += heading(level, "Results");
    for (const Output& output : list)
      out_ += "- " + code(output.name.text) + ": " + code(readable(output.value, output.name.text)) + "\n";
    out_ += "\n";
  }

  std::string title_of(const Node& node) const {
    if (node.phase && node.phase->title) return prose(*node.phase->title);
    if (node.step && node.step->title) return prose(*node.step->title);
    if (node.step && node.step->call && node.step->call->called && node.step->call->called->title)
      return prose(*node.step->call->called->title);
    const std::string& path = node.op.path;
    const std::string name = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
    return name.find_first_not_of("0123456789") == std::string::npos ? what_of(node) : prose(name);
  }

  std::string meta(const Node& node) const {
    std::string what = what_of(node), out = code(node.op.path);
    if (what == "phase" || what == "steps") return out;
    out += ", " + (node.step && node.step->manual ? std::string("by a person") : prose(what));
    if (!node.step || node.step->actions.empty()) return out;
    const ActionCall& call = node.step->actions.front();
    if (const Action* action = find_action(actions_, call.action.text))
      out += ", " + std::string(said(effect_of(call, *action, node.step->effect, false)));
    return out;
  }

  void claims(const std::vector<Claim>& list) {
    for (const Claim& claim : list) {
      out_ += "- ";
      if (claim.name) out_ += prose(*claim.name) + ": ";
      out_ += code(claim.that.text);
      if (claim.severity) out_ += " (" + claim.severity->text + ")";
      out_ += "\n";
    }
    if (!list.empty()) out_ += "\n";
  }

  void command(const ActionCall& call) { out_ += command_text(call, graph_->playbook(), actions_) + "\n"; }

  void gate(const Approval& approval) {
    if (approval.waived) return;
    std::string text =
        "**Stop. " + (approval.approvers.empty() ? "Somebody" : printed(approval.approvers)) + " decides.**";
    if (approval.message) text += " " + prose(*approval.message);
    std::vector<std::string> rules;
    if (approval.prevent_self_approval)
      rules.push_back(*approval.prevent_self_approval ? "not whoever started it" : "whoever started it may");
    if (approval.require_reason) rules.push_back("with a reason");
    if (approval.expires) rules.push_back("within " + text_of(*approval.expires));
    std::vector<std::string> told;
    for (const Name& channel : approval.notify) told.push_back(code(channel.text));
    if (!told.empty()) rules.push_back("the channel " + list_of(told) + " is told");
    if (!rules.empty()) text += " (" + list_of(rules) + ")";
    for (size_t at = 0; at <= text.size();) {
      const size_t end = std::min(text.find('\n', at), text.size());
      out_ += "> " + text.substr(at, end - at) + "\n";
      at = end + 1;
    }
    out_ += "\n";
    for (const Evidence& evidence : approval.evidence) {
      out_ += "Look at this before deciding, and again before going on (" + code(evidence.name.text) + "). ";
      for (const ActionCall& probe : evidence.probes) command(probe);
    }
  }

  void conditions(const Node& node) {
    const Step& step = *node.step;
    std::string facts;
    if (step.when) facts += "- Only when " + code(step.when->text) + "\n";
    if (step.needs) {
      std::vector<std::string> ids;
      for (const Name& id : *step.needs) ids.push_back(code(id.text));
      facts += ids.empty() ? "- Waits for no other step of its group\n" : "- After " + list_of(ids) + "\n";
    }
    if (step.fanout && step.fanout->foreach) {
      const Fanout& fanout = *step.fanout;
      std::string list;
      if (const auto* expression = std::get_if<Expression>(&fanout.foreach->list)) {
        list = expression->text;
      } else {
        for (const Argument& value : std::get<std::vector<Argument>>(fanout.foreach->list))
          list += (list.empty() ? "" : ", ") + readable(value);
      }
      facts += "- Once for each " + code(fanout.name()) + " of " + code(list);
      if (fanout.max_parallel) facts += ", " + readable(fanout.max_parallel->text) + " at the same time";
      if (fanout.max_failures) facts += "; " + readable(fanout.max_failures->text) + " may fail";
      if (fanout.first_success) facts += ", until one succeeds; one that fails is undone";
      facts += "\n";
    }
    if (step.timeout) facts += "- Takes at most " + text_of(*step.timeout) + "\n";
    if (step.retry) facts += "- Tried " + retry(*step.retry) + "\n";
    if (step.idempotent && *step.idempotent) facts += "- May be done twice\n";
    if (step.sensitive && *step.sensitive) facts += "- Its result is neither kept nor shown\n";
    group_facts(step.group.get(), facts);
    if (!facts.empty()) out_ += facts + "\n";
    if (step.done_when) {
      out_ += "Nothing is to do where this shows that it is done.\n\n";
      for (const ActionCall& probe : step.done_when->probes) command(probe);
      claims(step.done_when->that);
    }
  }

  void group_facts(const Group* group, std::string& facts) {
    if (!group) return;
    if (group->parallel) {
      facts += "- Its steps may be done side by side";
      if (group->max_parallel) facts += ", " + readable(group->max_parallel->text) + " at the same time";
      facts += "\n";
    }
    if (group->objectives) facts += "- Objectives: " + objectives(*group->objectives) + "\n";
  }

  void by_hand(const Manual& manual) {
    out_ += "A person does this";
    if (!manual.assignees.empty()) out_ += ": " + printed(manual.assignees);
    if (manual.expires) out_ += ", within " + text_of(*manual.expires);
    out_ += ".\n\n";
    if (manual.instructions) out_ += prose(*manual.instructions) + "\n\n";
    for (const Template& item : manual.checklist) out_ += "- [ ] " + prose(item) + "\n";
    if (!manual.checklist.empty()) out_ += "\n";
    if (manual.form.empty()) return;
    out_ += "Write down:\n\n";
    inputs(manual.form);
  }

  void entries(const std::vector<Entry>& list) {
    for (const Entry& entry : list)
      out_ += "- " + code(entry.key.text) + " is " + code(readable(entry.value, entry.key.text)) + "\n";
    if (!list.empty()) out_ += "\n";
  }

  void call(const Call& call) {
    if (!call.playbook || !call.called) return;
    auto it = std::find_if(called_.begin(), called_.end(), [&](const CalledPlaybook& one) {
      return one.playbook->playbook->text == call.called->playbook->text;
    });
    if (it == called_.end()) {
      called_.push_back({call.playbook->text, heading_of(*call.called), call.called});
      it = called_.end() - 1;
    }
    out_ += "Follow [" + prose(call.called->playbook->text) + "](#" + anchor_of(it->heading) + ")" +
            (call.with.empty() ? "" : " with") + "\n\n";
    entries(call.with);
  }

  // What the step itself does.
  void doing(const Node& node) {
    const Step& step = *node.step;
    for (const ActionCall& action : step.actions) command(action);
    if (step.set) {
      out_ += "Keep these values:\n\n";
      entries(step.set->values);
    }
    if (step.fail) {
      out_ += "It has failed";
      if (step.fail->code) out_ += " (" + code(step.fail->code->text) + ")";
      out_ += step.fail->message ? ": " + prose(*step.fail->message) + "\n\n" : "\n\n";
    }
    if (step.wait && step.wait->duration) out_ += "Wait for " + text_of(*step.wait->duration) + ".\n\n";
    if (step.audit) {
      out_ += "Write " + code(step.audit->event ? step.audit->event->text : "") + " into the audit log";
      out_ += step.audit->fields.empty() ? ".\n\n" : " with\n\n";
      entries(step.audit->fields);
    }
    if (step.manual) by_hand(*step.manual);
    if (step.call) call(*step.call);
    if (step.choose) {
      out_ += step.choose->by ? "Go the way that " + code(step.choose->by->text) + " names"
                              : std::string("Go the first way whose condition holds");
      out_ += step.choose->fallback ? "; when it fails, undo it and go the next. A no at a gate ends the search.\n\n"
                                    : ".\n\n";
    }
  }

  void checks(const Step& step) {
    if (step.watch) {
      out_ += "Meanwhile, every " + (step.watch->every ? text_of(*step.watch->every) : std::string("1s")) +
              ", stop when one of these no longer holds.\n\n";
      for (const ActionCall& probe : step.watch->probes) command(probe);
      claims(step.watch->that);
    }
    if (step.verify) {
      out_ += "**Check**";
      if (step.verify->within) {
        out_ += " until it holds, for at most " + text_of(*step.verify->within);
        if (step.verify->every) out_ += ", every " + text_of(*step.verify->every);
      }
      out_ += ".\n\n";
      for (const ActionCall& probe : step.verify->probes) command(probe);
      claims(step.verify->that);
    }
    if (step.on_failure) out_ += "When it fails: " + std::string(failing(*step.on_failure)) + ".\n\n";
  }

  void others(const std::string& why, const std::string& mark, const std::vector<NodeId>& list, int level,
              const std::string& number) {
    if (list.empty()) return;
    out_ += heading(level, why);
    int place = 0;
    for (NodeId id : list)
      node(graph_->at(id), level + 1, (number.empty() ? "" : number + " ") + mark + " " + std::to_string(++place));
  }

  // Depth is that of groups in groups, which the reader limits.
  void node(const Node& node, int level, const std::string& number) {
    const Node& body = node.kind == NodeKind::foreach ? graph_->at(node.body.front()) : node;
    out_ += heading(level, (node.phase ? "Phase " + number + ": " : number + " ") + title_of(node));
    out_ += meta(node) + "\n\n";
    const std::optional<std::string>& description = node.phase ? node.phase->description : node.step->description;
    if (description) out_ += prose_lines(*description) + "\n";
    if (node.phase) {
      std::string facts;
      if (node.phase->when) facts += "- Only when " + code(node.phase->when->text) + "\n";
      if (node.phase->timeout) facts += "- Takes at most " + text_of(*node.phase->timeout) + "\n";
      group_facts(&node.phase->group, facts);
      if (!facts.empty()) out_ += facts + "\n";
    } else {
      conditions(node);
    }
    if (const Boxed<Approval>& approval = approval_of(*graph_, node)) gate(*approval);
    if (node.step) doing(node);
    if (body.kind != NodeKind::call) {
      int place = 0;
      for (NodeId id : in_order(body.body, [this](NodeId at) -> const Node& { return graph_->at(at); }))
        this->node(graph_->at(id), level + 1, number + "." + std::to_string(++place));
    }
    if (node.step) checks(*node.step);
    const std::vector<Output>& results = outputs_of(*graph_, body);
    if (!results.empty()) {
      out_ += "Its results:\n\n";
      for (const Output& output : results)
        out_ += "- " + code(output.name.text) + ": " + code(readable(output.value, output.name.text)) + "\n";
      out_ += "\n";
    }
    if (!body.before.empty())
      others("Before " + number + " is tried again", "again", body.before.front(), level + 1, number);
    others("If " + number + " fails", "rescue", body.rescue, level + 1, number);
    if (body.rollback_automatic) out_ += "To undo " + number + ": the action takes back what it did.\n\n";
    others("To undo " + number, "undo", body.rollback, level + 1, number);
    others("However " + number + " ends", "always", body.always, level + 1, number);
  }

  const std::vector<Action>& actions_;
  std::vector<CalledPlaybook>& called_;
  const StepGraph* graph_ = nullptr;
  int level_ = 1;
  std::string out_;
};

}  // namespace

std::string markdown_of(const StepGraph& graph, const std::vector<Action>& actions, const Page& facts) {
  std::vector<CalledPlaybook> called;
  Writer writer(actions, called);
  const Playbook& playbook = graph.playbook();
  std::string out = writer.head(playbook, 1);
  out += share_text(facts.share) + (graph.scopes().size() > 1 ? ", with those of the playbooks that it calls" : "") +
         ".\n\n";
  out +=
      "`<name>` stands for the value of an input, `<step.field>` for what a step has found, `<secret name>` for a "
      "secret.\n\n";
  out += writer.before(playbook, 2) + writer.body(graph, 2);
  // Called playbooks may call others: the list grows while it is written.
  for (size_t i = 0; i < called.size(); ++i) {
    const std::shared_ptr<const Playbook> one = called[i].playbook;
    const StepGraph inner(one);
    out += writer.head(*one, 2) + writer.before(*one, 3) + writer.body(inner, 3);
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out + "\n";
}

}  // namespace muster
