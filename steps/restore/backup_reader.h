// From the chosen files of a replica to a database file, every byte proven on the way.
//
// Two passes: survey() reads the logs only and finds everything that can be wrong with them, and how large the database
// will be, before a byte is written; write_database() reads all and writes.
// Memory: bounded, whatever the size of database, log or transaction.
// Errors: `corrupt` naming generation, log and offset; `interrupted` when stopped; what files said. write_database()
//         leaves a half-written file behind when it fails: it is the caller's to remove.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/files.h"
#include "steps/restore/database_header.h"
#include "steps/restore/litestream.h"

namespace muster {

struct Survey {
  DatabaseHeader header;                   // of the snapshot
  uint64_t size_bytes = 0;                 // of the database that will come back
  uint64_t peak_bytes = 0;                 // while it is being written
  std::map<uint32_t, uint64_t> committed;  // by log: frames up to its last commit
  uint64_t frames = 0;                     // of all logs
  std::vector<std::string> notes;
};

// Compressed bytes done and to do.
using ReadProgress = std::function<void(uint64_t done, uint64_t total)>;

[[nodiscard]] Result<Survey> survey(FilesRead& files, const BackupChoice& choice, std::stop_token stop);
// `file` must be empty; gives its size, synced.
[[nodiscard]] Result<uint64_t> write_database(FilesRead& files, const BackupChoice& choice, const Survey& survey,
                                              WriteFile& file, std::stop_token stop, const ReadProgress& progress);

}  // namespace muster
