// What the texts of a playbook are worth in a dry run.
#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/dryrun/walk.h"

namespace muster {

const Node* Walk::called_above(const Node& node) const {
  const Node* at = &node;
  while (at->kind != NodeKind::called) {
    if (at->scope == 0) return nullptr;
    at = &expansion_.at(at->parent);
  }
  return at;
}

std::string Walk::secret_prefix(const Node& node) const {
  const Node* called = called_above(node);
  return called ? called->op.path + ":" : std::string();
}

const Map& Walk::inputs_of(const Node& node) const {
  const Node* called = called_above(node);
  if (!called) return inputs_;
  auto found = called_inputs_.find(called->op.path);
  static const Map none;
  return found == called_inputs_.end() ? none : found->second;
}

Foresight Walk::names(const Node& node) {
  Foresight names(expansion_, node, known_, inputs_of(node), now_);
  names.set_scripts(parts_.scripts);
  names.set_zones(&zones_, &parts_.world.files);
  names.set_person(parts_.person);
  names.set_secrets(&secrets_, &closed_, secret_prefix(node));
  return names;
}

Foresight Walk::names_for_show(const Node& node) {
  Foresight shown = names(node);
  shown.show_secrets_by_name();
  return shown;
}

ArgumentValues Walk::argument_values(const Node& node, const Foresight& names) {
  ArgumentValues values;
  values.only_used_connections = true;
  values.text = [&names](const Template& text, bool is_url) {
    return is_url ? evaluate_url(text, names) : evaluate(text, names);
  };
  values.connection = [this, &node, &names](const Name& name) -> tl::expected<Value, Diagnostic> {
    for (const ConnectionDeclaration& declared : parts_.graph.playbook_of(node).connections) {
      if (declared.name.text != name.text) continue;
      tl::expected<Map, Diagnostics> settings = type_connection(declared, argument_values(node, names));
      if (!settings) return tl::unexpected(settings.error().front());
      return Value(std::move(*settings));
    }
    Diagnostic missing;
    missing.code = "unknown-connection";
    missing.at = name.at;
    missing.message = "no connection is called `" + name.text + "`";
    return tl::unexpected(missing);
  };
  return values;
}

ArgumentValues Walk::shown_values(const Foresight& names) {
  ArgumentValues values;
  values.text = [&names](const Template& text, bool is_url) { return readable(text, names, is_url); };
  values.connection = [](const Name& name) -> tl::expected<Value, Diagnostic> { return Value(name.text); };
  return values;
}

Value Walk::shown_text(const Node& node, const Template& text) {
  Foresight shown = names_for_show(node);
  tl::expected<Value, Diagnostic> value = readable(text, shown, false);
  if (value) return std::move(*value);
  return Unknown{value.error().message};
}

void Walk::open_secrets(const Node& node) {
  for (const SecretRead& read : secrets_read_by(parts_.graph, parts_.graph.at(node.origin), parts_.actions)) {
    // What a gate shows of the steps behind it, they show themselves.
    if (read.reader->id != node.origin) continue;
    if (read.tells) {
      Foresight known = names(node);
      if (!read.is_needed(evaluate(*read.tells, known))) continue;
    }
    open_secret_of(node, read.name);
  }
}

void Walk::open_secrets(const Node& node, const Expression& expression) {
  for (const std::string& name : secrets_read_by(expression)) open_secret_of(node, name);
}

void Walk::open_secret_of(const Node& reader, const std::string& name) {
  const std::string key = secret_prefix(reader) + name;
  if (secrets_.is_open(key) || closed_.contains(key)) return;
  for (const SecretDeclaration& declared : parts_.graph.playbook_of(reader).secrets) {
    if (declared.name.text != name) continue;
    auto [source, texts] = source_as_declared(declared, key);
    Foresight known = names(reader);
    for (const Template& text : texts) {
      tl::expected<Value, Diagnostic> word = evaluate(text, known);
      if (!word) return secrets_.take(key, fail(ErrorCode::expression, word.error().message));
      if (const Unknown* open = word->find<Unknown>()) {
        closed_[key] = open->why;
        return;
      }
      source.words.push_back(to_text(*word));
    }
    SecretPorts ports(parts_.world.variables, parts_.world.files, commands_);
    Result<OpenedSecret> answer = open_secret(source, ports, parts_.stop);
    if (std::optional<std::string> refusal = commands_.take_refusal()) {
      closed_[key] = "the secret `" + name + "`: " + *refusal;
      return;
    }
    return secrets_.take(key, std::move(answer));
  }
}

Duration Walk::time_limit(const Node& node) {
  const std::optional<DurationText>* text = node.step ? &node.step->timeout : nullptr;
  const std::optional<Defaults>& defaults = parts_.graph.playbook_of(node).defaults;
  if ((!text || !*text) && defaults) text = &defaults->timeout;
  if (!text || !*text) return Duration{0};
  if ((*text)->known) return *(*text)->known;
  Foresight known = names(node);
  tl::expected<Value, Diagnostic> value = evaluate((*text)->text, known);
  if (!value) return Duration{0};
  if (const Duration* duration = value->find<Duration>()) return *duration;
  if (const auto* written = value->find<std::string>()) return parse_duration(*written).value_or(Duration{0});
  if (const auto* seconds = value->find<int64_t>()) return Duration::seconds(*seconds);
  return Duration{0};
}

Effect Walk::effect_of_call(const Node& node, const Action& action, const Map& args) const {
  Effect derived = action.effect ? action.effect(args) : Effect::write;
  std::optional<Effect> declared;
  if (node.step->effect) declared = effect_of(node.step->effect->text);
  if (!declared) return derived;
  return action.effect_may_be_declared ? *declared : std::max(derived, *declared);
}

std::string Walk::change_before(const Node& node) {
  if (!changes_.empty()) return changes_.back();
  if (!order_.has_freedom()) return {};
  // In a run the change of a step that stands beside this one may come first.
  const Node& reader = parts_.graph.at(node.origin);
  for (const Node& other : parts_.graph.nodes()) {
    const std::optional<Effect>& effect = effects_[other.id.index];
    if (!effect || *effect == Effect::read || is_over_[other.id.index] || other.id == reader.id) continue;
    if (other.place != Place::body) continue;  // of what runs only when something fails
    if (!order_.is_before(reader, other)) return short_name(other);
  }
  return {};
}

}  // namespace muster
