// The channels of the configuration, over the ports of this process.
//
// Threads: safe from several threads; nothing is kept between two messages.
// Source: docs/configuration.md, "Channels".
#pragma once

#include "interpreter/language/configuration.h"
#include "interpreter/world/messages.h"
#include "interpreter/world/world.h"

namespace muster {

class RealChannels final : public Channels {
 public:
  // `world` must outlive it; its own `channels` is not used.
  RealChannels(const Configuration* configuration, World& world) : configuration_(configuration), world_(world) {}
  Result<void> tell(const std::string& channel, const Message& message, std::stop_token stop) override;
  Result<std::string> describe(const std::string& channel) override;

 private:
  Result<const Channel*> find(const std::string& name) const;
  const Configuration* configuration_;
  World& world_;
};

}  // namespace muster
