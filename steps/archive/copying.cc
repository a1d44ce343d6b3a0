#include "steps/archive/copying.h"

#include <algorithm>
#include <future>

#include "interpreter/base/digest.h"
#include "interpreter/world/disk_file.h"

namespace muster {

namespace {

constexpr uint64_t copied_at_once = 4 << 20;
constexpr size_t hashed_at_once = 256 << 10;
constexpr size_t first_bytes = 512;
constexpr uint64_t worth_a_thread = 4 << 20;

// Of what has come, as it comes.
Result<std::string> hash_arriving(FilesRead& files, const std::string& path, uint64_t size, Arrival& arrival) {
  Result<std::unique_ptr<ReadFile>> file = files.open(path);
  if (!file) return pass(file.error());
  Sha256 hash;
  for (uint64_t at = 0; at < size;) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(hashed_at_once, size - at));
    if (!arrival.wait_for(at + wanted)) return fail(ErrorCode::interrupted, "the copying has ended early");
    Result<std::string> piece = (*file)->read_at(at, wanted);
    if (!piece) return pass(piece.error());
    if (piece->size() != wanted) return fail(ErrorCode::storage, "`" + path + "` became shorter while it was hashed");
    hash.add(*piece);
    at += wanted;
  }
  return hash.hex();
}

}  // namespace

Result<std::string> copy_plain(FilesRead& files, Files& writing, const PlainCopy& copy, std::stop_token stop,
                               const std::function<void(uint64_t, uint64_t)>& progress) {
  Result<std::unique_ptr<ReadFile>> in = files.open(copy.from);
  if (!in) return pass(in.error());
  Result<std::string> first = (*in)->read_at(0, first_bytes);
  if (!first) return pass(first.error());
  Result<std::unique_ptr<WriteFile>> out = writing.create(copy.to);
  if (!out) return pass(out.error());
  if (Result<void> sized = (*out)->truncate(copy.size); !sized) return pass(sized.error());
  Arrival hashed;
  std::shared_ptr<Arrival> watched = copy.arriving ? copy.arriving(copy.to, copy.size, *first) : nullptr;
  std::future<Result<std::string>> hash =
      std::async(copy.size >= worth_a_thread ? std::launch::async : std::launch::deferred,
                 [&] { return hash_arriving(writing, copy.to, copy.size, hashed); });
  Result<void> copied = [&]() -> Result<void> {
    for (uint64_t at = 0; at < copy.size;) {
      if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of `" + copy.from + "` was stopped");
      const uint64_t wanted = std::min(copied_at_once, copy.size - at);
      Result<uint64_t> came = copy_bytes(**in, **out, at, wanted);
      if (!came) return pass(came.error());
      at += *came;
      if (*came != wanted)
        return fail(ErrorCode::corrupt, "`" + copy.from + "` became shorter while it was copied",
                    "stop what writes to it, or name another backup");
      hashed.advance(at);
      if (watched) watched->advance(at);
      progress(at, copy.size);
    }
    Result<std::string> more = (*in)->read_at(copy.size, 1);
    if (!more) return pass(more.error());
    if (!more->empty())
      return fail(ErrorCode::corrupt, "`" + copy.from + "` became longer while it was copied",
                  "stop what writes to it, or name another backup");
    return (*out)->sync();
  }();
  if (!copied) {
    hashed.fail();
    if (watched) watched->fail();
  }
  Result<std::string> digest = hash.get();
  if (!copied) return pass(copied.error());
  return digest;
}

}  // namespace muster
