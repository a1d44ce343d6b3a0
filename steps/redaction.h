// Replaces secrets in what the world answered: a server that echoes its request, a query that selects its own bind.
//
// It knows the secrets that the step itself handed out, in the forms of world/secret_forms.h; secrets under four bytes
// are not looked for, because they would blot out ordinary text.
#pragma once

#include <string>
#include <vector>

#include "interpreter/base/value.h"

namespace muster {

class Redaction {
 public:
  // All secrets anywhere inside.
  explicit Redaction(const Map& args);

  [[nodiscard]] std::string text(std::string text) const;
  // Texts inside, also a map's keys.
  [[nodiscard]] Value value(Value value) const;

 private:
  void gather(const Value& value);
  std::vector<std::string> forms_;  // longest first
};

}  // namespace muster
