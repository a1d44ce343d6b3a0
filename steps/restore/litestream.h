// A Litestream 0.3 replica in a directory: what it holds, and which of its files give the database at a moment.
//
// Layout: generations/<16 hex>/snapshots/<index>.snapshot.lz4 and .../wal/<index>_<offset>.wal.lz4. Index and offset
// are
//         hexadecimal; an index counts write-ahead logs, an offset the uncompressed bytes of one log.
// Units:  bytes. A moment is a file's modification time (the replica records no other): the time of its upload.
// Errors: `not_found` when the directory is missing; `no_backup` when nothing fits; `refused` where file times leave it
//         open what a moment means; `corrupt` where a log is missing between two others.
// Source: docs/actions/restore.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/time.h"
#include "interpreter/world/files.h"

namespace muster {

struct Snapshot {
  uint32_t index = 0;
  Timestamp at;
  uint64_t size_bytes = 0;  // compressed
  std::string path;
};

struct Segment {
  uint32_t index = 0;
  uint64_t offset = 0;
  Timestamp at;
  uint64_t size_bytes = 0;  // compressed
  std::string path;
};

struct Generation {
  std::string name;
  std::string path;
  std::vector<Snapshot> snapshots;  // by index
  std::vector<Segment> segments;    // by index, then offset
};

struct Replica {
  std::string root;
  std::vector<Generation> generations;  // by name
  std::vector<std::string> ignored;     // paths of what is no part of a replica
  bool is_newer_format = false;         // holds the `ltx` directory of Litestream 0.5
};

// What will be read for a restore, in order.
struct BackupChoice {
  std::string generation;
  Snapshot snapshot;
  std::vector<Segment> segments;
  // The file after the last chosen one: a hole between the two shows by its offset.
  std::optional<Segment> next;
  Timestamp at;  // the moment that comes back: of the last segment, or of the snapshot where there is none
  std::vector<std::string> notes;
};

// One moment that can be asked for.
struct RestorePoint {
  std::string id;  // <generation>/<index>, for a segment with /<offset>
  Timestamp at;
  std::string source;  // the file's path
  bool is_snapshot = false;
};

// Eight hexadecimal digits, more where they are needed: as file names have them.
[[nodiscard]] std::string hex_name(uint64_t number);
[[nodiscard]] std::string segment_file_name(uint32_t index, uint64_t offset);
[[nodiscard]] std::string id_of(const BackupChoice& choice);
[[nodiscard]] std::string source_of(const BackupChoice& choice);

[[nodiscard]] Result<Replica> list_replica(FilesRead& files, const std::string& root);

// The newest snapshot not after `at`, whatever its generation, and the segments that follow it up to `at`. Without
// `at`: the newest of all.
[[nodiscard]] Result<BackupChoice> choose_backup(const Replica& replica, std::optional<Timestamp> at, Timestamp now);

// A choice made earlier, found again in the replica as it is now; `corrupt` where files of it are gone.
struct ChoiceRecord {
  std::string generation;
  uint32_t snapshot_index = 0;
  size_t segment_count = 0;
  uint32_t last_index = 0;
  uint64_t last_offset = 0;
};
[[nodiscard]] ChoiceRecord record_of(const BackupChoice& choice);
[[nodiscard]] Result<BackupChoice> find_choice(const Replica& replica, const ChoiceRecord& record,
                                               std::optional<Timestamp> at);

// Every moment that `at` can name, oldest first.
[[nodiscard]] std::vector<RestorePoint> points_of(const Replica& replica);

}  // namespace muster
