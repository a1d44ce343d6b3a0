#include "steps/restore/source.h"

#include <algorithm>
#include <cstdio>

namespace muster {

namespace {

constexpr uint64_t mebibyte = 1 << 20;

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / static_cast<double>(mebibyte));
  return text;
}

}  // namespace

FetchPlan fetch_plan(const RestoreRequest& request, const StepInput& input, std::string work, std::string ready,
                     std::string directory) {
  FetchPlan plan;
  plan.target = request.target_kind;
  plan.work = std::move(work);
  plan.ready = std::move(ready);
  plan.directory = std::move(directory);
  plan.at = request.at;
  plan.stop = input.stop;
  plan.progress = [&input](uint64_t done, uint64_t total) {
    input.progress.at(static_cast<int64_t>(done), static_cast<int64_t>(total), "bytes");
  };
  return plan;
}

std::unique_ptr<BackupSource> source_of(const From& from) {
  if (from.kind == FromKind::litestream) return litestream_source(from);
  return file_source(from);
}

std::string distance_words(Timestamp restored, std::optional<Timestamp> at) {
  if (!at || *at == restored) return "";
  char seconds[48];
  std::snprintf(seconds, sizeof seconds, "%.6g s", (*at - restored).as_seconds());
  return std::string(seconds) + " before the moment asked for";
}

Result<void> check_space(FilesRead& files, const std::string& directory, uint64_t needed_bytes) {
  Result<uint64_t> free_now = files.free_bytes(directory);
  if (!free_now) return pass(free_now.error());
  uint64_t needed = needed_bytes + std::max(mebibyte, needed_bytes / 50);  // journals of folding and checking
  if (*free_now >= needed) return {};
  return fail(ErrorCode::storage,
              "not enough space in `" + directory + "`: " + megabytes(needed) + " needed (" + std::to_string(needed) +
                  " bytes), " + megabytes(*free_now) + " free (" + std::to_string(*free_now) + " bytes)",
              "the new database is made beside the old one, which is kept until the new one has proven itself");
}

}  // namespace muster
