// Words of which one must stand in a key, where the key's type does not tell: what the checker refuses the others for,
// and what editors offer.
#pragma once

#include <string_view>
#include <type_traits>
#include <vector>

#include "interpreter/language/fields.h"

namespace muster {

inline const std::vector<std::string_view> effect_words = {"read", "write", "destructive"};
inline const std::vector<std::string_view> encoding_words = {"raw", "hex", "base64"};
inline const std::vector<std::string_view> failure_words = {"fail", "continue", "ask"};

// The words of a key of construct T; empty: anything may stand there.
template <class T>
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view key) {
  if constexpr (std::is_same_v<T, Step>) {
    if (key == "effect") return effect_words;
  } else if constexpr (std::is_same_v<T, SecretDeclaration>) {
    if (key == "encoding") return encoding_words;
  } else if constexpr (std::is_same_v<T, Input>) {
    if (key == "type") return input_types();
  } else if constexpr (std::is_same_v<T, GateRules>) {
    if (key == "self_approval") return {"allowed"};
  }
  return {};
}

}  // namespace muster
