// A backup file taken apart, whatever it is wrapped in: encryption, gzip or zstd, tar; each told by its first bytes.
//
// Nothing is used before it is proven: encrypted chunks by their tags, gzip and zstd by their checksums, tar by its
// headers and its end. What comes out lies in a directory of ours and is the caller's to remove.
// Units:  bytes. Memory is bounded, whatever the size of the file.
// Errors: `corrupt`, `wrong_key`, `refused` (an entry that has no business in a backup, or more than `most_bytes`),
//         `storage`, `interrupted`; messages name the file.
// Source: docs/actions/restore.md, "Archives"; docs/reliability.md rows B51, B55, B56, B63 and S27.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "interpreter/world/files.h"
#include "steps/archive/copying.h"
#include "steps/archive/manifest.h"
#include "steps/archive/sealing.h"

namespace muster {

enum class Content {
  sqlite,         // a SQLite database
  postgres_dump,  // of pg_dump -Fc
  tar,            // several entries
  other,          // text or anything else: an SQL dump, rows
};

struct ReadPlan {
  std::string path;
  std::optional<ArchiveKey> key;
  std::string directory;     // empty: only proven, nothing is written
  std::string payload_name;  // of what is not in a tar archive
  uint64_t most_bytes = 0;   // unpacked
  bool hash_file = false;    // also the file as it lies there
  Arriving arriving = {};    // a file that is no archive, while it is copied
};

struct ReadBackup {
  Content content = Content::other;
  bool is_sealed = false, is_compressed = false;
  std::string payload;      // where the one payload lies; of a tar archive: the directory with its entries
  std::string file_sha256;  // of the file, where it was asked for
  std::string sha256;       // of what was unpacked, where it is no tar archive
  uint64_t bytes = 0;       // unpacked
  int64_t files = 0, directories = 0;
  std::optional<Manifest> meta;  // found in a tar archive, where it is no entry of the payload
  // Of a tar archive's files: digest by name.
  std::map<std::string, std::string> digests;
};

using ReadBytes = std::function<void(uint64_t done, uint64_t total)>;

// `writing` may be nullptr where the plan has no directory.
[[nodiscard]] Result<ReadBackup> read_backup(FilesRead& files, Files* writing, const ReadPlan& plan,
                                             std::stop_token stop, const ReadBytes& progress);
// What the first bytes of a file tell: whether it is an archive of any kind, without opening it.
[[nodiscard]] Result<bool> is_archive(FilesRead& files, const std::string& path);

}  // namespace muster
