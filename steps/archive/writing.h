// A backup file made: tar, compressed and encrypted as asked, hashed on the way.
//
// Units:  bytes. Memory is bounded, whatever the size of what goes in.
// Errors: what files and layers said; `refused` for what no archive of ours may hold; `interrupted`; `target_in_use`
// for
//         a file whose size changed while it was read.
// Source: docs/actions/backup.md.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/world/files.h"
#include "steps/archive/compression.h"
#include "steps/archive/manifest.h"
#include "steps/archive/sealing.h"

namespace muster {

struct ArchiveOptions {
  Compression compression = Compression::none;
  std::optional<ArchiveKey> key;
  std::string random;  // seal_random_bytes where there is a key
};

struct WrittenArchive {
  std::string sha256;  // of the archive's bytes
  uint64_t bytes = 0;
  std::map<std::string, std::string> digests;  // of the files in it, by name
};

using WriteBytes = std::function<void(uint64_t done, uint64_t total)>;

// What a directory holds, as an archive would.
struct Inventory {
  std::vector<std::string> names;  // of files, directories and links; parents first
  int64_t files = 0, directories = 0, links = 0;
  uint64_t bytes = 0;
};
// `refused` for pipes, sockets and devices, for names that differ by case only, and for links that lead out.
[[nodiscard]] Result<Inventory> take_inventory(FilesRead& files, const std::string& directory, std::stop_token stop);

// One file, under its payload's name, and the manifest before it.
[[nodiscard]] Result<WrittenArchive> archive_file(Files& files, const std::string& path, const Manifest& manifest,
                                                  const ArchiveOptions& options, const std::string& to,
                                                  std::stop_token stop, const WriteBytes& progress);
// All of a directory.
[[nodiscard]] Result<WrittenArchive> archive_directory(Files& files, const std::string& directory,
                                                       const Inventory& inventory, const Manifest& manifest,
                                                       const ArchiveOptions& options, const std::string& to,
                                                       std::stop_token stop, const WriteBytes& progress);

}  // namespace muster
