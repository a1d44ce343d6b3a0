// Where a restore takes its backup from: what could be taken, and how it becomes a file or directory beside the target.
//
// find() only looks; what it found is kept in the journal as `record`, so that a later process fetches the very same.
// Errors: find(): `no_backup`, `unreachable`, `refused` where it cannot be told which one is meant. fetch(): `corrupt`,
//         `wrong_key`, `storage`, `refused`, `interrupted`; what it left half-made is in the work directory.
// Source: docs/actions/restore.md.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/archive/copying.h"
#include "steps/archive/manifest.h"
#include "steps/restore/request.h"

namespace muster {

struct FoundBackup {
  Map record;          // finds it again
  std::string id;      // the point, as `list` names it
  std::string source;  // the file it is read from, or the last of them
  Timestamp at;
  uint64_t bytes = 0;  // that it takes beside the target; 0: not known
  std::vector<std::string> notes;
  bool names_its_moment = false;  // asking for `at` gives it again
};

struct FetchPlan {
  TargetKind target = TargetKind::sqlite;
  std::string work;       // an empty directory of ours
  std::string ready;      // what is to be made, within `work`
  std::string directory;  // the target's
  std::optional<Timestamp> at;
  std::stop_token stop;
  std::function<void(uint64_t done, uint64_t total)> progress;
  Arriving arriving = {};  // told of a file that comes as it stays, where the source brings such a one
};

// For a request in a step: `work` is an empty directory of ours, `ready` lies within it. Both references must stay.
[[nodiscard]] FetchPlan fetch_plan(const RestoreRequest& request, const StepInput& input, std::string work,
                                   std::string ready, std::string directory);

struct FetchedBackup {
  uint64_t bytes = 0;
  std::string sha256;  // of the database file, where it was made on the way
  std::optional<Manifest> meta;
  std::vector<std::string> notes;
};

// What a trial made of it.
struct LaidOut {
  std::string path;    // of the database
  std::string sha256;  // of it, where it was made on the way
  std::optional<Manifest> meta;
  std::string untried;  // why nothing was made; empty: it was
};
// A larger database is not tried: the dry run would take as long as the restore.
inline constexpr uint64_t most_tried_bytes = uint64_t{256} << 20;

class BackupSource {
 public:
  virtual ~BackupSource() = default;
  // The best first; those behind it are what is fallen back to when it turns out to be damaged. Never empty.
  [[nodiscard]] virtual Result<std::vector<FoundBackup>> find(Look& look, std::optional<Timestamp> at,
                                                              std::stop_token stop) = 0;
  [[nodiscard]] virtual Result<FetchedBackup> fetch(const FoundBackup& found, Touch& touch, const FetchPlan& plan) = 0;
  // For a trial: the SQLite database that would come back, made beneath `plan.work`. `files` writes nowhere else.
  [[nodiscard]] virtual Result<LaidOut> lay_out(const FoundBackup& found, Look& look, Files& files,
                                                const FetchPlan& plan) = 0;
  // Looks deeper than find() does, for a preview: lines and facts about what would be restored.
  [[nodiscard]] virtual Result<void> describe(const FoundBackup& found, Look& look, std::stop_token stop,
                                              Preview& preview) = 0;
  // Every moment that could be restored, oldest first, as {id, at, source, kind}.
  [[nodiscard]] virtual Result<List> points(Look& look, std::vector<std::string>& notes, std::stop_token stop) = 0;
};

[[nodiscard]] std::unique_ptr<BackupSource> litestream_source(const From& from);
// Backups that are files: one, the newest of several, an archive, a dump, an artifact.
[[nodiscard]] std::unique_ptr<BackupSource> file_source(const From& from);
[[nodiscard]] std::unique_ptr<BackupSource> source_of(const From& from);

[[nodiscard]] Result<void> check_space(FilesRead& files, const std::string& directory, uint64_t needed_bytes);
// `0.25 s before the moment asked for`; empty where it is that very moment or none was asked for.
[[nodiscard]] std::string distance_words(Timestamp restored, std::optional<Timestamp> at);

}  // namespace muster
