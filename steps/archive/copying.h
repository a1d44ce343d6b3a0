// A file that is no archive, copied as it is: by the kernel where it can, while the copy is hashed and looked at.
//
// Errors: `storage`, `interrupted`, `corrupt` where the file changes while it is copied.
// Threads: the hash runs beside the copying, and whoever waits for the Arrival beside both.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "interpreter/world/arrival.h"
#include "interpreter/world/files.h"

namespace muster {

// Asked once the copy has its size and nothing in it yet, with the first bytes of what will come; whoever wants to read
// it meanwhile gives an Arrival, which is told how far it has come. It is failed where the rest will not come.
using Arriving =
    std::function<std::shared_ptr<Arrival>(const std::string& path, uint64_t size, std::string_view first)>;

struct PlainCopy {
  std::string from, to;
  uint64_t size = 0;  // of `from`
  Arriving arriving;  // may be empty
};

// Gives the SHA-256 of the copy, which is synced by then.
[[nodiscard]] Result<std::string> copy_plain(FilesRead& files, Files& writing, const PlainCopy& copy,
                                             std::stop_token stop,
                                             const std::function<void(uint64_t done, uint64_t total)>& progress);

}  // namespace muster
