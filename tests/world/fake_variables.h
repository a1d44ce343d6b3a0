// Environment variables as a test sets them.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "interpreter/world/variables.h"

namespace muster {

class FakeVariables final : public Variables {
 public:
  std::optional<std::string> find(const std::string& name) override {
    std::lock_guard lock(mutex_);
    asked.push_back(name);
    auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional<std::string>(found->second);
  }
  std::map<std::string, std::string> all;
  std::vector<std::string> asked;  // in their order

 private:
  std::mutex mutex_;
};

}  // namespace muster
