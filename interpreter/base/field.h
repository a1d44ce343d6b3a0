// The fields of an action, as data: reader, checker, engine, schema and reference are all driven by these rows, so that
// nothing about a field is written twice.
//
// Source: docs/language.md, "Actions on the world".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

enum class FieldType {
  any,         // whatever stands there, kept as it is: JSON bodies, `set`
  text,        // text with ${{ }}
  script,      // text in which ${{ }} is an error: shell scripts and SQL; with `fields`, an object of those as well
  path,        // text, a file's path
  url,         // text; a value inside is encoded as one path segment or query value
  integer,     // a whole number
  number,      //
  boolean,     // true or false
  duration,    // `30s`, `2m`
  timestamp,   // RFC 3339
  choice,      // one of `choices`; a literal
  connection,  // the name of a connection; a literal. The action gets {name, kind, ...settings} instead
  function,    // the name of a script's function, `runs.consecutive_days`; a literal, known to be there
  list,        // of `items`; an item that is one ${{ }} and yields a list is spliced, one that yields nil is left out
  map,         // of `items` by free keys
  object,      // of `fields` by their names; with `items`, a list of those as well
  scalar_or_list,  // one of `items`, or a list of them
};

struct Field {
  std::string name;
  FieldType type = FieldType::text;
  bool required = false;
  std::string meaning;               // one line, for `muster actions`, the schema's hover and docs
  std::vector<std::string> choices;  // of `choice`
  std::vector<Field> fields;         // of `object`
  std::vector<Field> items;          // of `list`, `map`, `scalar_or_list`: none (any text) or exactly one
  std::vector<std::string> kinds;    // of `connection`: sqlite, postgres, http, s3, ssh; empty: any
  bool opens_secrets = false;        // a secret may stand in it
  // Groups of names in `fields` of which exactly one must be given (an object's, or an action's own in Action::one_of).
  std::vector<std::vector<std::string>> one_of;
  // A connection that is used only where the text of the field beside it, `used_with`, begins so: `s3://`. Elsewhere it
  // counts as absent, and none of its secrets is read.
  std::string used_with = {}, used_with_start = {};
  std::string pattern = {};  // a regular expression that its text must match; empty: any text
};

// A field of an action's result: what `steps.<id>.<name>` may be.
struct ResultField {
  std::string name;
  FieldType type = FieldType::any;
  std::string meaning;
};

}  // namespace muster
