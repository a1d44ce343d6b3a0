// The real ports, wired once for a process.
#pragma once

#include <memory>

#include "interpreter/cli/command.h"
#include "interpreter/world/world.h"

namespace muster {

class RealWorld {
 public:
  RealWorld(const Invocation& invocation, const std::string& store);
  ~RealWorld();
  [[nodiscard]] World& world();

 private:
  struct Ports;
  std::unique_ptr<Ports> ports_;
};

}  // namespace muster
