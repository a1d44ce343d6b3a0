#include "steps/restore/swap.h"

#include <algorithm>
#include <array>

namespace muster {

namespace {

constexpr std::array<std::string_view, 3> sidecar_suffixes{"-wal", "-shm", "-journal"};
constexpr SqlLimits unhurried{Duration::seconds(24 * 3600)};

std::string with(const std::string& path, std::string_view suffix) { return path + std::string(suffix); }

std::optional<int64_t> integer_in(const Map& map, std::string_view file, std::string_view name) {
  const Value* entry = member(map, file);
  const Value* number = entry ? member(*entry, name) : nullptr;
  if (!number || !number->is<int64_t>()) return std::nullopt;
  return number->get<int64_t>();
}

// Whether two sightings are of the same content. A -shm is scratch memory, and an empty sidecar is none.
bool same_set(const Map& a, const Map& b) {
  for (std::string_view name : {"inode", "size", "modified"}) {
    if (integer_in(a, "main", name) != integer_in(b, "main", name)) return false;
  }
  for (std::string_view suffix : {"-wal", "-journal"}) {
    int64_t size = integer_in(a, suffix, "size").value_or(0);
    if (size != integer_in(b, suffix, "size").value_or(0)) return false;
    if (size > 0 && integer_in(a, suffix, "modified") != integer_in(b, suffix, "modified")) return false;
  }
  return true;
}

std::vector<std::string> sidecars_in(const Map& identity) {
  std::vector<std::string> found;
  for (std::string_view suffix : sidecar_suffixes) {
    if (member(identity, suffix)) found.emplace_back(suffix);
  }
  return found;
}

}  // namespace

Connection sqlite_at(const std::string& path) { return {"", "sqlite", Map{{"path", path}}}; }

std::string directory_of(const std::string& path) {
  size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Map> identity_of(FilesRead& files, const std::string& path, bool has_sidecars) {
  Map identity;
  auto look_at = [&](const std::string& file, std::string_view name) -> Result<void> {
    Result<std::optional<FileStatus>> status = files.status(file);
    if (!status) return pass(status.error());
    if (!*status) return {};
    identity.emplace(name, Map{{"inode", static_cast<int64_t>((*status)->inode)},
                               {"size", static_cast<int64_t>((*status)->size)},
                               {"modified", (*status)->modified.us}});
    return {};
  };
  if (Result<void> seen = look_at(path, "main"); !seen) return pass(seen.error());
  if (!has_sidecars) return identity;
  for (std::string_view suffix : sidecar_suffixes) {
    if (Result<void> seen = look_at(with(path, suffix), suffix); !seen) return pass(seen.error());
  }
  return identity;
}

namespace {

Result<void> check_not_open(const Look& look, const std::vector<std::string>& paths, std::string_view what) {
  Result<std::vector<Holder>> holders = look.files.holders(paths);
  if (!holders) return pass(holders.error());
  if (holders->empty()) return {};
  std::string who;
  for (size_t i = 0; i < holders->size() && i < 5; ++i) {
    const Holder& holder = (*holders)[i];
    who += (who.empty() ? "" : ", ") + std::to_string(holder.pid) + " (`" + holder.command + "`)";
  }
  return fail(ErrorCode::target_in_use, "`" + paths.front() + "` is open in process " + who,
              "stop what uses the " + std::string(what) + " in a step before this one");
}

Result<void> gather(FilesRead& files, const std::string& directory, std::vector<std::string>& paths, int depth) {
  constexpr size_t most = 200'000;
  if (depth > 100 || paths.size() > most)
    return fail(ErrorCode::refused, "`" + paths.front() + "` holds too much to see who uses it");
  Result<std::vector<DirectoryEntry>> entries = files.list(directory);
  if (!entries) return pass(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (entry.status.kind == FileKind::symlink) continue;
    paths.push_back(directory + "/" + entry.name);
    if (entry.status.kind != FileKind::directory) continue;
    if (Result<void> inner = gather(files, paths.back(), paths, depth + 1); !inner) return inner;
  }
  return {};
}

}  // namespace

Result<void> check_directory_not_in_use(const Look& look, const std::string& path) {
  Result<std::optional<FileStatus>> status = look.files.status(path);
  if (!status) return pass(status.error());
  if (!*status) return {};
  std::vector<std::string> paths{path};
  if ((*status)->kind == FileKind::directory) {
    if (Result<void> gathered = gather(look.files, path, paths, 0); !gathered) return gathered;
  }
  return check_not_open(look, paths, "directory");
}

Result<void> check_not_in_use(const Look& look, const std::string& path, bool ask_for_locks) {
  std::vector<std::string> paths{path};
  for (std::string_view suffix : sidecar_suffixes) paths.push_back(with(path, suffix));
  if (Result<void> closed = check_not_open(look, paths, "database"); !closed) return closed;
  if (!ask_for_locks) return {};
  Result<std::optional<FileStatus>> status = look.files.status(path);
  if (!status) return pass(status.error());
  if (!*status) return {};
  // A file that is too damaged to be asked has no lock that SQLite would honour; who has it open was asked above.
  Result<bool> locked = look.sql.is_locked(sqlite_at(path));
  if (locked && *locked) {
    return fail(ErrorCode::target_in_use, "another connection holds a lock on `" + path + "`",
                "stop what uses the database in a step before this one");
  }
  return {};
}

Result<std::optional<int64_t>> Swap::inode_at(const std::string& path) const {
  Result<std::optional<FileStatus>> status = touch_.files.status(path);
  if (!status) return pass(status.error());
  if (!*status) return std::optional<int64_t>{};
  return std::optional<int64_t>(static_cast<int64_t>((*status)->inode));
}

Result<bool> Swap::is_switched() const {
  Result<std::optional<int64_t>> now = inode_at(plan_.target);
  if (!now) return pass(now.error());
  if (new_inode_) return *now == new_inode_;
  return !*now;
}

Result<bool> Swap::move_if_there(const std::string& from, const std::string& to) {
  Result<std::optional<FileStatus>> status = touch_.files.status(from);
  if (!status) return pass(status.error());
  if (!*status) return false;
  if (Result<void> moved = touch_.files.rename_new(from, to); !moved) return pass(moved.error());
  return true;
}

Result<void> Swap::sync_directories() {
  if (Result<void> synced = touch_.files.sync_directory(directory_of(plan_.target)); !synced) return synced;
  std::string other = directory_of(plan_.incoming);
  if (other == directory_of(plan_.target)) return {};
  Result<std::optional<FileStatus>> status = touch_.files.status(other);
  if (!status) return pass(status.error());
  if (!*status) return {};
  return touch_.files.sync_directory(other);
}

Result<void> Swap::check_free(bool ask_for_locks) const {
  if (plan_.is_directory) return check_directory_not_in_use(touch_.look, plan_.target);
  return check_not_in_use(touch_.look, plan_.target, ask_for_locks);
}

Result<void> Swap::record_identity() {
  Result<Value> recorded = stages_.once("identity", Effect::read, [&]() -> Result<Value> {
    Result<Map> old_set = identity_of(touch_.files, plan_.target, !plan_.is_directory);
    if (!old_set) return pass(old_set.error());
    if (plan_.first_seen && !same_set(*plan_.first_seen, *old_set)) {
      return fail(ErrorCode::target_in_use, "`" + plan_.target + "` changed while its replacement was being made",
                  "stop what writes to the database in a step before this one");
    }
    Result<Map> new_set = identity_of(touch_.files, plan_.incoming, !plan_.is_directory);
    if (!new_set) return pass(new_set.error());
    if (plan_.incoming_is_required && !member(*new_set, "main")) {
      lost_incoming_ = true;
      return fail(ErrorCode::not_found, "`" + plan_.incoming + "` is no longer there");
    }
    return Map{{"old", std::move(*old_set)}, {"new", std::move(*new_set)}};
  });
  if (!recorded) return pass(recorded.error());
  return know(*recorded);
}

Result<void> Swap::know(const Value& identity) {
  const Value* old_set = member(identity, "old");
  const Value* new_set = member(identity, "new");
  if (!old_set || !old_set->is<Map>() || !new_set || !new_set->is<Map>()) {
    return fail(ErrorCode::storage, "the journal's record of `identity` cannot be read");
  }
  old_inode_ = integer_in(old_set->get<Map>(), "main", "inode");
  new_inode_ = integer_in(new_set->get<Map>(), "main", "inode");
  old_sidecars_ = sidecars_in(old_set->get<Map>());
  if (plan_.incoming_is_a_set) new_sidecars_ = sidecars_in(new_set->get<Map>());
  has_identity_ = true;
  return {};
}

Result<bool> Swap::fold_old(std::stop_token stop) {
  bool was_killed_here = false;
  Result<Value> folded = stages_.once(
      "fold_old", Effect::write,
      [&]() -> Result<Value> {
        if (Result<void> free = check_free(true); !free) return pass(free.error());
        if (!old_inode_ || plan_.is_directory) return false;
        Result<Map> now = identity_of(touch_.files, plan_.target);
        if (!now) return pass(now.error());
        bool has_content_beside =
            integer_in(*now, "-wal", "size").value_or(0) > 0 || integer_in(*now, "-journal", "size").value_or(0) > 0;
        if (!has_content_beside) return false;
        // Folding what is damaged could destroy what is left of it: then file and sidecars go aside as they are.
        Connection old = sqlite_at(plan_.target);
        // A journal that was not there before is what the killed folding left; a reader cannot roll it back.
        bool left_a_journal = was_killed_here && integer_in(*now, "-journal", "size").value_or(0) > 0 &&
                              std::ranges::find(old_sidecars_, "-journal") == old_sidecars_.end();
        if (left_a_journal) (void)touch_.sql.fold(old, stop);  // what cannot be rolled back is told by the check
        Result<CheckResult> sound = touch_.sql.check(old, CheckKind::integrity, unhurried, stop);
        if (!sound && sound.error().code == ErrorCode::interrupted) return pass(sound.error());
        if (!sound || !sound->intact) return false;
        Result<void> done = touch_.sql.fold(old, stop);
        if (done) return true;
        if (done.error().code == ErrorCode::busy) {
          Error error = done.error();
          error.code = ErrorCode::target_in_use;
          return pass(std::move(error));
        }
        if (done.error().code == ErrorCode::interrupted) return pass(done.error());
        return false;
      },
      [&]() -> Result<Settled> {
        was_killed_here = true;
        return Stages::run_again();
      });
  if (!folded) return pass(folded.error());
  return folded->is<bool>() && folded->get<bool>();
}

Result<void> Swap::move_sidecars_aside() {
  if (plan_.is_directory) return {};
  for (std::string_view suffix : sidecar_suffixes) {
    std::string from = with(plan_.target, suffix), to = with(plan_.outgoing, suffix);
    Result<std::optional<FileStatus>> here = touch_.files.status(from);
    if (!here) return pass(here.error());
    if (!*here) continue;
    Result<std::optional<FileStatus>> there = touch_.files.status(to);
    if (!there) return pass(there.error());
    bool was_seen = std::ranges::find(old_sidecars_, suffix) != old_sidecars_.end();
    if (was_seen && !*there) {
      if (Result<void> moved = touch_.files.rename_new(from, to); !moved) return moved;
      continue;
    }
    // Looking at a database in WAL mode makes an empty -wal and a -shm; content is somebody's writing.
    if (suffix != "-shm" && (*here)->size > 0) {
      return fail(ErrorCode::target_in_use, "`" + from + "` appeared while the database was being replaced",
                  "stop what writes to the database in a step before this one");
    }
    if (Result<void> removed = touch_.files.remove(from); !removed) return removed;
  }
  return touch_.files.sync_directory(directory_of(plan_.target));
}

Result<Value> Swap::switch_once() {
  if (Result<void> free = check_free(false); !free) return pass(free.error());
  if (Result<void> clear = move_sidecars_aside(); !clear) return pass(clear.error());
  Result<std::optional<int64_t>> now = inode_at(plan_.target);
  if (!now) return pass(now.error());
  Result<std::optional<int64_t>> incoming = inode_at(plan_.incoming);
  if (!incoming) return pass(incoming.error());
  if (*now != old_inode_) {
    return fail(ErrorCode::target_in_use, "somebody put another file in the place of `" + plan_.target + "`");
  }
  if (*incoming != new_inode_) {
    lost_incoming_ = true;
    return fail(ErrorCode::not_found, "`" + plan_.incoming + "` is no longer there");
  }
  Result<void> moved;
  if (old_inode_ && new_inode_) {
    moved = touch_.files.exchange(plan_.incoming, plan_.target);
  } else if (new_inode_) {
    moved = touch_.files.rename_new(plan_.incoming, plan_.target);
  } else if (old_inode_) {
    moved = touch_.files.rename_new(plan_.target, plan_.outgoing);
  }
  if (!moved) return pass(moved.error());
  if (Result<void> synced = sync_directories(); !synced) return pass(synced.error());
  return true;
}

Result<void> Swap::exchange_names() {
  Result<Value> switched = stages_.once(
      "switch", Effect::destructive, [&] { return switch_once(); },
      [&]() -> Result<Settled> {
        Result<std::optional<int64_t>> now = inode_at(plan_.target);
        if (!now) return pass(now.error());
        using enum Settled::Answer;
        if (*now == new_inode_) return Settled{happened, true};
        if (*now == old_inode_) return Settled{did_not_happen, {}};
        return Settled{cannot_tell, {}};
      });
  if (!switched) return pass(switched.error());
  return {};
}

Result<void> Swap::bring_sidecars() {
  if (new_sidecars_.empty()) return {};
  Result<Value> brought = stages_.once(
      "bring", Effect::destructive,
      [&]() -> Result<Value> {
        for (const std::string& suffix : new_sidecars_) {
          Result<bool> moved = move_if_there(plan_.incoming + suffix, plan_.target + suffix);
          if (!moved) return pass(moved.error());
        }
        if (Result<void> synced = sync_directories(); !synced) return pass(synced.error());
        return true;
      },
      Stages::run_again);
  if (!brought) return pass(brought.error());
  return {};
}

Result<void> Swap::lay_old_aside() {
  if (!old_inode_ || !new_inode_) return {};
  Result<Value> laid = stages_.once(
      "aside", Effect::write,
      [&]() -> Result<Value> {
        Result<bool> switched = is_switched();
        if (!switched) return pass(switched.error());
        if (!*switched) return fail(ErrorCode::failed, "the switch of `" + plan_.target + "` was taken back");
        Result<std::optional<int64_t>> left = inode_at(plan_.incoming);
        if (!left) return pass(left.error());
        if (*left == old_inode_) {
          Result<void> moved = touch_.files.rename_new(plan_.incoming, plan_.outgoing);
          if (!moved) return pass(moved.error());
        }
        if (Result<void> synced = sync_directories(); !synced) return pass(synced.error());
        return true;
      },
      Stages::run_again);
  if (!laid) return pass(laid.error());
  return {};
}

Result<SwapDone> Swap::what_was_moved() const {
  SwapDone done;
  std::vector<std::string> paths{plan_.outgoing};
  for (std::string_view suffix : sidecar_suffixes) paths.push_back(with(plan_.outgoing, suffix));
  for (const std::string& path : paths) {
    Result<std::optional<int64_t>> there = inode_at(path);
    if (!there) return pass(there.error());
    if (*there) done.moved_aside.push_back(path);
  }
  return done;
}

Result<SwapDone> Swap::run(std::stop_token stop) {
  if (Result<void> recorded = record_identity(); !recorded) return pass(recorded.error());
  Result<bool> folded = fold_old(stop);
  if (!folded) return pass(folded.error());
  Result<Value> cleared = stages_.once(
      "sidecars", Effect::destructive,
      [&]() -> Result<Value> {
        if (Result<void> moved = move_sidecars_aside(); !moved) return pass(moved.error());
        return true;
      },
      Stages::run_again);
  if (!cleared) return pass(cleared.error());
  if (Result<void> switched = exchange_names(); !switched) return pass(switched.error());
  if (Result<void> brought = bring_sidecars(); !brought) return pass(brought.error());
  if (Result<void> laid = lay_old_aside(); !laid) return pass(laid.error());
  Result<SwapDone> done = what_was_moved();
  if (done) done->was_folded = *folded;
  return done;
}

Result<void> Swap::put_back() {
  if (!has_identity_) return {};
  Result<bool> switched = is_switched();
  if (!switched) return pass(switched.error());
  if (*switched && old_inode_ != new_inode_) {
    for (const std::string& suffix : new_sidecars_) {
      Result<bool> moved = move_if_there(plan_.target + suffix, plan_.incoming + suffix);
      if (!moved) return pass(moved.error());
    }
    if (old_inode_ && new_inode_) {
      Result<std::optional<int64_t>> aside = inode_at(plan_.outgoing);
      if (!aside) return pass(aside.error());
      if (*aside == old_inode_) {
        Result<void> moved = touch_.files.rename_new(plan_.outgoing, plan_.incoming);
        if (!moved) return moved;
      }
      if (Result<void> moved = touch_.files.exchange(plan_.incoming, plan_.target); !moved) return moved;
    } else if (new_inode_) {
      if (Result<void> moved = touch_.files.rename_new(plan_.target, plan_.incoming); !moved) return moved;
    } else {
      if (Result<void> moved = touch_.files.rename_new(plan_.outgoing, plan_.target); !moved) return moved;
    }
  }
  Result<std::optional<int64_t>> now = inode_at(plan_.target);
  if (!now) return pass(now.error());
  if (*now != old_inode_) {
    return fail(ErrorCode::in_doubt, "`" + plan_.target + "` is neither the old nor the new database", {},
                Certainty::maybe);
  }
  for (const std::string& suffix : old_sidecars_) {
    Result<std::optional<int64_t>> aside = inode_at(plan_.outgoing + suffix);
    if (!aside) return pass(aside.error());
    if (!*aside) continue;
    Result<std::optional<FileStatus>> here = touch_.files.status(plan_.target + suffix);
    if (!here) return pass(here.error());
    if (*here && (suffix == "-shm" || (*here)->size == 0)) {
      if (Result<void> removed = touch_.files.remove(plan_.target + suffix); !removed) return removed;
    }
    Result<void> moved = touch_.files.rename_new(plan_.outgoing + suffix, plan_.target + suffix);
    if (!moved) return moved;
  }
  return sync_directories();
}

}  // namespace muster
