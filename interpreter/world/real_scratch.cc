#include "interpreter/world/real_scratch.h"

#include <stdlib.h>

#include <cerrno>

#include "interpreter/world/real_files.h"
#include "interpreter/world/system_error.h"

namespace muster {

RealScratch::~RealScratch() {
  RealFiles files;
  for (const std::string& directory : made_) (void)files.remove_tree(directory);
}

Result<std::string> RealScratch::directory() {
  std::string pattern = beneath_ + "/muster-scratch.XXXXXX";
  if (!::mkdtemp(pattern.data())) return system_error(errno, "make a temporary directory in", beneath_);
  std::lock_guard lock(mutex_);
  made_.push_back(pattern);
  return pattern;
}

}  // namespace muster
