// Files that the kernel knows by a number: copied without passing through us, and read into memory that is there.
//
// Beside the ports of files.h, whose other files (simulated, damaged, in a store) are read and written as ever.
// Units, errors: as there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "interpreter/world/files.h"

namespace muster {

class DiskSource {
 public:
  virtual ~DiskSource() = default;
  [[nodiscard]] virtual int descriptor() const = 0;
};

class DiskSink {
 public:
  virtual ~DiskSink() = default;
  // As much as the kernel can copy to the same place here: nothing between some file systems, or at the end.
  virtual uint64_t copy_from(const DiskSource& from, uint64_t offset, uint64_t size) = 0;
};

// Beside Files, where paths are of this machine.
class DiskAttributes {
 public:
  virtual ~DiskAttributes() = default;
  // Gives `to` the extended attributes that `from` has: labels, access lists, what users have noted. The names of those
  // that could not be given, because of our rights or of the file system.
  [[nodiscard]] virtual Result<std::vector<std::string>> copy_attributes(const std::string& from,
                                                                         const std::string& to) = 0;
};

// Bytes of one file to the same place in another; how many came, fewer than asked for only at the end.
[[nodiscard]] Result<uint64_t> copy_bytes(ReadFile& from, WriteFile& to, uint64_t offset, uint64_t size);

}  // namespace muster
