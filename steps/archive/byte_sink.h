// Bytes on their way: each layer of an archive takes them and hands on what it makes of them.
//
// Errors: what a layer says ends the way; end() is called once, after the last add(), and is what proves the whole.
#pragma once

#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  [[nodiscard]] virtual Result<void> add(std::string_view bytes) = 0;
  [[nodiscard]] virtual Result<void> end() = 0;
};

}  // namespace muster
