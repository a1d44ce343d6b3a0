// What a system call said, as an Error.
//
// Errors: ENOENT and ENOTDIR are `not_found`; rights, existing names and symbolic links where none may be are
// `refused`;
//         a full disk, I/O and the rest are `storage`. `cause` is the system's own word.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

// `cannot <doing> `path`: No space left on device`.
[[nodiscard]] tl::unexpected<Error> system_error(int number, std::string_view doing, std::string_view path,
                                                 Certainty effect = Certainty::no_effect);
// The system's word for an errno, in English whatever the locale.
[[nodiscard]] std::string system_word(int number);
// Which limit to raise, of what only a limit refuses; else nothing.
[[nodiscard]] std::string hint_of_limit(int number);

}  // namespace muster
