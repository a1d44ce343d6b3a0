// Where the expressions of a dry run get their values: what was read is known, what waits for a change that is only
// predicted is Unknown and says for what.
//
// Errors: as in a run, reading the result of a step that has none is a message that says why.
// Source: docs/dry-run.md, "What is unknown".
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "interpreter/engine/secrets.h"
#include "interpreter/engine/zones.h"
#include "interpreter/expression/evaluate.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/journal/run_state.h"

namespace muster {

// What is known of one op.
struct Foreseen {
  std::string unknown;  // why nothing of it is known; empty: the fields below are
  StepState state = StepState::pending;
  std::string state_unknown = {};   // why the state is not known, where the rest is
  std::optional<Map> result = {};   // values inside may be Unknown
  std::string result_unknown = {};  // why it has a result that is not known
  std::optional<Map> error = {};
  std::optional<List> items = {};  // of a `foreach`
};

// By op.
using Foreknowledge = std::map<std::string, Foreseen>;

// Secrets that could not be opened here and can be in a run, with the reason, by their key.
using ClosedSecrets = std::map<std::string, std::string>;

class Foresight final : public Environment {
 public:
  Foresight(const Expansion& expansion, const Node& node, const Foreknowledge& known, const Map& inputs, Timestamp now)
      : expansion_(expansion), node_(node), known_(known), inputs_(inputs), now_(now) {}

  void set_result(const Map* result) { result_ = result; }
  void set_scripts(const Scripts* scripts) { scripts_ = scripts; }
  void set_zones(Zones* zones, FilesRead* files) {
    zones_ = zones;
    files_ = files;
  }
  void set_person(const std::string& person) { person_ = person; }
  // `prefix`: what stands before the names of this playbook's secrets.
  void set_secrets(const OpenedSecrets* opened, const ClosedSecrets* closed, std::string prefix) {
    opened_ = opened;
    closed_ = closed;
    secret_prefix_ = std::move(prefix);
  }
  // Each secret is there, and is worth nothing: for steps that may not run, and for what is only shown.
  void show_secrets_by_name() { secrets_by_name_ = true; }

  tl::expected<Found, std::string> find(std::span<const std::string> path) const override;
  tl::expected<const TimeZone*, std::string> zone(const std::string& name) const override {
    if (!zones_) return nullptr;
    return zones_->find(*files_, name);
  }
  tl::expected<bool, std::string> has_secret(const std::string& name) const override;
  tl::expected<Value, std::string> call(const std::string& function, std::span<const Value> arguments) const override;
  Timestamp now() const override { return now_; }

 private:
  tl::expected<Found, std::string> step(std::span<const std::string> path) const;
  tl::expected<Found, std::string> secret(const std::string& name) const;
  std::optional<Found> item(const std::string& name) const;
  Found keep(Value value, size_t used) const;

  const Expansion& expansion_;
  const Node& node_;
  const Foreknowledge& known_;
  const Map& inputs_;
  Timestamp now_;
  std::string person_;
  const Map* result_ = nullptr;
  const Scripts* scripts_ = nullptr;
  Zones* zones_ = nullptr;
  FilesRead* files_ = nullptr;
  const OpenedSecrets* opened_ = nullptr;
  const ClosedSecrets* closed_ = nullptr;
  std::string secret_prefix_;
  bool secrets_by_name_ = false;
  mutable std::deque<Value> kept_;  // values made on the way; their addresses stay
};

// `restored`, where the step has an id; else its path.
[[nodiscard]] std::string short_name(const Node& node);

// Text around a value that is not known stays readable: `Replace it by (known after points)`. For people only: nothing
// that is made of it may be done.
[[nodiscard]] tl::expected<Value, Diagnostic> readable(const Template& text, const Environment& names, bool is_url);

}  // namespace muster
