#include "steps/restore/trying.h"

#include "interpreter/world/scratch_files.h"
#include "steps/restore/candidates.h"
#include "steps/restore/validation.h"

namespace muster {
namespace {

std::string rows_in_words(const Map& records) {
  std::string out;
  for (const auto& [table, count] : records) {
    if (!out.empty()) out += ", ";
    out += to_text(count) + (same(count, 1) ? " row in `" : " rows in `") + table + "`";
  }
  return out.empty() ? "without a table" : "with " + out;
}

}  // namespace

bool is_dry_run(const StepInput& input) { return input.run == "plan"; }

Result<TriedBackup> try_backups(BackupSource& source, const std::vector<FoundBackup>& found,
                                const RestoreRequest& request, const StepInput& input, Look& look, Trial& trial) {
  TriedBackup out;
  std::optional<Error> first;
  for (size_t i = 0; i < found.size(); ++i) {
    Result<std::string> folder = trial.scratch.directory();
    if (!folder) return pass(folder.error());
    std::unique_ptr<Files> files = scratch_files(look.files, *folder);
    FetchPlan plan;
    plan.work = *folder + "/work";
    plan.ready = plan.work + "/ready";
    plan.directory = *folder;
    plan.at = request.at;
    plan.stop = input.stop;
    plan.progress = [](uint64_t, uint64_t) {};
    Result<LaidOut> laid = source.lay_out(found[i], look, *files, plan);
    Result<Validated> good = Validated{};
    Result<void> young = check_age(found[i], request.expect.max_age, look.clock.now());
    if (laid && laid->untried.empty()) {
      good = validate(look.sql, *files, laid->path, request.expect, input.stop, {laid->sha256});
      if (good && request.expect.counts_of_metadata && laid->meta)
        if (Result<void> equal = check_counts({}, good->records, &laid->meta->records); !equal)
          good = pass(equal.error());
    }
    (void)files->remove_tree(plan.work);
    if (!young) good = pass(young.error());
    if (!laid) good = pass(laid.error());
    if (good) {
      out.chosen = i;
      out.records = good->records;
      out.lines.push_back(laid->untried.empty() ? "checked in scratch: it is sound, " + rows_in_words(good->records)
                                                : "not tried here: " + laid->untried);
      return out;
    }
    if (!first) first = good.error();
    if (!is_fault_of_the_backup(good.error().code)) break;
    out.lines.push_back("refused `" + found[i].source + "`: " + good.error().message);
  }
  return pass(*first);
}

}  // namespace muster
