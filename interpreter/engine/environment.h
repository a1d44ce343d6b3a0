// Where the expressions of a run get their values: inputs, results of steps, the run itself.
//
// Errors: reading the result of a step that has none is a message that says why, never nil.
// Source: docs/language.md, "Lua".
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "interpreter/action/scripts.h"
#include "interpreter/engine/secrets.h"
#include "interpreter/engine/zones.h"
#include "interpreter/expression/evaluate.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/journal/run_state.h"

namespace muster {

// What an expression may see of the run as a whole.
struct RunFacts {
  std::string id;
  std::string status;  // the ending that the run would have now
  std::string reason;
  std::string started_by;
  Timestamp started_at;
};

using UnstoredResults = std::unordered_map<std::string, Map>;

// `playbook.FIELD`; nothing: there is no such field.
[[nodiscard]] std::optional<Value> playbook_field(const Playbook& playbook, std::string_view field);
// A function of an extension, as an expression calls it at that moment.
[[nodiscard]] tl::expected<Value, std::string> call_of_expression(const Scripts& scripts, const std::string& function,
                                                                  std::span<const Value> arguments, Timestamp now);

class RunEnvironment final : public Environment {
 public:
  // `node`: whose expression is read; it sees the names of its own playbook. `inputs`: that playbook's.
  RunEnvironment(const Expansion& expansion, const Node& node, const RunHistory& history, const Map& inputs,
                 RunFacts facts, Timestamp now)
      : expansion_(expansion), node_(node), history_(history), inputs_(&inputs), facts_(std::move(facts)), now_(now) {}

  // `result` and `error`, where they stand.
  void set_result(const Map* result) { result_ = result; }
  void set_error(const Map* error) { error_ = error; }
  // `steps.ID` of the node itself, before it has ended: what a call or a choice has found.
  void set_own_result(const Map* own) { own_result_ = own; }
  // Results of `sensitive` steps, by path: they stand nowhere else.
  void set_unstored(const UnstoredResults* unstored) { unstored_ = unstored; }
  void set_scripts(const Scripts* scripts) { scripts_ = scripts; }
  void set_zones(Zones* zones, FilesRead* files) {
    zones_ = zones;
    files_ = files;
  }
  // Where a failure may have been and was not: `error` is nil.
  void set_no_error() { may_lack_error_ = true; }
  // A called playbook that was not entered: its inputs as they would be now, or why they are not known.
  void keep_inputs(Map inputs) {
    own_inputs_ = std::make_shared<const Map>(std::move(inputs));
    inputs_ = own_inputs_.get();
  }
  void set_inputs(const Map* inputs) { inputs_ = inputs; }
  void set_inputs_unknown(std::string why) {
    inputs_ = nullptr;
    inputs_unknown_ = std::move(why);
  }
  // `prefix`: what stands before the names of this playbook's secrets.
  void set_secrets(const OpenedSecrets* secrets, std::string prefix) {
    secrets_ = secrets;
    secret_prefix_ = std::move(prefix);
  }
  // Each secret is there, and is worth nothing: for what is bound to a digest, where it stands as `***` anyway.
  void show_secrets_by_name() { secrets_by_name_ = true; }

  tl::expected<Found, std::string> find(std::span<const std::string> path) const override;
  tl::expected<bool, std::string> has_secret(const std::string& name) const override;
  tl::expected<Value, std::string> call(const std::string& function, std::span<const Value> arguments) const override;
  tl::expected<const TimeZone*, std::string> zone(const std::string& name) const override;
  Timestamp now() const override { return now_; }

 private:
  tl::expected<Found, std::string> step(std::span<const std::string> path) const;
  const Map* result_of(const Node& node, const OpRecord* record) const;
  // An item's name or `index`, where the node stands in a `foreach` that calls it so.
  std::optional<Found> item(const std::string& name) const;
  Found keep(Value value, size_t used) const;

  const Expansion& expansion_;
  const Node& node_;
  const RunHistory& history_;
  const Map* inputs_;
  std::shared_ptr<const Map> own_inputs_;
  std::string inputs_unknown_;
  RunFacts facts_;
  Timestamp now_;
  const Map* result_ = nullptr;
  const Map* error_ = nullptr;
  const Map* own_result_ = nullptr;
  const UnstoredResults* unstored_ = nullptr;
  bool may_lack_error_ = false;
  const OpenedSecrets* secrets_ = nullptr;
  const Scripts* scripts_ = nullptr;
  Zones* zones_ = nullptr;
  FilesRead* files_ = nullptr;
  std::string secret_prefix_;
  bool secrets_by_name_ = false;
  mutable std::deque<Value> kept_;  // values made on the way; their addresses stay
};

}  // namespace muster
