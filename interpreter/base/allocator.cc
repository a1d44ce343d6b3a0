#include "interpreter/base/allocator.h"

#include <malloc.h>

#include <limits>

namespace muster {

void keep_freed_memory() {
  constexpr int kept_bytes = std::numeric_limits<int>::max(), at_once_bytes = 1 << 20, mapped_from_bytes = 16 << 20;
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes);
  ::mallopt(M_TOP_PAD, at_once_bytes);
  ::mallopt(M_MMAP_THRESHOLD, mapped_from_bytes);
}

}  // namespace muster
