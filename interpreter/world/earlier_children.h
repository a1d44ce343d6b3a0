// What helpers of earlier interpreters know of a child: first those that live are asked, then what they wrote down.
//
// Errors: `in_doubt` when there is a record that cannot be read, or a helper that does not answer until the stop.
// Source: interpreter/world/children/protocol.h.
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/world/children/protocol.h"

namespace muster {

// Waits for a child that still runs; a stop ends it. `name` is the one it was started with.
[[nodiscard]] Result<std::optional<children::Ended>> find_earlier_child(const std::string& spool,
                                                                        const std::string& name,
                                                                        const std::stop_token& stop);
// Its outcome is committed: the record may go.
void remove_record(const std::string& spool, const std::string& name);

}  // namespace muster
