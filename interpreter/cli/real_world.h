// The real ports, wired once for a process.
#pragma once

#include <memory>

#include "interpreter/cli/command.h"
#include "interpreter/language/configuration.h"
#include "interpreter/world/dry_world.h"
#include "interpreter/world/world.h"

namespace muster {

class RealWorld {
 public:
  // Without a configuration there are no channels. It must outlive this.
  RealWorld(const Invocation& invocation, const std::string& store, const Configuration* configuration = nullptr);
  ~RealWorld();
  [[nodiscard]] World& world();

 private:
  struct Ports;
  std::unique_ptr<Ports> ports_;
};

// What a dry run is handed: the same ports where they read, and nothing that writes.
class RealDryWorld {
 public:
  explicit RealDryWorld(const Invocation& invocation);
  ~RealDryWorld();
  [[nodiscard]] DryWorld& world();

 private:
  struct Ports;
  std::unique_ptr<Ports> ports_;
};

}  // namespace muster
