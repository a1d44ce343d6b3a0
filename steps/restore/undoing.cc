// `rollback: auto` of a restore: the old database gets its name back by the same switch that took it away.
#include <algorithm>

#include "steps/restore/restoring.h"

namespace muster {

namespace {

bool is_sidecar(const std::string& path) {
  return path.ends_with("-wal") || path.ends_with("-shm") || path.ends_with("-journal");
}

// The name that the old database went aside under, whether it or only sidecars of a missing one lie there.
std::optional<std::string> aside_name(const List& moved) {
  for (const Value& path : moved) {
    if (path.is<std::string>() && !is_sidecar(path.get<std::string>())) return path.get<std::string>();
  }
  if (moved.empty() || !moved.front().is<std::string>()) return std::nullopt;
  const std::string& sidecar = moved.front().get<std::string>();
  return sidecar.substr(0, sidecar.rfind('-'));
}

std::optional<int64_t> inode_in(const Value& identity, std::string_view set) {
  const Value* found = member(identity, set);
  const Value* main = found ? member(*found, "main") : nullptr;
  const Value* inode = main ? member(*main, "inode") : nullptr;
  return inode && inode->is<int64_t>() ? std::optional(inode->get<int64_t>()) : std::nullopt;
}

Result<std::optional<int64_t>> inode_at(FilesRead& files, const std::string& path) {
  Result<std::optional<FileStatus>> status = files.status(path);
  if (!status) return pass(status.error());
  if (!*status) return std::optional<int64_t>{};
  return std::optional(static_cast<int64_t>((*status)->inode));
}

// The step ended without a result, and not by itself, or it would have put everything back: its time was up, or a
// person said of a doubt that it failed. How far it came is told by what it recorded and by what lies there; a switch
// that was half made is made whole, so that it can be undone like any other. The result that it would have had, as far
// as an undo asks for it; empty where nothing was replaced.
Result<Map> what_it_came_to(const Map& marks, bool is_directory, Stages& stages, Touch& touch) {
  const Value* chosen = last_round(marks, "choose");
  if (!chosen || !chosen->is<Map>()) return Map{};
  const Map& place = chosen->get<Map>();
  const std::string target = text_of(place, "target"), outgoing = text_of(place, "outgoing"),
                    work = text_of(place, "work");
  Result<Value> come_to = stages.once(
      "came_to", Effect::write,
      [&]() -> Result<Value> {
        const Value* identity = last_round(marks, "identity");
        if (!identity) return Map{};
        SwapPlan plan;
        plan.target = target;
        plan.outgoing = outgoing;
        plan.is_directory = is_directory;
        // It went through one of the names under which a candidate is made, or stayed behind under it.
        const std::optional<int64_t> old_inode = inode_in(*identity, "old"), new_inode = inode_in(*identity, "new");
        Result<std::vector<DirectoryEntry>> made = touch.files.list(work);
        if (!made && made.error().code != ErrorCode::not_found) return pass(made.error());
        for (const DirectoryEntry& entry : made ? *made : std::vector<DirectoryEntry>{}) {
          const auto inode = static_cast<int64_t>(entry.status.inode);
          if (inode == old_inode || inode == new_inode) plan.incoming = work + "/" + entry.name;
        }
        Swap swap(plan, stages, touch);
        if (Result<void> known = swap.know(*identity); !known) return pass(known.error());
        Result<std::optional<int64_t>> now = inode_at(touch.files, target);
        if (!now) return pass(now.error());
        if (*now == old_inode) {
          if (Result<void> back = swap.put_back(); !back) return pass(back.error());
          return Map{};
        }
        if (*now != new_inode) {
          return fail(ErrorCode::refused, "`" + target + "` is neither the old database nor the restored one",
                      "look at `" + target + "` and `" + outgoing + "`, and rename the right one by hand",
                      Certainty::maybe);
        }
        if (old_inode && !plan.incoming.empty()) {
          Result<std::optional<int64_t>> left = inode_at(touch.files, plan.incoming);
          if (!left) return pass(left.error());
          if (*left == old_inode) {
            if (Result<void> laid = touch.files.rename_new(plan.incoming, outgoing); !laid) return pass(laid.error());
            for (const std::string& directory : {work, directory_of(target)})
              if (Result<void> synced = touch.files.sync_directory(directory); !synced) return pass(synced.error());
          }
        }
        Result<SwapDone> moved = swap.what_was_moved();
        if (!moved) return pass(moved.error());
        return Map{{"file", target},
                   {"moved_aside", List(moved->moved_aside.begin(), moved->moved_aside.end())},
                   {"replaced", old_inode.has_value()}};
      },
      Stages::run_again);
  if (!come_to) return pass(come_to.error());
  if (Result<void> removed = touch.files.remove_tree(work); !removed) return pass(removed.error());
  return come_to->is<Map>() ? come_to->get<Map>() : Map{};
}

}  // namespace

Result<StepOutput> undo_restore(const StepInput& input, const StepOutput& done, Touch& touch) {
  const Value* named_target = member(input.args, "target");
  const bool is_directory = named_target && member(*named_target, "directory");
  Stages stages(input.marks);
  Map result = done.fields;
  if (text_of(result, "file").empty() && input.undone) {
    Result<Map> come_to = what_it_came_to(input.undone->marks, is_directory, stages, touch);
    if (!come_to) return pass(come_to.error());
    result = std::move(*come_to);
  }
  std::string target = text_of(result, "file");
  if (target.empty()) {
    StepOutput output;
    output.fields = {{"file", ""}, {"moved_aside", List{}}};
    output.notes.push_back("nothing was replaced, so nothing was put back");
    return output;
  }
  const Value* moved = member(result, "moved_aside");
  List aside = moved && moved->is<List>() ? moved->get<List>() : List{};
  const Value* replaced = member(result, "replaced");
  bool had_old = replaced && replaced->is<bool>() && replaced->get<bool>();
  bool has_main = std::ranges::any_of(
      aside, [](const Value& path) { return path.is<std::string>() && !is_sidecar(path.get<std::string>()); });
  if (had_old && !has_main) {
    return fail(ErrorCode::refused, "the database that `" + target + "` replaced was not kept (`keep_old: false`)",
                "restore an earlier moment instead");
  }
  Result<Value> named = stages.once("names", Effect::read, [&]() -> Result<Value> {
    Result<std::string> outgoing = free_name(touch.files, target + ".rolled-back-" + input.run);
    if (!outgoing) return pass(outgoing.error());
    return std::move(*outgoing);
  });
  if (!named) return pass(named.error());

  SwapPlan plan;
  plan.target = target;
  plan.outgoing = to_text(*named);
  // Without an old database the name is left free; a name that is nobody's stands for the missing file.
  plan.incoming = aside_name(aside).value_or(plan.outgoing + ".none");
  plan.incoming_is_required = has_main;
  plan.incoming_is_a_set = !is_directory;
  plan.is_directory = is_directory;
  Swap swap(plan, stages, touch);
  Result<SwapDone> swapped = swap.run(input.stop);
  if (!swapped) {
    Error error = swapped.error();
    if (stages.journal_failed() || error.code == ErrorCode::in_doubt) return pass(std::move(error));
    if (Result<void> back = swap.put_back(); !back) {
      error.effect = Certainty::maybe;
      error.message += "; and putting the restored database back failed: " + back.error().message;
      error.hint = "look at `" + plan.target + "`, `" + plan.incoming + "` and `" + plan.outgoing + "`";
    }
    return pass(std::move(error));
  }
  StepOutput output;
  output.fields = {{"file", target}, {"moved_aside", List(swapped->moved_aside.begin(), swapped->moved_aside.end())}};
  output.notes.push_back(has_main ? "the database that was there before is back under `" + target + "`"
                                  : "there was no database before, so `" + target + "` is free again");
  for (const std::string& path : swapped->moved_aside) {
    if (!is_sidecar(path)) output.notes.push_back("the restored database lies in `" + path + "`");
  }
  return output;
}

}  // namespace muster
