#include "steps/backup/retention.h"

#include <algorithm>

#include "steps/archive/manifest.h"

namespace muster {

namespace {

struct Known {
  std::string path;
  Timestamp at;
  bool is_whole = false;
};

}  // namespace

Result<std::vector<std::string>> expired_backups(FilesRead& files, const std::string& directory,
                                                 const std::string& name, const std::string& newest, Timestamp now,
                                                 const RetentionRule& rule) {
  if (!rule.keep && !rule.max_age) return std::vector<std::string>{};
  Result<std::vector<DirectoryEntry>> entries = files.list(directory);
  if (!entries) return pass(entries.error());
  std::vector<Known> known;
  for (const DirectoryEntry& entry : *entries) {
    if (entry.status.kind != FileKind::file || !entry.name.ends_with(manifest_suffix)) continue;
    Result<std::string> text = files.read(directory + "/" + entry.name, most_manifest_bytes);
    if (!text) continue;
    Result<Manifest> manifest = parse_manifest(*text);
    // Its name must be that of the file it lies beside: a copied manifest speaks for no other.
    if (!manifest || manifest->name != name || manifest->file + std::string(manifest_suffix) != entry.name) continue;
    std::string path = directory + "/" + manifest->file;
    Result<std::optional<FileStatus>> status = files.status(path);
    if (!status || path == newest) continue;
    bool is_whole = *status && (*status)->kind == FileKind::file && (*status)->size == manifest->file_bytes;
    known.push_back({std::move(path), manifest->created_at, is_whole});
  }
  std::ranges::sort(known, [](const Known& a, const Known& b) { return a.at > b.at; });
  std::vector<std::string> expired;
  int64_t kept = 1;  // the one just made
  for (const Known& backup : known) {
    bool is_old = rule.max_age && now - backup.at > *rule.max_age;
    bool is_beyond = rule.keep && kept >= *rule.keep;
    if (is_old || is_beyond) {
      expired.push_back(backup.path);
    } else if (backup.is_whole) {
      ++kept;
    }
  }
  std::ranges::reverse(expired);
  return expired;
}

Map apply_retention(Files& files, const std::string& directory, const std::string& name, const std::string& newest,
                    Timestamp now, const RetentionRule& rule) {
  List removed, notes;
  Result<std::vector<std::string>> expired = expired_backups(files, directory, name, newest, now, rule);
  if (!expired) {
    notes.emplace_back("no older backup was removed: " + expired.error().message);
    return {{"removed", std::move(removed)}, {"notes", std::move(notes)}};
  }
  for (const std::string& path : *expired) {
    // The manifest last: a kill between the two leaves one that says what to remove again.
    Result<void> gone = files.remove(path);
    if (gone) gone = files.remove(path + std::string(manifest_suffix));
    if (gone) {
      removed.emplace_back(path);
    } else {
      notes.emplace_back("`" + path + "` could not be removed: " + gone.error().message);
    }
  }
  if (!expired->empty()) (void)files.sync_directory(directory).has_value();
  return {{"removed", std::move(removed)}, {"notes", std::move(notes)}};
}

}  // namespace muster
