// The backups that a restore may take, as the journal keeps them: found once, and the same after a crash.
#pragma once

#include <vector>

#include "steps/restore/source.h"

namespace muster {

[[nodiscard]] List kept_candidates(const std::vector<FoundBackup>& found);
[[nodiscard]] std::vector<FoundBackup> candidates_in(const Map& chosen);

// `too_old` where its state is older than is allowed; nothing allowed: any age will do.
[[nodiscard]] Result<void> check_age(const FoundBackup& found, std::optional<Duration> max_age, Timestamp now);

// Whether an older backup may be taken instead: the fault lies in this one.
[[nodiscard]] bool is_fault_of_the_backup(ErrorCode code);
// A refusal as a mark's value, `{refused: ...}`, and back.
[[nodiscard]] Value refusal_of(const Error& error);
[[nodiscard]] std::optional<Error> refusal_in(const Value& kept);

}  // namespace muster
