// What is written down about a backup, within an archive as `backup_meta.json` and beside each backup as
// `FILE.meta.json`.
//
// Units:  bytes; times are Timestamps.
// Errors: `corrupt` for a manifest that cannot be read.
// Source: docs/actions/backup.md, "The manifest".
#pragma once

#include <optional>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"

namespace muster {

struct Manifest {
  std::string kind;     // sqlite, postgres, directory, rows
  std::string name;     // as the playbook calls the series
  std::string payload;  // the file's name within the archive; empty for a directory
  Timestamp created_at;
  std::optional<int64_t> schema_version;
  Map records;         // rows by table; of a directory `files`, `directories`, `bytes`
  std::string sha256;  // of the payload; empty for a directory
  uint64_t bytes = 0;  // unpacked
  Map rows;            // of kind `rows`: table, where
  // Only beside the backup:
  std::string file;         // its name
  std::string file_sha256;  // of its bytes
  uint64_t file_bytes = 0;
};

constexpr std::string_view inner_manifest = "backup_meta.json";
constexpr std::string_view manifest_suffix = ".meta.json";
constexpr uint64_t most_manifest_bytes = 16 << 20;

[[nodiscard]] std::string print_manifest(const Manifest& manifest);
// Also one that another program wrote, as far as its names are the same (`schema_version`, `record_counts`,
// `created_at`).
[[nodiscard]] Result<Manifest> parse_manifest(const std::string& text);

// `/srv/backup/app-….sqlite#<first 16 digits of its SHA-256>`: names the very bytes, over all runs.
[[nodiscard]] std::string artifact_id(const std::string& path, const std::string& file_sha256);
struct ArtifactId {
  std::string path;
  std::string digest;
};
[[nodiscard]] Result<ArtifactId> parse_artifact_id(const std::string& text);

}  // namespace muster
