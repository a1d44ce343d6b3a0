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

// The step ended without a result. Then it has put everything back itself, unless that failed.
Result<StepOutput> undo_without_result(const StepInput& input, Touch& touch) {
  Result<RestoreRequest> request = restore_request(input.args);
  if (!request) return pass(request.error());
  std::string directory = directory_of(request->target);
  std::string name = request->target.substr(request->target.rfind('/') + 1) + ".before-" + input.run + "-";
  Result<std::vector<DirectoryEntry>> entries = touch.files.list(directory);
  if (!entries) return pass(entries.error());
  for (const DirectoryEntry& entry : *entries) {
    if (!entry.name.starts_with(name)) continue;
    return fail(ErrorCode::refused,
                "the restore left `" + directory + "/" + entry.name + "` beside `" + request->target +
                    "`, and it is not recorded which of them is which",
                "compare both databases and rename the right one by hand", Certainty::maybe);
  }
  StepOutput output;
  output.fields = {{"file", request->target}, {"moved_aside", List{}}};
  output.notes.push_back("nothing was replaced, so nothing was put back");
  return output;
}

}  // namespace

Result<StepOutput> undo_restore(const StepInput& input, const StepOutput& done, Touch& touch) {
  std::string target = text_of(done.fields, "file");
  if (target.empty()) return undo_without_result(input, touch);
  const Value* moved = member(done.fields, "moved_aside");
  List aside = moved && moved->is<List>() ? moved->get<List>() : List{};
  const Value* replaced = member(done.fields, "replaced");
  bool had_old = replaced && replaced->is<bool>() && replaced->get<bool>();
  bool has_main = std::ranges::any_of(
      aside, [](const Value& path) { return path.is<std::string>() && !is_sidecar(path.get<std::string>()); });
  if (had_old && !has_main) {
    return fail(ErrorCode::refused, "the database that `" + target + "` replaced was not kept (`keep_old: false`)",
                "restore an earlier moment instead");
  }
  const Value* named_target = member(input.args, "target");
  bool is_directory = named_target && member(*named_target, "directory");
  Stages stages(input.marks);
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
