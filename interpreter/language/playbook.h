// What a playbook says, as written. Nothing here has been checked.
//
// Units:  Spans are bytes into SourceFile::text. Text may hold `${{ }}`; what is known at load stands beside it.
// Errors: none; these are values. checker/checker.h tells what can be wrong with them.
// Source: docs/language.md. The names and meanings of all keys stand once, in fields.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "interpreter/base/boxed.h"
#include "interpreter/base/source_file.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"
#include "interpreter/expression/expression.h"
#include "interpreter/expression/template.h"

namespace muster {

// A literal: an id, a name of something structural. Values can never decide structure.
struct Name {
  Span at;
  std::string text;
};

// Text with `${{ }}` that stands for a value of another type; `known` where it has no `${{ }}`.
struct DurationText {
  Template text;
  std::optional<Duration> known;
};
struct IntegerText {
  Template text;
  std::optional<int64_t> known;
};

// An argument of an action: a scalar, a list or a map of such. It is typed by the action's fields, later.
struct Entry;
struct ScalarArgument {
  Template text;
  bool quoted = false;  // quoted or block scalars are text, whatever they look like
};
struct Argument {
  using Scalar = ScalarArgument;
  Span at;
  std::variant<Scalar, std::vector<Argument>, std::vector<Entry>> value;
};
struct Entry {
  Name key;
  Argument value;
};

// `sql: {connection: app, query: ...}`
struct ActionCall {
  Span at;
  Name action;
  Argument args;  // a map; other shapes are the checker's to refuse
};

struct Claim {
  Span at;
  Expression that;
  std::optional<std::string> name;
  std::optional<Name> severity;
};

struct Verify {
  Span at;
  std::vector<ActionCall> probes;  // the one read action; more than one is the checker's to refuse
  std::vector<Claim> that;
  std::optional<DurationText> within;  // poll until it holds, at most so long
  std::optional<DurationText> every;
};

// Claims that hold as long as the step runs.
struct Watch {
  Span at;
  std::vector<ActionCall> probes;  // the one read action; more than one is the checker's to refuse
  std::vector<Claim> that;
  std::optional<DurationText> every;
};

// Is the effect already there? The read alone answers where its own end is a yes or a no, otherwise the claims do.
struct DoneWhen {
  Span at;
  std::vector<ActionCall> probes;  // at most one read action; more are the checker's to refuse
  std::vector<Claim> that;
};

struct Approver {
  Span at;
  enum class Kind { user, group } kind = Kind::user;
  std::string name;
};

struct Requirement {
  std::vector<Approver> of;
  int64_t count = 1;
};

// A read whose result is shown at a gate and bound by its decision.
struct Evidence {
  Name name;
  std::vector<ActionCall> probes;  // the one read action; more than one is the checker's to refuse
};

struct Approval {
  Span at;
  bool waived = false;  // `false` stands there: only on a destructive step, which keeps it in `ungated`
  std::optional<Template> message;
  std::vector<Requirement> approvers;  // all must be met; none: anybody
  std::optional<bool> prevent_self_approval;
  std::optional<DurationText> expires;
  bool require_reason = false;
  std::vector<Evidence> evidence;
  std::vector<Name> notify;  // channels of the configuration
};

struct Step;
struct Retry {
  Span at;
  IntegerText attempts;  // 1 is no retry
  std::optional<DurationText> delay;
  std::optional<DurationText> max_delay;
  double backoff = 1.0;  // each delay is the one before times this
  double jitter = 0.0;   // share of the delay that is random, 0 to 1
  std::optional<Expression> when;
  std::vector<Step> before;  // steps between two attempts
};

// What `foreach` runs over: an expression that yields a list, or the values themselves.
struct ItemList {
  Span at;
  std::variant<Expression, std::vector<Argument>> list;
};

// How many items may fail: `3` or `5%`; of what stands in `${{ }}` nothing is known before the run.
struct FailureLimit {
  Template text;
  std::optional<int64_t> count;
  std::optional<double> percent;  // 0 to 100
};

// What makes a step run once per item.
struct Fanout {
  std::optional<ItemList> foreach;
  std::optional<Name> as;                   // what an item is called; `item`
  std::optional<IntegerText> max_parallel;  // items at the same time; 1
  std::optional<FailureLimit> max_failures;
  bool first_success = false;

  [[nodiscard]] std::string_view name() const { return as ? std::string_view(as->text) : "item"; }
};

enum class OnFailure { fail, proceed, ask };  // `continue` is written `proceed` here only because C++ has the word

struct Objectives {
  Span at;
  std::optional<DurationText> rto;
  std::optional<DurationText> rpo;
};

struct Output {
  Name name;
  Argument value;
};

struct Step;

// `rollback:` is `auto`, or steps.
struct Rollback {
  Span at;
  bool automatic = false;
  std::vector<Step> steps;
};

// What every group of steps may have: a playbook, a phase, a step with `steps:`.
struct Group {
  std::vector<Step> steps;
  bool parallel = false;
  std::optional<IntegerText> max_parallel;
  std::vector<Step> rescue;
  std::vector<Step> always;
  std::vector<Output> outputs;
  std::optional<Objectives> objectives;
};

// Another playbook, as a group with names of its own.
struct Playbook;
struct Call {
  Span at;
  std::optional<Name> playbook;            // its file, as seen from the folder of the file that this stands in
  std::vector<Entry> with;                 // its inputs
  std::shared_ptr<const Playbook> called;  // where the file could be read
};

// One of several ways.
struct Option;
struct Choose {
  Span at;
  std::optional<Expression> by;  // names an option; without it the first whose `when` holds
  bool fallback = false;         // the next one when one fails
  std::vector<Option> options;
};

struct Input {
  Span at;
  Name name;
  std::optional<Name> type;  // string integer number boolean duration timestamp date path url enum list map
  bool required = false;
  std::optional<Argument> fallback;  // `default`
  std::optional<std::string> pattern;
  std::optional<Argument> min, max;
  std::vector<Argument> values;  // of enum
  std::optional<Name> of;        // of list
  std::optional<std::string> description;
};

// Steps that steer are run by the engine, not by an action.
struct SetValues {
  Span at;
  std::vector<Entry> values;
};
struct Fail {
  Span at;
  std::optional<Template> message;
  std::optional<Name> code;
};
struct Wait {
  Span at;
  std::optional<DurationText> duration;  // `for`
};
struct Audit {
  Span at;
  std::optional<Name> event;
  std::vector<Entry> fields;
};
// A person does it, and says that it is done.
struct Manual {
  Span at;
  std::optional<Template> instructions;
  std::vector<Template> checklist;
  std::vector<Input> form;             // what is asked for
  std::vector<Requirement> assignees;  // who may say so; none: anybody
  std::optional<DurationText> expires;
};
struct VerifyAlone {};  // `verify` is all that the step does
struct NoBody {};       // nothing was written: the checker's to refuse

struct Step {
  Span at;
  std::optional<Name> id;
  std::optional<Template> title;
  std::optional<std::string> description;
  std::optional<Expression> when;
  std::optional<std::vector<Name>> needs;  // absent: the step before it; [] : the group's start
  Boxed<Approval> approval;
  std::optional<Span> ungated;  // `approval: false`: its author wants no gate in front of what it destroys
  std::optional<DurationText> timeout;
  Boxed<Retry> retry;
  Boxed<DoneWhen> done_when;
  Boxed<Verify> verify;
  Boxed<Watch> watch;
  std::optional<OnFailure> on_failure;
  std::vector<Step> rescue;  // of a step with a body of its own; a group has one in `group`
  Boxed<Rollback> rollback;
  std::optional<bool> idempotent;
  std::optional<Name> effect;
  std::optional<bool> sensitive;
  std::vector<Output> outputs;
  // Exactly one when the step is right. Keys that are no fields of a step land in `actions`, by name.
  std::vector<ActionCall> actions;
  Boxed<SetValues> set;
  Boxed<Fail> fail;
  Boxed<Wait> wait;
  Boxed<Audit> audit;
  Boxed<Call> call;
  Boxed<Choose> choose;
  Boxed<Manual> manual;
  std::shared_ptr<Group> group;    // `steps:`, with rescue, always, parallel beside it; of a call what stands beside it
  std::shared_ptr<Fanout> fanout;  // `foreach:`, with what belongs to it
};

// A group: of its step's keys those that groups have.
struct Option {
  Step step;
};

struct Phase {
  Span at;
  std::optional<Name> id;
  std::optional<Template> title;
  std::optional<std::string> description;
  std::optional<Expression> when;
  Boxed<Approval> approval;
  std::optional<DurationText> timeout;
  Boxed<Rollback> rollback;
  Group group;
};

struct ConnectionDeclaration {
  Span at;
  Name name;
  Name kind;                    // sqlite postgres http s3 ssh: the one key that names it
  std::vector<Entry> settings;  // the kind's own value under its name, and what stands beside it
};

// Where a secret comes from: exactly one of `env`, `file`, `command` when it is right. The value itself is never here.
struct SecretDeclaration {
  Span at;
  Name name;
  std::optional<Name> env;
  std::optional<Template> file;
  std::optional<std::vector<Template>> command;
  std::optional<Name> encoding;  // raw, hex, base64; left out: text, without its last line end
};

struct Lock {
  Span at;
  Template name;
};
struct Locks {
  Span at;
  std::vector<Lock> names;           // taken in this order, all or none
  std::optional<DurationText> wait;  // how long for names that are taken; without it a taken one fails the run at once
};

// Hours in which the run may begin.
struct Window {
  Span at;
  std::vector<Name> days;        // `mon` to `sun`; none: every day
  std::optional<Name> from, to;  // `22:00`; the end may lie on the next day
  std::optional<Name> zone;      // as in `Europe/Berlin`; left out: UTC
};

// What must hold before the first step.
struct Requires {
  Span at;
  std::vector<Template> commands;  // programs that are found
  std::vector<Name> env;           // variables that are set
  std::vector<Template> files;     // files or folders that are there
  std::optional<Name> muster;      // a range of versions: `>=1.2`
  std::optional<Window> window;
  std::optional<DurationText> rehearsed_within;  // its scenarios passed that recently, with these very files
};

struct Defaults {
  Span at;
  std::optional<DurationText> timeout;
  Boxed<Retry> retry;
  std::optional<OnFailure> on_failure;
};

struct Playbook {
  uint32_t file = 0;
  Span at;
  std::optional<IntegerText> muster;  // language version
  std::optional<Name> playbook;       // identity, kebab-case
  std::optional<std::string> version;
  std::optional<std::string> title;
  std::optional<std::string> description;
  std::optional<std::string> owner;
  std::vector<Name> tags;
  std::vector<Input> inputs;
  std::vector<SecretDeclaration> secrets;
  std::vector<ConnectionDeclaration> connections;
  std::vector<Name> extensions;  // Lua files, from the playbook's folder
  Locks locks;
  std::optional<Requires> required;  // `requires`, which C++ keeps for itself
  std::optional<Defaults> defaults;
  std::optional<DurationText> timeout;
  std::optional<Objectives> objectives;
  Boxed<Approval> approval;
  Boxed<Rollback> rollback;
  bool parallel = false;  // phases wait for nothing
  std::optional<IntegerText> max_parallel;
  std::vector<Step> rescue;
  std::vector<Step> always;
  std::vector<Output> outputs;
  std::vector<Phase> phases;
};

}  // namespace muster
