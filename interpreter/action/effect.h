// What an action does to the world, at worst. Declared or derived; only ever strengthened.
#pragma once

#include <optional>
#include <string_view>

namespace muster {

enum class Effect {
  read,         // changes nothing
  write,        // changes something that can be changed back or repeated with care
  destructive,  // replaces or removes data
};

[[nodiscard]] std::string_view name_of(Effect effect);
[[nodiscard]] std::optional<Effect> effect_of(std::string_view name);

}  // namespace muster
