// The secrets of one run: read at first use, kept in memory, never recorded. For this room and the dry run.
//
// A resumed run reads them again. Everything that the world answers goes through `redaction`, which knows every secret
// that the run has opened, before it is decided by, stored or shown.
// Errors: `not_found` where there is none (a variable that is not set, a file that is not there, nothing printed):
//         `is_set` says false then; `refused` (others may read the file, too short, too long), `failed`, `timeout`,
//         `bad_reply` (not in its encoding).
// Source: docs/language.md, "Secrets"; docs/reliability.md P9 and B28.
#pragma once

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/result.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/world/redaction.h"
#include "interpreter/world/world.h"

namespace muster {

// Where one comes from, its text made.
struct SecretSource {
  std::string name;
  enum class From { variable, file, command } from = From::variable;
  std::vector<std::string> words;  // the variable, the path, or the program with its arguments
  std::string encoding;            // raw, hex, base64; empty: text
  std::string key = {};            // the name, behind what tells called playbooks apart
};

// As it is declared: of a file or a command what its words are made from still has to be evaluated.
struct DeclaredSource {
  SecretSource source;
  std::vector<Template> words;  // go behind those of the source
};
[[nodiscard]] DeclaredSource source_as_declared(const SecretDeclaration& declared, std::string key);

struct OpenedSecret {
  std::string text;     // what it is worth
  std::string written;  // as it was read, where that was encoded; must not be seen either
};

// What reading them needs of the world.
struct SecretPorts {
  Variables& variables;
  FilesRead& files;
  DeclaredReads& commands;
  SecretPorts(Variables& v, FilesRead& f, DeclaredReads& c) : variables(v), files(f), commands(c) {}
  SecretPorts(World& world)  // NOLINT: whoever has a world has them
      : variables(world.variables), files(world.files), commands(world.processes) {}
};
// Reads it; blocks. The one place where secrets come in.
[[nodiscard]] Result<OpenedSecret> open_secret(const SecretSource& source, SecretPorts world, std::stop_token stop);

// The names of all secrets that a node's own expressions, arguments and connections read; of a node with a gate also
// those of the steps that the gate shows.
struct SecretRead {
  const Node* reader = nullptr;  // whose playbook declares it
  std::string name;
  // Read only by a connection that is used where this text begins so (Field::used_with); nullptr: in any case.
  const Template* tells = nullptr;
  std::string start = {};
  [[nodiscard]] bool is_needed(const tl::expected<Value, Diagnostic>& told) const;
};
[[nodiscard]] std::vector<SecretRead> secrets_read_by(const StepGraph& graph, const Node& node,
                                                      const std::vector<Action>& actions);

[[nodiscard]] std::vector<std::string> secrets_read_by(const Expression& expression);

class OpenedSecrets {
 public:
  void take(const std::string& name, Result<OpenedSecret> answer);
  [[nodiscard]] bool is_open(const std::string& name) const;
  // The Secret, or why there is none: text for people.
  [[nodiscard]] tl::expected<const Value*, std::string> find(const std::string& name) const;
  [[nodiscard]] tl::expected<bool, std::string> has(const std::string& name) const;
  // All that are open, for actions: what they get from the world may hold any of them.
  [[nodiscard]] std::vector<Secret> all() const;

  // What a `sensitive` step found: kept out of everything like a secret, each text and each of its lines, as far as
  // they are long enough not to stand in ordinary text by chance.
  void keep_out(const Value& found);

  [[nodiscard]] const Redaction& redaction() const { return redaction_; }
  // The body of an event without secrets. Words that events are made of (states, verdicts, codes, ops) stay.
  [[nodiscard]] Map body(Map body) const;

 private:
  std::map<std::string, Result<Value>> answers_;
  Redaction redaction_;
};

}  // namespace muster
