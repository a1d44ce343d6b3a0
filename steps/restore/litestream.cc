#include "steps/restore/litestream.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <tuple>

namespace muster {

namespace {

constexpr std::string_view snapshot_suffix = ".snapshot.lz4";
constexpr std::string_view segment_suffix = ".wal.lz4";

std::optional<uint64_t> parse_hex(std::string_view digits, size_t least, size_t most) {
  if (digits.size() < least || digits.size() > most) return std::nullopt;
  for (char c : digits) {
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return std::nullopt;
  }
  uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
  return number;
}

std::optional<std::string_view> without_suffix(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  return name.substr(0, name.size() - suffix.size());
}

// Empty where there is no such directory.
Result<std::vector<DirectoryEntry>> entries_of(FilesRead& files, const std::string& path) {
  Result<std::optional<FileStatus>> status = files.status(path);
  if (!status) return pass(status.error());
  if (!*status) return std::vector<DirectoryEntry>{};
  return files.list(path);
}

Result<void> list_snapshots(FilesRead& files, Generation& generation, std::vector<std::string>& ignored) {
  std::string folder = generation.path + "/snapshots";
  Result<std::vector<DirectoryEntry>> entries = entries_of(files, folder);
  if (!entries) return pass(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    std::string path = folder + "/" + entry.name;
    std::optional<std::string_view> stem = without_suffix(entry.name, snapshot_suffix);
    std::optional<uint64_t> index = stem ? parse_hex(*stem, 8, 8) : std::nullopt;
    if (!index || entry.status.kind != FileKind::file) {
      ignored.push_back(std::move(path));
      continue;
    }
    generation.snapshots.push_back(
        {static_cast<uint32_t>(*index), entry.status.modified, entry.status.size, std::move(path)});
  }
  std::ranges::sort(generation.snapshots, {}, &Snapshot::index);
  return {};
}

Result<void> list_segments(FilesRead& files, Generation& generation, std::vector<std::string>& ignored) {
  std::string folder = generation.path + "/wal";
  Result<std::vector<DirectoryEntry>> entries = entries_of(files, folder);
  if (!entries) return pass(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    std::string path = folder + "/" + entry.name;
    std::optional<uint64_t> index, offset;
    if (std::optional<std::string_view> stem = without_suffix(entry.name, segment_suffix)) {
      size_t line = stem->find('_');
      if (line != std::string_view::npos) {
        index = parse_hex(stem->substr(0, line), 8, 8);
        offset = parse_hex(stem->substr(line + 1), 8, 16);
      }
    }
    if (!index || !offset || entry.status.kind != FileKind::file) {
      ignored.push_back(std::move(path));
      continue;
    }
    generation.segments.push_back(
        {static_cast<uint32_t>(*index), *offset, entry.status.modified, entry.status.size, std::move(path)});
  }
  std::ranges::sort(generation.segments, {},
                    [](const Segment& s) { return std::tuple(s.index, s.offset, std::string_view(s.path)); });
  return {};
}

bool all_times_equal(const Replica& replica) {
  std::optional<Timestamp> first;
  size_t count = 0;
  for (const Generation& generation : replica.generations) {
    for (const Snapshot& snapshot : generation.snapshots) {
      ++count;
      if (first.value_or(snapshot.at) != snapshot.at) return false;
      first = snapshot.at;
    }
    for (const Segment& segment : generation.segments) {
      ++count;
      if (first.value_or(segment.at) != segment.at) return false;
      first = segment.at;
    }
  }
  return count > 1;
}

tl::unexpected<Error> ambiguous(std::string message) {
  return fail(
      ErrorCode::refused, std::move(message),
      "a replica in a directory knows its moments by file times only: copy it with `cp -a`, `rsync -t` or `tar`, "
      "which keep them, or leave `at` out to restore the newest state");
}

struct Candidate {
  const Generation* generation = nullptr;
  const Snapshot* snapshot = nullptr;
};

// The newest snapshot of one generation, by time where a moment is asked for, else by index.
Result<const Snapshot*> newest_of(const Generation& generation, std::optional<Timestamp> at) {
  if (!at) return generation.snapshots.empty() ? nullptr : &generation.snapshots.back();
  const Snapshot* newest = nullptr;
  for (const Snapshot& snapshot : generation.snapshots) {
    if (snapshot.at > *at) continue;
    if (newest && snapshot.at < newest->at) {
      return ambiguous("file times of generation " + generation.name + " run backwards: snapshot " +
                       hex_name(snapshot.index) + " is older than " + hex_name(newest->index));
    }
    newest = &snapshot;
  }
  return newest;
}

Result<Candidate> newest_snapshot(const Replica& replica, std::optional<Timestamp> at) {
  Candidate best;
  bool tied = false;
  for (const Generation& generation : replica.generations) {
    Result<const Snapshot*> newest = newest_of(generation, at);
    if (!newest) return pass(newest.error());
    if (!*newest) continue;
    tied = best.snapshot && best.snapshot->at == (*newest)->at ? true : tied;
    if (!best.snapshot || (*newest)->at > best.snapshot->at) {
      best = {&generation, *newest};
      tied = false;
    }
  }
  if (tied) {
    return ambiguous("several generations have their newest snapshot at the same time, " + to_text(best.snapshot->at) +
                     ": it cannot be told which one is newer");
  }
  return best;
}

const Snapshot* oldest_snapshot(const Replica& replica) {
  const Snapshot* oldest = nullptr;
  for (const Generation& generation : replica.generations) {
    for (const Snapshot& snapshot : generation.snapshots) {
      if (!oldest || snapshot.at < oldest->at) oldest = &snapshot;
    }
  }
  return oldest;
}

tl::unexpected<Error> missing_log(const std::string& generation, uint32_t index, const std::string& next) {
  std::string file = segment_file_name(index, 0);
  return fail(ErrorCode::corrupt,
              "generation " + generation + ": log " + hex_name(index) + " is missing (`" + file +
                  "` and what follows it), though `" + next + "` is there",
              "bring the file back from another copy of the replica, or restore to a moment before it with `at`");
}

// Logs must follow each other without a hole, the snapshot's own first.
Result<void> check_indexes(const BackupChoice& choice) {
  uint32_t farthest = choice.snapshot.index;
  for (const Segment& segment : choice.segments) {
    if (segment.index > farthest) {
      return missing_log(choice.generation, farthest, segment_file_name(segment.index, segment.offset));
    }
    farthest = segment.index + 1;
  }
  if (choice.next && choice.next->index > farthest) {
    return missing_log(choice.generation, farthest, segment_file_name(choice.next->index, choice.next->offset));
  }
  return {};
}

// What follows the chosen files, unless exactly their moment was asked for: then nothing later can be missing from it.
void find_next(BackupChoice& choice, const Generation& generation, std::optional<Timestamp> at) {
  choice.at = choice.segments.empty() ? choice.snapshot.at : choice.segments.back().at;
  if (!at || *at == choice.at) return;
  size_t chosen = 0;
  for (const Segment& segment : generation.segments) {
    if (segment.index < choice.snapshot.index) continue;
    if (chosen++ == choice.segments.size()) {
      choice.next = segment;
      return;
    }
  }
}

void take_segments(BackupChoice& choice, const Generation& generation, std::optional<Timestamp> at) {
  for (const Segment& segment : generation.segments) {
    if (segment.index < choice.snapshot.index) continue;
    if (at && segment.at > *at) break;
    choice.segments.push_back(segment);
  }
  find_next(choice, generation, at);
}

Result<void> check_times(const BackupChoice& choice, const Generation& generation, std::optional<Timestamp> at,
                         Timestamp now) {
  if (!at) return {};
  bool beyond = false;
  for (const Segment& segment : generation.segments) {
    if (segment.index < choice.snapshot.index) continue;
    if (segment.at > *at) {
      beyond = true;
    } else if (beyond) {
      return ambiguous("file times of generation " + generation.name + " run backwards around " + to_text(*at) + ": `" +
                       segment_file_name(segment.index, segment.offset) + "` is older than a file before it");
    }
  }
  if (choice.at > now || choice.snapshot.at > now) {
    return ambiguous("generation " + generation.name + " has files of " +
                     to_text(std::max(choice.at, choice.snapshot.at)) + ", which lies in the future");
  }
  return {};
}

}  // namespace

std::string hex_name(uint64_t number) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%08llx", static_cast<unsigned long long>(number));
  return digits;
}

std::string segment_file_name(uint32_t index, uint64_t offset) {
  return hex_name(index) + "_" + hex_name(offset) + std::string(segment_suffix);
}

std::string id_of(const BackupChoice& choice) {
  if (choice.segments.empty()) return choice.generation + "/" + hex_name(choice.snapshot.index);
  const Segment& last = choice.segments.back();
  return choice.generation + "/" + hex_name(last.index) + "/" + hex_name(last.offset);
}

std::string source_of(const BackupChoice& choice) {
  return choice.segments.empty() ? choice.snapshot.path : choice.segments.back().path;
}

Result<Replica> list_replica(FilesRead& files, const std::string& root) {
  Result<std::string> real = files.canonical(root);
  if (!real && real.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "there is no replica directory `" + root + "`");
  }
  if (!real) return pass(real.error());
  Replica replica;
  replica.root = *real;
  Result<std::optional<FileStatus>> ltx = files.status(*real + "/ltx");
  if (!ltx) return pass(ltx.error());
  replica.is_newer_format = ltx->has_value();
  std::string folder = *real + "/generations";
  Result<std::vector<DirectoryEntry>> entries = entries_of(files, folder);
  if (!entries) return pass(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    Generation generation{entry.name, folder + "/" + entry.name, {}, {}};
    if (entry.status.kind != FileKind::directory || !parse_hex(entry.name, 16, 16)) {
      replica.ignored.push_back(std::move(generation.path));
      continue;
    }
    if (Result<void> listed = list_snapshots(files, generation, replica.ignored); !listed) return pass(listed.error());
    if (Result<void> listed = list_segments(files, generation, replica.ignored); !listed) return pass(listed.error());
    replica.generations.push_back(std::move(generation));
  }
  return replica;
}

Result<BackupChoice> choose_backup(const Replica& replica, std::optional<Timestamp> at, Timestamp now) {
  const Snapshot* oldest = oldest_snapshot(replica);
  if (!oldest) {
    std::string hint =
        "check that the path is the replica's own directory (it holds `generations`) and that Litestream "
        "has made a snapshot";
    if (replica.is_newer_format) {
      hint = "this is a replica of Litestream 0.5 (`ltx`); replicas of Litestream 0.3 are read in this version";
    }
    return fail(ErrorCode::no_backup, "the replica `" + replica.root + "` holds no snapshot", hint);
  }
  if (at && all_times_equal(replica)) {
    return ambiguous("all files of the replica `" + replica.root + "` have the same time, " + to_text(oldest->at) +
                     ": it cannot be told what was there at " + to_text(*at));
  }
  Result<Candidate> newest = newest_snapshot(replica, at);
  if (!newest) return pass(newest.error());
  if (!newest->snapshot) {
    return fail(ErrorCode::no_backup,
                "no backup at or before " + to_text(*at) + "; the oldest is " + to_text(oldest->at),
                "ask for a later moment; `list` shows all of them");
  }
  BackupChoice choice;
  choice.generation = newest->generation->name;
  choice.snapshot = *newest->snapshot;
  take_segments(choice, *newest->generation, at);
  if (Result<void> clear = check_times(choice, *newest->generation, at, now); !clear) return pass(clear.error());
  if (Result<void> whole = check_indexes(choice); !whole) return pass(whole.error());
  if (!at && choice.at > now) {
    choice.notes.push_back("the newest file of the replica is of " + to_text(choice.at) + ", which lies in the future");
  }
  return choice;
}

ChoiceRecord record_of(const BackupChoice& choice) {
  ChoiceRecord record{choice.generation, choice.snapshot.index, choice.segments.size(), 0, 0};
  if (!choice.segments.empty()) {
    record.last_index = choice.segments.back().index;
    record.last_offset = choice.segments.back().offset;
  }
  return record;
}

Result<BackupChoice> find_choice(const Replica& replica, const ChoiceRecord& record, std::optional<Timestamp> at) {
  BackupChoice choice;
  choice.generation = record.generation;
  auto generation = std::ranges::find(replica.generations, record.generation, &Generation::name);
  if (generation != replica.generations.end()) {
    auto snapshot = std::ranges::find(generation->snapshots, record.snapshot_index, &Snapshot::index);
    if (snapshot != generation->snapshots.end()) {
      choice.snapshot = *snapshot;
      for (const Segment& segment : generation->segments) {
        if (segment.index < record.snapshot_index || choice.segments.size() == record.segment_count) continue;
        choice.segments.push_back(segment);
      }
      find_next(choice, *generation, at);
      ChoiceRecord found = record_of(choice);
      if (found.segment_count == record.segment_count && found.last_index == record.last_index &&
          found.last_offset == record.last_offset) {
        return choice;
      }
    }
  }
  return fail(ErrorCode::corrupt,
              "the backup that was chosen, generation " + record.generation + " from snapshot " +
                  hex_name(record.snapshot_index) + ", is no longer whole in `" + replica.root + "`",
              "Litestream's retention may have removed it meanwhile: start the step again to choose anew");
}

std::vector<RestorePoint> points_of(const Replica& replica) {
  std::vector<RestorePoint> points;
  for (const Generation& generation : replica.generations) {
    if (generation.snapshots.empty()) continue;
    std::vector<const Segment*> reachable;
    for (const Segment& segment : generation.segments) {
      bool has_base = std::ranges::any_of(generation.snapshots, [&](const Snapshot& snapshot) {
        return snapshot.index <= segment.index && snapshot.at <= segment.at;
      });
      if (!has_base) continue;
      reachable.push_back(&segment);
      points.push_back({generation.name + "/" + hex_name(segment.index) + "/" + hex_name(segment.offset), segment.at,
                        segment.path, false});
    }
    for (const Snapshot& snapshot : generation.snapshots) {
      // A snapshot holds what its log's beginning held; once a segment gives a later state, it is no moment of its own.
      bool is_covered = std::ranges::any_of(reachable, [&](const Segment* segment) {
        return segment->at <= snapshot.at && segment->index >= snapshot.index;
      });
      if (!is_covered) {
        points.push_back({generation.name + "/" + hex_name(snapshot.index), snapshot.at, snapshot.path, true});
      }
    }
  }
  std::ranges::sort(points, [](const RestorePoint& a, const RestorePoint& b) {
    return std::tuple(a.at, std::string_view(a.id)) < std::tuple(b.at, std::string_view(b.id));
  });
  return points;
}

}  // namespace muster
