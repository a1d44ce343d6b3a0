// Signed heads outside the store: one line of JSON each, kept where the store's own hands do not reach.
//
// Whoever holds the store's key can write chains and ledger anew; a head that somebody else has kept shows it.
// Errors: `corrupt` with the line's number for what cannot be read.
// Source: docs/journal.md, "Anchors".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

// With its line end.
[[nodiscard]] std::string head_line(const SignedHead& head);
// What a killed process or a full disk left of the last line is passed over. The file of a user's heads holds those of
// all stores: only who needs each of them checked asks for it.
enum class HeadCheck { each, none };
[[nodiscard]] Result<std::vector<SignedHead>> read_heads(std::string_view text, HeadCheck check = HeadCheck::each);
// What the head says is signed by the key that it names, and fits its own hash.
[[nodiscard]] bool holds(const SignedHead& head);

// The ledger of a store beside heads that were kept: each of this store's must stand there as it was. A head that
// agrees with the ledger needs no signature of its own; one that does not is `corrupt` where its signature fails.
[[nodiscard]] Result<std::vector<VerifyFinding>> compare_with_heads(const std::string& path,
                                                                    const std::vector<SignedHead>& heads,
                                                                    int64_t& compared);

}  // namespace muster
