#include "interpreter/cli/accounts.h"

#include <pwd.h>

namespace muster {

std::string account_name(uid_t uid) {
  char buffer[16384];
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) != 0 || !found) return {};
  return found->pw_name;
}

}  // namespace muster
