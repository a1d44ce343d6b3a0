// Which secrets a node reads: told by its expressions, found through the field tables, so that a key of the language
// that holds expressions cannot be forgotten here.
#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/engine/secrets.h"
#include "interpreter/language/fields.h"

namespace muster {
namespace {

class SecretReads {
 public:
  SecretReads(const Playbook& playbook, const std::vector<Action>& actions) : playbook_(playbook), actions_(actions) {}

  // --- a visitor of fields.h
  template <class M>
  void operator()(std::string_view, M& member, Need, std::string_view) {
    of(member);
  }
  void calls(std::vector<ActionCall>& calls, std::string_view) { of(calls); }
  void entries(std::vector<Entry>& entries, std::string_view) { of(entries); }
  void part(Group& group) { describe(group, *this); }
  void part(std::shared_ptr<Group>& group) {
    if (group) describe(*group, *this);
  }
  void part(std::shared_ptr<Fanout>& fanout) {
    if (fanout) describe(*fanout, *this);
  }
  void later(std::initializer_list<std::string_view>) {}

  // --- what holds expressions
  void of(const Expression& expression) {
    for (const std::string& name : secrets_read_by(expression)) add(name);
  }
  void of(const Template& text) {
    for (const auto& piece : text.pieces)
      if (const auto* expression = std::get_if<Expression>(&piece)) of(*expression);
  }
  void of(const DurationText& text) { of(text.text); }
  void of(const IntegerText& text) { of(text.text); }
  void of(const FailureLimit& limit) { of(limit.text); }
  void of(const ItemList& items) {
    if (const auto* expression = std::get_if<Expression>(&items.list)) return of(*expression);
    for (const Argument& item : std::get<std::vector<Argument>>(items.list)) of(item);
  }
  void of(const Argument& argument) {
    if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
      of(scalar->text);
    } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
      for (const Argument& item : *items) of(item);
    } else {
      for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) of(entry);
    }
  }
  void of(const Entry& entry) { of(entry.value); }
  void of(const Output& output) { of(output.value); }
  void of(const Lock& lock) { of(lock.name); }
  void of(const ConnectionDeclaration& connection) {
    for (const Entry& setting : connection.settings) of(setting);
  }
  void of(const ActionCall& call) {
    of(call.args);
    if (const Action* action = find_action(actions_, call.action.text)) connections(call.args, action->fields);
  }
  template <class T>
  requires requires(T& construct, SecretReads& visit) { describe(construct, visit); }
  void of(T& construct) { describe(construct, *this); }
  template <class T>
  void of(std::optional<T>& maybe) {
    if (maybe) of(*maybe);
  }
  template <class T>
  void of(Boxed<T>& maybe) {
    if (maybe) of(*maybe);
  }
  template <class T>
  void of(std::vector<T>& all) {
    for (T& one : all) of(one);
  }

  // --- nodes of their own, and what holds none
  void of(Step&) {}
  void of(Option& option) { of(option.step.when); }  // the choice asks it
  void of(Phase&) {}
  void of(Rollback&) {}
  void of(ConnectionDeclaration&) {}  // read by the calls that name it
  void of(Input&) {}                  // literals
  void of(SecretDeclaration&) {}
  void of(Requirement&) {}
  void of(Name&) {}
  void of(std::string&) {}
  void of(bool&) {}
  void of(double&) {}
  void of(OnFailure&) {}

  std::vector<SecretRead> found;

 private:
  void add(const std::string& name) {
    auto is_known = [&](const SecretRead& read) {
      return read.name == name && (!read.tells || (read.tells == tells_ && read.start == start_));
    };
    if (std::none_of(found.begin(), found.end(), is_known)) found.push_back({nullptr, name, tells_, start_});
  }

  void connections(const Argument& argument, const std::vector<Field>& fields) {
    const auto* entries = std::get_if<std::vector<Entry>>(&argument.value);
    if (!entries) return;
    for (const Entry& entry : *entries)
      for (const Field& field : fields) {
        if (field.name != entry.key.text) continue;
        if (!field.used_with.empty()) {
          tells_ = text_beside(*entries, field.used_with);
          start_ = field.used_with_start;
        }
        connection(entry.value, field);
        tells_ = nullptr;
        start_.clear();
      }
  }
  static const Template* text_beside(const std::vector<Entry>& entries, const std::string& name) {
    for (const Entry& entry : entries)
      if (entry.key.text == name)
        if (const auto* scalar = std::get_if<Argument::Scalar>(&entry.value.value)) return &scalar->text;
    return nullptr;
  }
  void connection(const Argument& argument, const Field& field) {
    if (field.type == FieldType::object) return connections(argument, field.fields);
    if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
      for (const Argument& item : *items)
        if (!field.items.empty()) connection(item, field.items.front());
      return;
    }
    const auto* scalar = std::get_if<Argument::Scalar>(&argument.value);
    if (!scalar || field.type != FieldType::connection) return;
    for (const ConnectionDeclaration& declared : playbook_.connections)
      if (declared.name.text == scalar->text.written()) of(std::as_const(declared));
  }

  const Playbook& playbook_;
  const std::vector<Action>& actions_;
  const Template* tells_ = nullptr;  // of the connection that is being looked at
  std::string start_;
};

// The tables of fields.h hand out members to be filled; here they are only looked at.
void read_of(const StepGraph& graph, const Node& node, const std::vector<Action>& actions,
             std::vector<SecretRead>& out) {
  SecretReads reads(graph.playbook_of(node), actions);
  if (node.step) {
    describe(const_cast<Step&>(*node.step), reads);
  } else if (node.phase) {
    describe(const_cast<Phase&>(*node.phase), reads);
  } else {
    describe(const_cast<Playbook&>(graph.playbook_of(node)), reads);
  }
  for (SecretRead& one : reads.found) {
    auto is_known = [&](const SecretRead& read) {
      return read.name == one.name && read.reader->scope == node.scope && (!read.tells || read.tells == one.tells);
    };
    if (std::any_of(out.begin(), out.end(), is_known)) continue;
    one.reader = &node;
    out.push_back(std::move(one));
  }
}

void read_below(const StepGraph& graph, const Node& node, const std::vector<Action>& actions,
                std::vector<SecretRead>& out) {
  if (node.step) read_of(graph, node, actions, out);
  for (NodeId id : node.body) read_below(graph, graph.at(id), actions, out);
}

}  // namespace

bool SecretRead::is_needed(const tl::expected<Value, Diagnostic>& told) const {
  const std::string* text = told ? told->find<std::string>() : nullptr;
  return !tells || !text || text->starts_with(start);
}

std::vector<std::string> secrets_read_by(const Expression& expression) {
  std::vector<std::string> names;
  for (const Read& read : expression.reads)
    if (read.path.size() > 1 && read.path[0] == "secrets") names.push_back(read.path[1]);
  return names;
}

std::vector<SecretRead> secrets_read_by(const StepGraph& graph, const Node& node, const std::vector<Action>& actions) {
  std::vector<SecretRead> reads;
  read_of(graph, node, actions, reads);
  if (approval_of(graph, node)) read_below(graph, node, actions, reads);
  return reads;
}

}  // namespace muster
