// What the world did to us, as a value.
//
// Errors: callers decide by `code` and `effect`, never by the text; `message` and `hint` are for people.
// Source: docs/language.md, "error"; the first group of codes is what a playbook sees as `error.code`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace muster {

enum class ErrorCode {
  failed,           // the action ran and said no: an exit code, an HTTP status, a count
  timeout,          // its time was up
  unreachable,      // nobody answered: refused, no route, no such host
  verify_failed,    // a claim did not hold in time
  not_started,      // the program, file or statement was never begun
  wrong_key,        // a key or passphrase does not fit
  schema_mismatch,  // tables, versions or counts are not the expected ones
  corrupt,          // bytes are damaged, cut or missing
  too_old,          // the newest data is older than allowed
  target_in_use,    // somebody has the target open
  no_backup,        // nothing to restore from, or nothing at or before that time
  violations,       // invariants do not hold
  expression,       // an expression raised while the run was under way
  not_found,        // a file, run, step or name that is not there
  refused,          // forbidden by a rule of ours or of the system
  interrupted,      // asked to stop
  bad_reply,        // an answer that cannot be understood
  storage,          // disk, database or journal failed
  busy,             // owned or locked by somebody else
  in_doubt,         // a crash left it open whether it happened
  invalid,          // an argument that cannot be used
};

// The code as a playbook writes it: `unreachable`.
[[nodiscard]] std::string_view name_of(ErrorCode code);
[[nodiscard]] std::optional<ErrorCode> error_code_of(std::string_view name);

// What is known of the effect of something that failed. Only `no_effect` may be repeated unasked.
enum class Certainty {
  no_effect,  // definitely nothing happened
  maybe,      // it may have happened, whole or in part
  done,       // it happened
};
[[nodiscard]] std::string_view name_of(Certainty certainty);  // none, maybe, done: as `error.effect` shows it

// What in a step's arguments an error is about: `query`, `invariants[1].query`; and where in that text.
struct ArgumentPlace {
  std::string argument;
  int64_t line = 0, column = 0;  // from 1; 0: the argument as a whole
};

struct Error {
  ErrorCode code = ErrorCode::failed;
  std::string message;
  std::string hint;
  Certainty effect = Certainty::no_effect;
  std::optional<int64_t> status;     // HTTP status, where there was one
  std::optional<int64_t> exit_code;  // exit code of a process, where there was one
  std::string cause;                 // what the library or system said, for people
  std::string own_code = {};         // what an extension calls it, instead of `code`
  std::optional<ArgumentPlace> place = {};
};

template <class T>
using Result = tl::expected<T, Error>;  // std::expected the day we leave C++20

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message, std::string hint = {},
                                                Certainty effect = Certainty::no_effect) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.hint = std::move(hint);
  error.effect = effect;
  return tl::unexpected<Error>(std::move(error));
}

// Passes an error on to a caller whose value has another type.
[[nodiscard]] inline tl::unexpected<Error> pass(Error error) { return tl::unexpected<Error>(std::move(error)); }

}  // namespace muster
