// Ranges of versions, as `requires` writes them: `>=1.2`, `^1.4.0`, `>=1.2, <2`, `1.4`.
//
// Terms are joined by commas or spaces; all must hold. `^1.4` is from 1.4.0 to before 2; `~1.4` from 1.4.0 to
// before 1.5; a bare `1.4` is any 1.4.x. A version with a pre-release (`2.0.0-rc.1`) comes before that version. Errors:
// text that is no range, or no version, is nothing. Source: semver.org, version 2, "Precedence".
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster {

struct Version {
  std::array<uint64_t, 3> numbers{};
  std::string before;  // the pre-release, without its hyphen
  // `1.4.0`, `1.4`, `1`; what is left out is 0.
  [[nodiscard]] static std::optional<Version> parse(std::string_view text);
};
// Negative, 0 or positive, by precedence.
[[nodiscard]] int compare(const Version& a, const Version& b);

class VersionRange {
 public:
  [[nodiscard]] static std::optional<VersionRange> parse(std::string_view text);
  [[nodiscard]] bool holds(const Version& version) const;

 private:
  struct Bound {
    Version version;
    bool from = true;      // at least; otherwise at most
    bool included = true;  // the version itself, too
  };
  std::vector<Bound> bounds_;
};

}  // namespace muster
