#include "interpreter/base/lua_places.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

std::string places(const std::string& message, const std::string& cause) {
  return lua_places(Map{{"message", message}, {"cause", cause}});
}

TEST(LuaPlaces, AreThoseThatTheMessageDoesNotSay) {
  EXPECT_EQ(places("a.lua:3: no", "a.lua:3"), "");
  EXPECT_EQ(places("a.lua:3: no", "a.lua:3\nlib/b.lua:9\na.lua:12"), "called from lib/b.lua:9, a.lua:12");
  EXPECT_EQ(places("no restarts left", "a.lua:3"), "raised at a.lua:3");
  EXPECT_EQ(places("no restarts left", "a.lua:3\na.lua:9\na.lua:12"),
            "raised at a.lua:3, called from a.lua:9, a.lua:12");
}

TEST(LuaPlaces, AreNoneOfWhatALibrarySaid) {
  for (const char* cause : {"", "database is locked", "a.lua:3\nand more", "a.lua:", ":3", "a.lua:3x"})
    EXPECT_EQ(places("no", cause), "") << cause;
  EXPECT_EQ(lua_places({}), "");
}

}  // namespace
}  // namespace muster
