// The names of the accounts of this machine.
#pragma once

#include <sys/types.h>

#include <string>

namespace muster {

// Empty: the account has no name.
[[nodiscard]] std::string account_name(uid_t uid);

}  // namespace muster
