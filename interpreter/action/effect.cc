#include "interpreter/action/effect.h"

namespace muster {

std::string_view name_of(Effect effect) {
  switch (effect) {
    case Effect::read:
      return "read";
    case Effect::write:
      return "write";
    case Effect::destructive:
      return "destructive";
  }
  return "write";
}

std::optional<Effect> effect_of(std::string_view name) {
  for (Effect effect : {Effect::read, Effect::write, Effect::destructive})
    if (name_of(effect) == name) return effect;
  return std::nullopt;
}

}  // namespace muster
