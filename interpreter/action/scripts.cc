#include "interpreter/action/scripts.h"

#include <algorithm>

namespace muster {
namespace {

class NoScripts final : public Scripts {
 public:
  const std::vector<std::string>& names() const override { return names_; }
  Result<std::unique_ptr<ScriptFunction>> open(std::string_view function, const ScriptContext&) const override {
    return unknown(function);
  }
  Result<Value> call(std::string_view function, std::span<const Value>, const ScriptContext&) const override {
    return unknown(function);
  }

 private:
  static tl::unexpected<Error> unknown(std::string_view function) {
    return fail(ErrorCode::not_found, "no function is called `" + std::string(function) + "`");
  }
  std::vector<std::string> names_;
};

}  // namespace

const Scripts& no_scripts() {
  static const NoScripts none;
  return none;
}

bool has_function(const Scripts* scripts, std::string_view name) {
  return scripts && std::binary_search(scripts->names().begin(), scripts->names().end(), name);
}

}  // namespace muster
