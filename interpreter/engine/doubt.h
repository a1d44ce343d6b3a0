// Words of doubts that more than one file of this room writes or reads in events.
#pragma once

#include <string>

namespace muster {

inline const std::string by_done_when = "done_when";
inline const std::string nothing_recorded =
    "the interpreter was killed while it ran, and nothing recorded what became of it";

}  // namespace muster
