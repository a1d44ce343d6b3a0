// Evaluates expressions and templates, with the values of the parts, three-valued logic and secrets that stay secrets.
//
// Units:  a Budget counts operations and bytes; the default is ample for any sane claim.
// Errors: a Diagnostic at the part that raised (code `expression-failed`, or what the Environment said), its notes
//         showing the values of the parts around it. Reading an Unknown is no error: the result is Unknown.
#pragma once

#include <functional>
#include <span>
#include <tl/expected.hpp>

#include "interpreter/base/time.h"
#include "interpreter/base/time_zone.h"
#include "interpreter/expression/template.h"

namespace muster {

// Where free names get their values. `find` is asked with the whole constant path (`steps`, `points`, `latest`, `at`)
// and answers with the value of its longest prefix that it knows to be one unit, and that prefix's length.
class Environment {
 public:
  struct Found {
    const Value* value;  // alive until the evaluation ends
    size_t used;         // names of the path that lead to it; the evaluator indexes on from there
  };
  virtual ~Environment() = default;
  // An unknown name or a result that is not there is an error with a message for people.
  [[nodiscard]] virtual tl::expected<Found, std::string> find(std::span<const std::string> path) const = 0;
  // For `is_set(secrets.NAME)`: whether there is one. Nothing but this may be asked of a secret that is not there.
  [[nodiscard]] virtual tl::expected<bool, std::string> has_secret(const std::string& name) const {
    return tl::unexpected("no secret is called `" + name + "`");
  }
  // For `runs.consecutive_days(...)`: a script's function, with arguments that are known and no secrets.
  [[nodiscard]] virtual tl::expected<Value, std::string> call(const std::string& function,
                                                              std::span<const Value> /*arguments*/) const {
    return tl::unexpected("no function is called `" + function + "`");
  }
  // For `timestamp(text, zone)`: the rules of a zone of the tz database; nullptr: only the run will know them.
  [[nodiscard]] virtual tl::expected<const TimeZone*, std::string> zone(const std::string& /*name*/) const {
    return nullptr;
  }
  // For `now()`: in a gate it stands still.
  [[nodiscard]] virtual Timestamp now() const = 0;
};

struct Budget {
  int64_t operations = 1'000'000;
  int64_t bytes = 16 << 20;
};

// The value of a part of an expression that is worth showing: a name, an index, a call; not literals, not the whole.
struct Part {
  Span at;
  std::string text;  // as written: `result.value.status`
  Value value;
};

struct Evaluation {
  Value value;
  std::vector<Part> parts;  // in the order of the text; only those that were evaluated
};

[[nodiscard]] tl::expected<Evaluation, Diagnostic> evaluate(const Expression& expression, const Environment& names,
                                                            Budget budget = {});

// The value of a template: the typed value of a whole one; otherwise text, a Secret when any piece is one, Unknown when
// any piece is one. nil inside longer text is an error that says so.
[[nodiscard]] tl::expected<Value, Diagnostic> evaluate(const Template& text, const Environment& names,
                                                       Budget budget = {});

// The same for URLs (docs/language.md, ground rule 3): a value inside is percent-encoded as one path segment or query
// value, except a leading one, which is taken as it is.
[[nodiscard]] tl::expected<Value, Diagnostic> evaluate_url(const Template& text, const Environment& names,
                                                           Budget budget = {});

}  // namespace muster
