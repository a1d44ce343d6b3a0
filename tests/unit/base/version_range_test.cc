#include <gtest/gtest.h>

#include "interpreter/base/version_range.h"

namespace muster {
namespace {

bool holds(const char* range, const char* version) {
  std::optional<VersionRange> read = VersionRange::parse(range);
  std::optional<Version> given = Version::parse(version);
  EXPECT_TRUE(read && given) << range << " " << version;
  return read && given && read->holds(*given);
}

TEST(VersionRange, HoldsWhatItsTermsHold) {
  EXPECT_TRUE(holds(">=1.2", "1.2.0"));
  EXPECT_TRUE(holds(">=1.2", "2.0.0"));
  EXPECT_FALSE(holds(">=1.2", "1.1.9"));
  EXPECT_FALSE(holds(">1.2", "1.2.0"));
  EXPECT_TRUE(holds(">=1.2, <2", "1.10.3"));
  EXPECT_FALSE(holds(">=1.2 <2", "2.0.0"));
  EXPECT_TRUE(holds("<= 1.4.0", "1.4.0"));
  EXPECT_TRUE(holds("1.4", "1.4.7"));
  EXPECT_FALSE(holds("1.4", "1.5.0"));
  EXPECT_TRUE(holds("=1.4.2", "1.4.2"));
  EXPECT_FALSE(holds("1.4.2", "1.4.3"));
  EXPECT_TRUE(holds("^1.4", "1.9.0"));
  EXPECT_FALSE(holds("^1.4", "2.0.0"));
  EXPECT_FALSE(holds("^0.2.3", "0.3.0"));
  EXPECT_TRUE(holds("~1.4", "1.4.9"));
  EXPECT_FALSE(holds("~1.4", "1.5.0"));
}

TEST(VersionRange, PutsAPreReleaseBeforeItsVersion) {
  EXPECT_FALSE(holds(">=1.2.0", "1.2.0-rc.1"));
  EXPECT_TRUE(holds("<1.2.0", "1.2.0-rc.1"));
  // Source: semver.org, version 2, 11.
  const char* ascending[] = {"1.0.0-alpha",  "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
                             "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",       "1.0.0"};
  for (size_t i = 0; i + 1 < std::size(ascending); ++i)
    EXPECT_LT(compare(*Version::parse(ascending[i]), *Version::parse(ascending[i + 1])), 0) << ascending[i];
}

TEST(VersionRange, RefusesWhatIsNone) {
  for (const char* text : {"", ">=", "1.x", "=>1.2", ">=1.2.3.4", "latest", "1.2 or 1.3", ">=1.2,,<x", "1.0.0-"})
    EXPECT_FALSE(VersionRange::parse(text)) << text;
}

}  // namespace
}  // namespace muster
