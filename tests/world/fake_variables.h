// Environment variables as a test sets them.
#pragma once

#include <map>
#include <string>

#include "interpreter/world/variables.h"

namespace muster {

class FakeVariables final : public Variables {
 public:
  std::optional<std::string> find(const std::string& name) override {
    auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional<std::string>(found->second);
  }
  std::map<std::string, std::string> all;
};

}  // namespace muster
