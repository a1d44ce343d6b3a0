// The keys of scenario files, one row each, as fields.h has those of playbooks.
//
// Source: docs/rehearsal.md.
#pragma once

#include "interpreter/language/fields.h"
#include "interpreter/language/scenario.h"

namespace muster {

template <class V>
void describe(WrittenScenario& s, V& visit) {
  visit("scenario", s.scenario, Need::required, "name of the scenario");
  visit("playbook", s.playbook, Need::required, "the playbook's file, from the folder of the scenario");
  visit("inputs", s.inputs, Need::optional, "values for the playbook's inputs, by name");
  visit("clock", s.clock, Need::optional, "when the run begins; 2026-01-15T10:00:00Z");
  visit("starter", s.starter, Need::optional, "who starts the run; `rehearsal`");
  visit("world", s.world, Need::optional, "a Lua file that answers commands and HTTP requests");
  visit("databases", s.databases, Need::optional, "real SQLite databases, by the name of a connection");
  visit("files", s.files, Need::optional, "files and folders, by path");
  visit("env", s.env, Need::optional, "environment variables, by name");
  visit("groups", s.groups, Need::optional, "members of the groups that gates name");
  visit("channels", s.channels, Need::optional, "channels that may be told; left out: any");
  visit("people", s.people, Need::optional, "who decides what, and when");
  visit("faults", s.faults, Need::optional, "what goes wrong");
  visit("expect", s.expect, Need::optional, "how the run must end");
  visit("invariants", s.invariants, Need::optional, "claims that hold after every ending, whatever was injected");
}

template <class V>
void describe(WrittenDatabase& d, V& visit) {
  visit("path", d.path, Need::optional, "the file, as the playbook knows it; left out for a PostgreSQL connection");
  visit("schema", d.schema, Need::optional, "a file of SQL that makes its tables");
  visit("seed", d.seed, Need::optional, "files of SQL that fill them");
  visit("age", d.age, Need::optional, "how long before the start it was written");
  visit("instead", d.instead, Need::optional, "of PostgreSQL: pieces of SQL, each with what SQLite runs instead");
}

template <class V>
void describe(WrittenFile& f, V& visit) {
  visit("content", f.content, Need::optional, "what is in it");
  visit("from", f.from, Need::optional, "a file beside the scenario whose bytes are in it");
  visit("directory", f.directory, Need::optional, "true: an empty folder");
  visit("mode", f.mode, Need::optional, "its rights, as in `0600`");
  visit("age", f.age, Need::optional, "how long before the start it was written");
}

template <class V>
void describe(WrittenPerson& p, V& visit) {
  visit("user", p.user, Need::required, "who it is");
  visit("gate", p.gate, Need::optional, "the gate that is decided");
  visit("step", p.step, Need::optional, "the manual step that is done, or the step whose doubt is settled");
  visit("decide", p.decide, Need::required,
        "`approve` or `reject` a gate; `complete` a manual step; `ignore`; or what becomes of a step in doubt");
  visit("after", p.after, Need::optional, "how long after the question; at once unless said");
  visit("reason", p.reason, Need::optional, "why");
  visit("answers", p.answers, Need::optional, "what the form of a manual step asks for, by name");
}

template <class V>
void describe(WrittenFault& f, V& visit) {
  visit("step", f.step, Need::required, "the step that it hits");
  visit("kind", f.kind, Need::required, "what goes wrong");
  visit("attempts", f.attempts, Need::optional, "so many attempts are hit, from the first; 1");
}

template <class V>
void describe(WrittenExpectation& e, V& visit) {
  visit("status", e.status, Need::optional, "how the run ends");
  visit("reason", e.reason, Need::optional, "text that the reason of the ending contains");
  visit("steps", e.steps, Need::optional, "the state of steps and phases, by name");
  visit("that", e.that, Need::optional, "claims on the run and on `world`");
  visit("outputs", e.outputs, Need::optional, "outputs of the run, by name");
}

}  // namespace muster
