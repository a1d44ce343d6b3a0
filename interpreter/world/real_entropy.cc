#include "interpreter/world/real_entropy.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>

namespace muster {

std::string RealEntropy::bytes(size_t count) {
  std::string out(count, '\0');
  for (size_t filled = 0; filled < count;) {
    ssize_t n = ::getrandom(out.data() + filled, count - filled, 0);
    if (n > 0) {
      filled += static_cast<size_t>(n);
    } else if (errno != EINTR) {
      std::abort();
    }
  }
  return out;
}

}  // namespace muster
