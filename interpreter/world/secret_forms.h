// The forms in which a secret may turn up in output: as it is, encoded, escaped.
//
// Raw, each of its lines, base64 in its three alignments and both alphabets, hex, percent-encoded, and as inside JSON
// and shell quotes. Base64 is cut to the characters that the secret alone decides, so that it is found within longer
// text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

// Longest first, each once. None is shorter than four bytes: that would blot out ordinary text.
[[nodiscard]] std::vector<std::string> secret_forms(std::string_view secret);

}  // namespace muster
