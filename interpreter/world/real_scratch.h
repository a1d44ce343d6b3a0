// Temporary directories of a dry run, beneath a directory that the owner chose, removed with the Scratch.
//
// Errors: `refused` or `storage` when no directory can be made there.
// Threads: safe from several threads.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "interpreter/world/scratch.h"

namespace muster {

class RealScratch final : public Scratch {
 public:
  explicit RealScratch(std::string beneath) : beneath_(std::move(beneath)) {}
  ~RealScratch() override;
  RealScratch(const RealScratch&) = delete;
  RealScratch& operator=(const RealScratch&) = delete;

  [[nodiscard]] Result<std::string> directory() override;

 private:
  std::string beneath_;
  std::mutex mutex_;
  std::vector<std::string> made_;
};

}  // namespace muster
