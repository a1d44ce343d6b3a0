// The variables that `main` read when the process began.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "interpreter/world/variables.h"

namespace muster {

class RealVariables final : public Variables {
 public:
  explicit RealVariables(std::map<std::string, std::string> all) : all_(std::move(all)) {}
  std::optional<std::string> find(const std::string& name) override {
    auto found = all_.find(name);
    return found == all_.end() ? std::nullopt : std::optional<std::string>(found->second);
  }

 private:
  const std::map<std::string, std::string> all_;
};

}  // namespace muster
