// Files for a trial: reads anywhere, writes beneath one folder of a Scratch and nowhere else.
//
// Errors: `refused` for every change outside of that folder; else those of Files.
// Threads: as the ports it is made of.
#pragma once

#include <memory>
#include <string>

#include "interpreter/world/files.h"

namespace muster {

// `folder` was made by a Scratch; `outside` is what everything else is read through, and must outlive it.
[[nodiscard]] std::unique_ptr<Files> scratch_files(FilesRead& outside, std::string folder);

}  // namespace muster
