// How events are chained: the hash of each covers the one before it and its own stored bytes. Inside this room, and for
// auditors' tools.
//
// hash_n = SHA-256("muster-event-1" ‖ hash_{n-1} as 32 raw bytes ‖ the fields, each as 8 bytes big-endian length and
// bytes: seq, kind, op, attempt, at_us as decimal text, body). hash_0 = SHA-256("muster-run-1" ‖ the run row's fields,
// framed the same way: id, playbook, version, graph digest, inputs, starter, parent, created_at_us).
// Source: docs/journal.md, "The chain".
#pragma once

#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

// Hex, 64 digits.
[[nodiscard]] std::string first_link(const NewRun& run);
[[nodiscard]] std::string next_link(const std::string& previous, const Event& event);
// Gives each event its seq, name and hash, and moves the lease on over them.
[[nodiscard]] std::vector<Event> chained(Lease& lease, std::vector<Event> events);
// Length-framed fields: no two lists of fields give the same bytes.
[[nodiscard]] std::string framed(std::initializer_list<std::string_view> fields);
[[nodiscard]] std::string from_hex(std::string_view hex);

}  // namespace muster
