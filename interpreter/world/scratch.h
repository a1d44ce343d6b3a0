// Private temporary files of a dry run: the only place where a Trial may write.
#pragma once

#include <string>

#include "interpreter/base/result.h"

namespace muster {

class Scratch {
 public:
  virtual ~Scratch() = default;
  // A new directory, 0700, removed when the Scratch goes.
  [[nodiscard]] virtual Result<std::string> directory() = 0;
};

}  // namespace muster
