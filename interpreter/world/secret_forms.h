// The forms in which a secret may turn up in output: as it is, encoded, escaped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

// Raw, each line, base64 in its three alignments, URL, JSON and hex forms; longest first, none shorter than four bytes.
[[nodiscard]] std::vector<std::string> secret_forms(std::string_view secret);

}  // namespace muster
