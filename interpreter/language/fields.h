// The keys of the playbook language, one row each: key, the member it fills, whether it is needed, what it means.
//
// Reader, schema and reference all walk these rows, so that nothing about a key is written twice. A visitor offers
//   visit(key, member, Need, meaning)  a key; how it is read follows from the member's type
//   visit.calls(calls, meaning)        any other key is the name of an action (a step's body, the probe of a verify)
//   visit.part(group)                  the keys of a group stand here too; a shared_ptr is made when one of them is
//                                      there; so do those of a fanout, before the group's: where there is a
//                                      `foreach`, `max_parallel` is about its items
//   visit.entries(list, meaning)       all keys are free names
//   visit.later({keys...})             keys of the language that this version does not know yet
// Source: docs/language.md.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/language/configuration.h"
#include "interpreter/language/playbook.h"

namespace muster {

enum class Need { optional, required };

template <class V>
void describe(Playbook& p, V& visit) {
  visit("muster", p.muster, Need::required, "version of the language: 1");
  visit("playbook", p.playbook, Need::required, "identity of the playbook, in kebab-case");
  visit("version", p.version, Need::optional, "semantic version of this playbook");
  visit("title", p.title, Need::optional, "one line for people");
  visit("description", p.description, Need::optional, "what it is for, for people");
  visit("owner", p.owner, Need::optional, "who keeps it");
  visit("tags", p.tags, Need::optional, "words to find it by");
  visit("inputs", p.inputs, Need::optional, "typed parameters, by name");
  visit("secrets", p.secrets, Need::optional, "values that are never stored or shown, by name");
  visit("connections", p.connections, Need::optional, "databases, services and hosts, by name");
  visit("requires", p.required, Need::optional, "what must hold before the first step");
  visit("extensions", p.extensions, Need::optional, "Lua files with further actions and functions");
  visit("locks", p.locks, Need::optional, "names taken before the first step, all or none");
  visit("defaults", p.defaults, Need::optional, "what holds for steps that do not say");
  visit("timeout", p.timeout, Need::optional, "the longest that the run may take; time at gates does not count");
  visit("objectives", p.objectives, Need::optional, "recovery objectives, measured in every run");
  visit("approval", p.approval, Need::optional, "a gate in front of the whole run");
  visit("phases", p.phases, Need::required, "the body: groups of steps, one after the other");
  visit("parallel", p.parallel, Need::optional, "true: the phases do not wait for each other");
  visit("max_parallel", p.max_parallel, Need::optional, "the most phases that run at the same time");
  visit("rescue", p.rescue, Need::optional, "steps that run when a phase has failed; if they succeed the run goes on");
  visit("rollback", p.rollback, Need::optional, "steps that undo the run, instead of those of its phases");
  visit("always", p.always, Need::optional, "steps that run however the run ends");
  visit("outputs", p.outputs, Need::optional, "named results of the run");
}

template <class V>
void describe(Group& g, V& visit) {
  visit("steps", g.steps, Need::optional, "the body, in order");
  visit("parallel", g.parallel, Need::optional, "true: the steps wait for nothing but their `needs`");
  visit("max_parallel", g.max_parallel, Need::optional, "the most steps that run at the same time");
  visit("rescue", g.rescue, Need::optional,
        "steps that run when the group has failed; if they succeed it is recovered");
  visit("always", g.always, Need::optional, "steps that run whenever the group was entered");
  visit("objectives", g.objectives, Need::optional, "recovery objectives, measured in every run");
}

template <class V>
void describe(Fanout& f, V& visit) {
  visit("foreach", f.foreach, Need::optional, "a list, or an expression that yields one: the step runs once per item");
  visit("as", f.as, Need::optional, "what the item is called in expressions; `item`");
  visit("max_parallel", f.max_parallel, Need::optional, "the most items that run at the same time; 1");
  visit("max_failures", f.max_failures, Need::optional,
        "so many items may fail, a number or a percentage as in `5%`; beyond it nothing new starts");
  visit("first_success", f.first_success, Need::optional,
        "true: the items are tried in order, a failed one is rolled back, the first success ends the loop");
}

template <class V>
void describe(Phase& p, V& visit) {
  visit("id", p.id, Need::required, "names the phase");
  visit("title", p.title, Need::optional, "one line for people");
  visit("description", p.description, Need::optional, "more, for people");
  visit("when", p.when, Need::optional, "an expression; false skips the phase");
  visit("approval", p.approval, Need::optional, "a gate in front of the phase");
  visit("timeout", p.timeout, Need::optional, "the longest that the phase may take");
  visit.part(p.group);
  visit("rollback", p.rollback, Need::optional, "steps that undo the phase, instead of those of its steps");
  visit("outputs", p.group.outputs, Need::optional, "named results of the phase");
}

template <class V>
void describe(Step& s, V& visit) {
  visit("id", s.id, Need::optional, "names the step, so that others can refer to it");
  visit("title", s.title, Need::optional, "one line for people");
  visit("description", s.description, Need::optional, "more, for people");
  visit("when", s.when, Need::optional, "an expression; false skips the step");
  visit("needs", s.needs, Need::optional, "ids of the steps that must have ended before, instead of the step above");
  visit("done_when", s.done_when, Need::optional, "how to tell that its effect is there already");
  visit("approval", s.approval, Need::optional, "a gate in front of the step");
  visit("timeout", s.timeout, Need::optional, "the longest that one attempt may take");
  visit("retry", s.retry, Need::optional, "how often and when to try again");
  visit("set", s.set, Need::optional, "values that later steps read as fields of this one");
  visit("fail", s.fail, Need::optional, "ends the step as failed, with a message");
  visit("wait", s.wait, Need::optional, "lets time pass");
  visit("audit", s.audit, Need::optional, "writes an entry into the audit log");
  visit("call", s.call, Need::optional, "runs another playbook as a group of this one");
  visit("choose", s.choose, Need::optional, "one of several ways, named or the first that fits");
  visit.part(s.fanout);
  visit("manual", s.manual, Need::optional, "a person does it, and says that it is done");
  visit.part(s.group);
  visit.calls(s.actions, "the action that the step runs, with its arguments");
  visit("verify", s.verify, Need::optional, "claims that must hold afterwards");
  visit("watch", s.watch, Need::optional, "claims that must hold as long as the action runs or the wait lasts");
  visit("rescue", s.rescue, Need::optional,
        "steps that run when it has failed for good; if they succeed it is recovered");
  visit("on_failure", s.on_failure, Need::optional, "`fail`, `continue` or `ask`");
  visit("rollback", s.rollback, Need::optional, "steps that undo this one, or `auto`");
  visit("idempotent", s.idempotent, Need::optional, "true: it may run again after doubt");
  visit("effect", s.effect, Need::optional, "`read`, `write` or `destructive`, where it cannot be derived");
  visit("sensitive", s.sensitive, Need::optional, "true: its result is neither stored nor shown");
  visit("outputs", s.outputs, Need::optional, "names for parts of the result");
}

template <class V>
void describe(Call& c, V& visit) {
  visit("playbook", c.playbook, Need::required, "its file, beneath the folder of the playbook that is run");
  visit("with", c.with, Need::optional, "values for its inputs, by name");
}

template <class V>
void describe(Choose& c, V& visit) {
  visit("by", c.by, Need::optional, "an expression that names an option; without it the first whose `when` holds");
  visit("fallback", c.fallback, Need::optional, "true: when an option fails it is rolled back, and the next is taken");
  visit("options", c.options, Need::required, "the ways, each a group of steps with an `id`");
}

template <class V>
void describe(Option& o, V& visit) {
  visit("id", o.step.id, Need::required, "names the option");
  visit("title", o.step.title, Need::optional, "one line for people");
  visit("description", o.step.description, Need::optional, "more, for people");
  visit("when", o.step.when, Need::optional, "an expression; false passes the option over");
  visit("approval", o.step.approval, Need::optional, "a gate in front of the option, once its turn has come");
  visit("timeout", o.step.timeout, Need::optional, "the longest that the option may take");
  visit.part(o.step.group);
  visit("rollback", o.step.rollback, Need::optional, "steps that undo the option, instead of those of its steps");
  visit("outputs", o.step.outputs, Need::optional, "named results of the option");
}

template <class V>
void describe(Requires& r, V& visit) {
  visit("commands", r.commands, Need::optional, "programs that must be found");
  visit("env", r.env, Need::optional, "environment variables that must be set");
  visit("files", r.files, Need::optional, "files and folders that must be there");
  visit("muster", r.muster, Need::optional, "versions of muster, as in `>=1.2`");
  visit("window", r.window, Need::optional, "the hours in which a run may begin");
  visit("rehearsed_within", r.rehearsed_within, Need::optional,
        "how long ago its scenarios may have passed at most, with the very files that are run");
}

template <class V>
void describe(Window& w, V& visit) {
  visit("days", w.days, Need::optional, "`mon` to `sun`; left out: every day");
  visit("from", w.from, Need::optional, "its first minute, as in `22:00`; left out: midnight");
  visit("to", w.to, Need::optional, "the minute at which it is over; before `from`: on the next day");
  visit("zone", w.zone, Need::optional, "a zone of the tz database, as in `Europe/Berlin`; left out: UTC");
}

template <class V>
void describe(Approval& a, V& visit) {
  visit("message", a.message, Need::optional, "what the approver should know");
  visit("approvers", a.approvers, Need::optional, "who may decide: `group:x` or `user:y`; left out: anybody");
  visit("prevent_self_approval", a.prevent_self_approval, Need::optional,
        "whether the starter is refused; true where `approvers` is given");
  visit("expires", a.expires, Need::optional, "how long the gate waits for a decision");
  visit("require_reason", a.require_reason, Need::optional, "true: a decision needs a reason");
  visit("evidence", a.evidence, Need::optional, "reads that are shown with it, and must read the same when it is used");
  visit("notify", a.notify, Need::optional, "channels of the configuration that are told when it opens");
}

// Under each name of `evidence`.
template <class V>
void describe(Evidence& e, V& visit) {
  visit.calls(e.probes, "the read action whose result is shown");
}

template <class V>
void describe(Manual& m, V& visit) {
  visit("instructions", m.instructions, Need::optional, "what the person does");
  visit("checklist", m.checklist, Need::optional, "the single things, one text each");
  visit("form", m.form, Need::optional, "what is asked for, declared like inputs");
  visit("assignees", m.assignees, Need::optional, "who may say that it is done; left out: anybody");
  visit("expires", m.expires, Need::optional, "how long it waits; then it has failed with `timeout`");
}

template <class V>
void describe(Verify& v, V& visit) {
  visit.calls(v.probes, "the read action that is asked afresh at each poll");
  visit("that", v.that, Need::required, "one claim or a list of claims");
  visit("within", v.within, Need::optional, "poll until the claims hold, at most so long");
  visit("every", v.every, Need::optional, "time between polls");
}

template <class V>
void describe(Watch& w, V& visit) {
  visit.calls(w.probes, "the read action that is asked afresh at each poll");
  visit("that", w.that, Need::required, "one claim or a list of claims");
  visit("every", w.every, Need::optional, "time between polls; 1s");
}

template <class V>
void describe(DoneWhen& d, V& visit) {
  visit.calls(d.probes, "the read action that is asked");
  visit("that", d.that, Need::optional, "one claim or a list of claims");
}

template <class V>
void describe(Claim& c, V& visit) {
  visit("that", c.that, Need::required, "an expression that must yield true");
  visit("name", c.name, Need::optional, "what the claim is called in reports");
  visit("severity", c.severity, Need::optional, "a word for alerts, as in `critical`");
}

template <class V>
void describe(Retry& r, V& visit) {
  visit("attempts", r.attempts, Need::required, "how often in all; 1 is no retry");
  visit("delay", r.delay, Need::optional, "time before the second attempt");
  visit("backoff", r.backoff, Need::optional, "each delay is the one before times this");
  visit("max_delay", r.max_delay, Need::optional, "no delay is longer");
  visit("jitter", r.jitter, Need::optional, "share of a delay that is random, 0 to 1");
  visit("when", r.when, Need::optional, "an expression on `error`; false ends the attempts");
  visit("before", r.before, Need::optional, "steps that run between two attempts");
}

template <class V>
void describe(SetValues& s, V& visit) {
  visit.entries(s.values, "a value, by name");
}

template <class V>
void describe(Fail& f, V& visit) {
  visit("message", f.message, Need::optional, "why, for people");
  visit("code", f.code, Need::optional, "the code that `error.code` shows");
}

template <class V>
void describe(Wait& w, V& visit) {
  visit("for", w.duration, Need::required, "how long");
}

template <class V>
void describe(Audit& a, V& visit) {
  visit("event", a.event, Need::required, "what happened, as in `corruption_recovery`");
  visit("fields", a.fields, Need::optional, "values that belong to it, by name");
}

template <class V>
void describe(Objectives& o, V& visit) {
  visit("rto", o.rto, Need::optional, "recovery time objective: how long it may take");
  visit("rpo", o.rpo, Need::optional, "recovery point objective: how much time of data may be lost");
}

template <class V>
void describe(Locks& l, V& visit) {
  visit("names", l.names, Need::required, "the names, as in `database:${{ inputs.database }}`");
  visit("wait", l.wait, Need::optional, "how long to wait for names that another run holds");
}

template <class V>
void describe(Defaults& d, V& visit) {
  visit("timeout", d.timeout, Need::optional, "of each attempt of a step");
  visit("retry", d.retry, Need::optional, "of reads and idempotent steps");
  visit("on_failure", d.on_failure, Need::optional, "`fail`, `continue` or `ask`");
}

template <class V>
void describe(Input& i, V& visit) {
  visit("type", i.type, Need::required,
        "string, integer, number, boolean, duration, timestamp, date, path, url, enum, list or map");
  visit("required", i.required, Need::optional, "true: it must be given");
  visit("default", i.fallback, Need::optional, "what it is when it is not given");
  visit("pattern", i.pattern, Need::optional,
        "a regular expression that must match; `^` and `$` hold it to the whole text");
  visit("min", i.min, Need::optional, "the smallest value, or the shortest text or list");
  visit("max", i.max, Need::optional, "the largest value, or the longest text or list");
  visit("values", i.values, Need::optional, "what an enum may be");
  visit("of", i.of, Need::optional, "the type of a list's items");
  visit("description", i.description, Need::optional, "one line for people");
}

template <class V>
void describe(SecretDeclaration& s, V& visit) {
  visit("env", s.env, Need::optional, "the environment variable that holds it");
  visit("file", s.file, Need::optional, "the file that holds it; nobody but its owner may read it");
  visit("command", s.command, Need::optional, "the program that prints it, with its arguments");
  visit("encoding", s.encoding, Need::optional,
        "`raw`, `hex` or `base64`; left out: text, whose last line end is no part of it");
}

template <class V>
void describe(Configuration& c, V& visit) {
  visit("store", c.store, Need::optional, "where runs are kept: `sqlite:PATH`");
  visit("groups", c.groups, Need::optional, "groups of people: a name with its OS users");
  visit("gates", c.gates, Need::optional, "rules for all gates");
  visit("retention", c.retention, Need::optional, "what `muster prune` takes away when it is not told otherwise");
  visit("anchors", c.anchors, Need::optional, "where the ledger's signed heads go");
  visit("people", c.people, Need::optional, "who is who: OS users and SSH keys, by name");
  visit("channels", c.channels, Need::optional, "where messages go, by name");
  visit.later({"limits", "proxy"});
}

template <class V>
void describe(Person& p, V& visit) {
  visit("users", p.users, Need::optional, "OS users that are this person, beside the one of the same name");
  visit("keys", p.keys, Need::optional, "SSH public keys that sign for this person, as in `ssh-ed25519 AAAA...`");
}

template <class V>
void describe(Channel& c, V& visit) {
  visit("webhook", c.webhook, Need::optional, "a URL that is sent JSON by POST");
  visit("slack", c.slack, Need::optional, "the URL of a Slack-compatible webhook");
  visit("smtp", c.smtp, Need::optional, "a mail server: `smtps://HOST`, or `smtp://HOST` with STARTTLS");
  visit("headers", c.headers, Need::optional, "headers of a webhook's requests, by name");
  visit("from", c.from, Need::optional, "the sender's address of mail");
  visit("to", c.to, Need::optional, "addresses that get the mail");
  visit("user", c.user, Need::optional, "the user at the mail server");
  visit("password", c.password, Need::optional, "the user's password");
  visit("ca", c.ca, Need::optional, "a file with the certificate authority that is trusted, instead of the system's");
}

// Text of the configuration that may be kept elsewhere: `TEXT`, `{env: NAME}` or `{file: PATH}`.
template <class V>
void describe(KeptText& t, V& visit) {
  visit("env", t.env, Need::optional, "the environment variable that holds it");
  visit("file", t.file, Need::optional, "the file that holds it; nobody but its owner may read it");
}

template <class V>
void describe(RetentionRules& r, V& visit) {
  visit("older", r.older, Need::optional, "runs that ended longer ago: `90d`");
  visit("keep", r.keep, Need::optional, "the newest so many ended runs always stay");
}

template <class V>
void describe(Anchors& a, V& visit) {
  visit("file", a.file, Need::optional, "a file that each head is appended to, as a line of JSON");
  visit("command", a.command, Need::optional, "a program and its arguments; it is given each head on its stdin");
}

template <class V>
void describe(GateRules& g, V& visit) {
  visit("self_approval", g.self_approval, Need::optional, "`allowed` for a team of one; every report then says so");
  visit("break_glass", g.break_glass, Need::optional,
        "who may pass a gate alone, with a reason; the review stays open until somebody else closes it");
  visit("signatures", g.signatures, Need::optional, "`required`: every approval is signed with an SSH key of `people`");
}

// The keys of a construct, in their order, those of a group within included.
class KeyNames {
 public:
  template <class M>
  void operator()(std::string_view key, M&, Need, std::string_view) {
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);  // `max_parallel` has two homes
  }
  void calls(std::vector<ActionCall>&, std::string_view) {}
  void entries(std::vector<Entry>&, std::string_view) {}
  void part(Group& group) { describe(group, *this); }
  void part(std::shared_ptr<Group>&) {
    Group group;
    describe(group, *this);
  }
  void part(std::shared_ptr<Fanout>&) {
    Fanout fanout;
    describe(fanout, *this);
  }
  void later(std::initializer_list<std::string_view>) {}

  std::vector<std::string_view> keys;
};

template <class T>
[[nodiscard]] std::vector<std::string_view> keys_of() {
  T construct{};
  KeyNames names;
  describe(construct, names);
  return std::move(names.keys);
}

// A kind of connection: the key that names it, and what may stand in it and beside it.
struct ConnectionKind {
  std::string_view name;
  std::string_view meaning;
  Field own;                    // the value under the kind's name: `{sqlite: PATH}`
  std::vector<Field> settings;  // keys beside it
};

[[nodiscard]] const std::vector<ConnectionKind>& connection_kinds();
[[nodiscard]] const ConnectionKind* find_connection_kind(std::string_view name);

// The types of inputs, in the order of the language's page.
[[nodiscard]] const std::vector<std::string_view>& input_types();

}  // namespace muster
