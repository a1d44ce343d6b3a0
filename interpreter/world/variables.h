// The environment variables of whoever started the interpreter, as a port: where `secrets: {x: {env: NAME}}` come from.
#pragma once

#include <optional>
#include <string>

namespace muster {

class Variables {
 public:
  virtual ~Variables() = default;
  [[nodiscard]] virtual std::optional<std::string> find(const std::string& name) = 0;
};

}  // namespace muster
