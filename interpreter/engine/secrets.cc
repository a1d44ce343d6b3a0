// What a run knows of its secrets, and the loop's part of it: they are read on other threads, before what needs them.
#include "interpreter/engine/secrets.h"

#include <algorithm>
#include <array>

#include "interpreter/engine/loop.h"

namespace muster {
namespace {

// The words that events are made of. A secret that happens to be one of them must not unmake the journal.
bool is_structure(std::string_view key) {
  constexpr std::array<std::string_view, 28> words = {
      "carried_from", "done_when", "from",   "settled_by", "action",  "args_digest", "barred",
      "bound",        "breakers",  "choice", "code",       "digest",  "effect",      "entered",
      "exit_code",    "nonce",     "op",     "people",     "person",  "places",      "signature",
      "state",        "status",    "step",   "steps",      "undo_of", "verdict",     "without"};
  for (std::string_view word : words)
    if (word == key) return true;
  return false;
}

}  // namespace

void OpenedSecrets::take(const std::string& name, Result<OpenedSecret> answer) {
  if (!answer) {
    answers_.insert_or_assign(name, Result<Value>(pass(redaction_.error(answer.error()))));
    return;
  }
  Secret secret(name, std::move(answer->text));
  redaction_.know(secret);
  if (!answer->written.empty()) redaction_.know(answer->written);
  answers_.insert_or_assign(name, Result<Value>(Value(std::move(secret))));
}

void OpenedSecrets::keep_out(const Value& found) {
  constexpr size_t least_bytes = 8;
  if (const auto* text = found.find<std::string>()) {
    for (size_t at = 0; at < text->size();) {
      const size_t end = std::min(text->find('\n', at), text->size());
      if (end - at >= least_bytes) redaction_.know(text->substr(at, end - at));
      at = end + 1;
    }
  } else if (const List* list = found.find<List>()) {
    for (const Value& item : *list) keep_out(item);
  } else if (const Map* map = found.find<Map>()) {
    for (const auto& [key, value] : *map) keep_out(value);
  }
}

bool OpenedSecrets::is_open(const std::string& name) const {
  auto found = answers_.find(name);
  return found != answers_.end() && found->second.has_value();
}

tl::expected<const Value*, std::string> OpenedSecrets::find(const std::string& name) const {
  auto found = answers_.find(name);
  std::string start = "secret `" + name + "` cannot be read: ";
  if (found == answers_.end()) return tl::unexpected(start + "nothing asked for it in time");
  if (found->second) return &*found->second;
  const Error& error = found->second.error();
  return tl::unexpected(start + error.message + (error.hint.empty() ? "" : "; " + error.hint));
}

tl::expected<bool, std::string> OpenedSecrets::has(const std::string& name) const {
  auto found = answers_.find(name);
  if (found != answers_.end() && !found->second && found->second.error().code == ErrorCode::not_found) return false;
  tl::expected<const Value*, std::string> secret = find(name);
  if (!secret) return tl::unexpected(secret.error());
  return true;
}

std::vector<Secret> OpenedSecrets::all() const {
  std::vector<Secret> all;
  for (const auto& [name, answer] : answers_)
    if (answer)
      if (const Secret* secret = answer->find<Secret>()) all.push_back(*secret);
  return all;
}

Map OpenedSecrets::body(Map body) const {
  if (redaction_.is_idle()) return body;
  for (auto& [key, value] : body) {
    if (is_structure(key)) continue;
    if (Map* inner = value.find<Map>(); inner && key == "error") {
      for (auto& [part, of_error] : *inner)
        if (!is_structure(part)) of_error = redaction_.value(std::move(of_error));
    } else if (List* rows = value.find<List>(); rows && key == "guarded") {
      for (Value& row : *rows)
        if (Map* step = row.find<Map>())
          for (auto& [part, of_step] : *step)
            if (!is_structure(part)) of_step = redaction_.value(std::move(of_step));
    } else {
      value = redaction_.value(std::move(value));
    }
  }
  return body;
}

// --- the loop's part

bool Engine::Loop::opens_secrets(const Node& node, Context context) {
  const std::vector<Scope>& scopes = parts_.graph->scopes();
  if (std::all_of(scopes.begin(), scopes.end(), [](const Scope& scope) { return scope.playbook->secrets.empty(); }))
    return false;
  NodeRun& run = run_of(node);
  const OpRecord& op = record(node);
  if (run.opening_secrets) {
    if (history_.cancel && !context.ending && run.stop) run.stop->request_stop();
    return true;
  }
  bool has_begun = op.attempt > 0 || op.entered || op.gate.opening > 0;
  if (run.in_flight || run.previewing || (op.state == StepState::in_doubt && !can_ask_again(node)) ||
      (context.stop && !has_begun))
    return false;
  if (context.stop && history_.cancel && history_.cancel->now) return false;
  if (op.due_at && now() < *op.due_at) return false;  // the next attempt reads what the last one could not
  // A step that is skipped reads none but those that its `when` asks for.
  const std::optional<Expression>* when = when_of(node);
  bool only_when = when && *when && !op.when && op.attempt == 0;
  int asked = 2 * op.attempt + (only_when ? 1 : 2);
  if (run.secrets_asked == asked) return false;  // what could not be read is told where it is used
  std::vector<SecretSource> wanted;
  std::vector<SecretRead> reads;
  if (only_when) {
    for (std::string& name : secrets_read_by(**when)) reads.push_back({&node, std::move(name)});
  } else {
    reads = secrets_needed_by(node);
  }
  for (const SecretRead& read : reads) {
    const std::string key = secret_prefix(*read.reader) + read.name;
    if (secrets_.is_open(key)) continue;
    if (read.tells) {
      RunEnvironment names = environment(*read.reader, now());
      if (!read.is_needed(evaluate(*read.tells, names))) continue;
    }
    if (being_opened_.count(key) > 0) return true;
    auto is_wanted = [&](const SecretSource& source) { return source.key == key; };
    if (std::any_of(wanted.begin(), wanted.end(), is_wanted)) continue;
    if (std::optional<SecretSource> source = secret_source(*read.reader, read.name))
      wanted.push_back(std::move(*source));
  }
  run.secrets_asked = asked;
  if (wanted.empty()) return false;
  run.opening_secrets = true;
  run.stop.emplace();
  for (const SecretSource& source : wanted) being_opened_.insert(source.key);
  after_commit_.push_back([this, wanted, id = node.id, stop = run.stop->get_token()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, wanted, id, stop] {
      auto answers = std::make_shared<std::vector<std::pair<std::string, Result<OpenedSecret>>>>();
      for (const SecretSource& source : wanted)
        answers->emplace_back(source.key, open_secret(source, *parts_.world, stop));
      parts_.executor->post([this, answers, id] {
        completed_.push_back([this, answers, id] {
          --in_flight_;
          for (auto& [name, answer] : *answers) {
            secrets_.take(name, std::move(answer));
            being_opened_.erase(name);
          }
          nodes_[id.index].opening_secrets = false;
          nodes_[id.index].stop.reset();
        });
      });
    });
  });
  return true;
}

std::vector<SecretRead> Engine::Loop::secrets_needed_by(const Node& node) {
  std::vector<SecretRead> names = secrets_read_by(*parts_.graph, node, *parts_.actions);
  if (node.kind != NodeKind::playbook) return names;
  // A run that goes on after a kill or a gate knows at once what it knew before, so that nothing slips through.
  std::set<uint32_t> asked;  // the items of a list read the same
  for (const OpRecord* op : history_.in_order()) {
    const Node* other = op->attempt == 0 && op->gate.opening == 0 ? nullptr : expansion_.find(op->op);
    if (!other || !asked.insert(other->origin.index).second) continue;
    for (SecretRead& read : secrets_read_by(*parts_.graph, *other, *parts_.actions)) names.push_back(std::move(read));
  }
  return names;
}

std::optional<SecretSource> Engine::Loop::secret_source(const Node& reader, const std::string& name) {
  const std::string key = secret_prefix(reader) + name;
  for (const SecretDeclaration& declared : parts_.graph->playbook_of(reader).secrets) {
    if (declared.name.text != name) continue;
    auto [source, texts] = source_as_declared(declared, key);
    RunEnvironment names = environment(reader, now());
    for (const Template& text : texts) {
      tl::expected<Value, Map> word = value_of(text, names);
      if (!word) {
        secrets_.take(key, fail(ErrorCode::expression, text_of(word.error(), "message")));
        return std::nullopt;
      }
      source.words.push_back(to_text(*word));
    }
    return source;
  }
  return std::nullopt;
}

void Engine::Loop::redact(Result<StepOutput>& output, std::vector<OutputRecord>& streams) const {
  const Redaction& redaction = secrets_.redaction();
  if (redaction.is_idle()) return;
  if (output) {
    output->fields = redaction.map(std::move(output->fields));
    for (std::string& note : output->notes) note = redaction.text(std::move(note));
  } else {
    output.error() = redaction.error(std::move(output.error()));
  }
  for (OutputRecord& record : streams) {
    CapturedStream stream = redaction.stream({std::move(record.head), std::move(record.tail),
                                              static_cast<uint64_t>(record.bytes), std::move(record.sha256)});
    record.head = std::move(stream.head);
    record.tail = std::move(stream.tail);
    record.bytes = static_cast<decltype(record.bytes)>(stream.bytes);
    record.sha256 = std::move(stream.sha256);
  }
}

}  // namespace muster
