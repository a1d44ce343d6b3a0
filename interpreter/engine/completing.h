// Who may say that a manual step is done, and what the answers must be.
//
// Errors: `refused` with the reason for people, `invalid` for answers that do not fit the form, with what to type.
// Source: docs/gates.md, "What a person does".
#pragma once

#include "interpreter/base/result.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"

namespace muster {

// Whether this person may say so now; the answers, typed by the form. A command asks before it writes, and the engine
// again before it counts.
[[nodiscard]] Result<Map> may_complete(const OpRecord& step, const Manual& declared, const Completion& said,
                                       const Configuration& configuration, Timestamp now);
// What an `answered` event says.
[[nodiscard]] Map completion_body(const Completion& said);

}  // namespace muster
