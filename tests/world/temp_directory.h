// A directory of a test's own, removed with it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <optional>
#include <string>

namespace muster {

class TempDirectory {
 public:
  TempDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-test.XXXXXX").string();
    path_ = ::mkdtemp(pattern.data()) ? pattern : "";
  }
  ~TempDirectory() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// In memory where the system has such a place: for sweeps over hundreds of stores, whose disk is simulated anyway.
class QuickDirectory {
 public:
  QuickDirectory() {
    std::string pattern = "/dev/shm/muster-test.XXXXXX";
    path_ = ::mkdtemp(pattern.data()) ? pattern : slow_.emplace().path();
  }
  ~QuickDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  QuickDirectory(const QuickDirectory&) = delete;
  QuickDirectory& operator=(const QuickDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::optional<TempDirectory> slow_;
  std::string path_;
};

}  // namespace muster
