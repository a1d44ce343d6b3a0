#include "interpreter/rehearsal/simulated_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "interpreter/base/time_zone.h"
#include "interpreter/base/unique_fd.h"

namespace muster {
namespace {

constexpr uint64_t bytes_on_disk = 1ULL << 40;

// The rules of time zones are the same everywhere, so the machine's are read where a world has none of its own. They
// are only read: what a rehearsal writes stays in its scratch folder.
bool is_of_a_zone(const std::string& path) {
  return path.starts_with(std::string(zone_folder) + "/") && path.find("..") == std::string::npos;
}

void set_times(const std::string& real, Timestamp at) {
  timespec time{at.us / 1'000'000, (at.us % 1'000'000) * 1000};
  timespec both[2] = {time, time};
  ::utimensat(AT_FDCWD, real.c_str(), both, AT_SYMLINK_NOFOLLOW);
}

// Its time is that of the last write, on the virtual clock.
class TimedFile final : public WriteFile {
 public:
  TimedFile(std::unique_ptr<WriteFile> file, std::string real, const ScratchPlace& place, Clock& clock)
      : file_(std::move(file)), real_(std::move(real)), place_(place), clock_(clock) {}
  Result<void> write_at(uint64_t offset, std::string_view bytes) override {
    if (Result<void> alive = place_.must_be_alive(); !alive) return alive;
    return timed(file_->write_at(offset, bytes));
  }
  Result<void> truncate(uint64_t size) override {
    if (Result<void> alive = place_.must_be_alive(); !alive) return alive;
    return timed(file_->truncate(size));
  }
  Result<void> sync() override { return {}; }  // nothing of it is to survive

 private:
  Result<void> timed(Result<void> done) {
    set_times(real_, clock_.now());
    return place_.shown(std::move(done));
  }
  std::unique_ptr<WriteFile> file_;
  std::string real_;
  const ScratchPlace& place_;
  Clock& clock_;
};

class ShownFile final : public ReadFile {
 public:
  ShownFile(std::unique_ptr<ReadFile> file, const ScratchPlace& place) : file_(std::move(file)), place_(place) {}
  Result<std::string> read(size_t size) override { return place_.shown(file_->read(size)); }
  Result<std::string> read_at(uint64_t offset, size_t size) override {
    return place_.shown(file_->read_at(offset, size));
  }

 private:
  std::unique_ptr<ReadFile> file_;
  const ScratchPlace& place_;
};

}  // namespace

template <class T, class F>
Result<T> SimulatedFiles::at(const std::string& path, F f) {
  Result<std::string> real = place_.real(path);
  if (!real) return pass(real.error());
  return place_.shown(Result<T>(f(*real)));
}

FileStatus SimulatedFiles::numbered(FileStatus status, const std::string& real) {
  std::lock_guard lock(mutex_);
  auto [found, is_new] = numbers_.try_emplace({status.device, status.inode});
  if (is_new) found->second = {numbers_.size(), UniqueFd(::open(real.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC))};
  status.device = 1;
  status.inode = found->second.first;
  return status;
}

Result<std::optional<FileStatus>> SimulatedFiles::status(const std::string& path) {
  return at<std::optional<FileStatus>>(path, [&](const std::string& real) {
    Result<std::optional<FileStatus>> found = real_.status(real);
    if (found && !*found && is_of_a_zone(path)) found = real_.status(path);
    if (found && *found) *found = numbered(**found, real);
    return found;
  });
}
Result<std::vector<DirectoryEntry>> SimulatedFiles::list(const std::string& directory) {
  return at<std::vector<DirectoryEntry>>(directory, [&](const std::string& real) {
    Result<std::vector<DirectoryEntry>> found = real_.list(real);
    if (found)
      for (DirectoryEntry& entry : *found) entry.status = numbered(entry.status, real + "/" + entry.name);
    return found;
  });
}
Result<std::string> SimulatedFiles::read(const std::string& path, uint64_t limit_bytes) {
  return at<std::string>(path, [&](const std::string& real) {
    Result<std::string> inside = real_.read(real, limit_bytes);
    if (!inside && inside.error().code == ErrorCode::not_found && is_of_a_zone(path))
      return real_.read(path, limit_bytes);
    return inside;
  });
}
Result<std::unique_ptr<ReadFile>> SimulatedFiles::open(const std::string& path) {
  return at<std::unique_ptr<ReadFile>>(path, [&](const std::string& real) -> Result<std::unique_ptr<ReadFile>> {
    Result<std::unique_ptr<ReadFile>> file = real_.open(real);
    if (!file) return file;
    return std::make_unique<ShownFile>(std::move(*file), place_);
  });
}
Result<std::string> SimulatedFiles::canonical(const std::string& path) {
  Result<std::string> found = at<std::string>(path, [&](const std::string& real) { return real_.canonical(real); });
  if (found) return place_.shown(std::move(*found));
  return found;
}
Result<uint64_t> SimulatedFiles::free_bytes(const std::string& directory) {
  Result<std::optional<FileStatus>> there = status(directory);
  if (!there) return pass(there.error());
  if (!*there) return fail(ErrorCode::not_found, "`" + directory + "` is not there");
  return bytes_on_disk;
}
Result<std::vector<Holder>> SimulatedFiles::holders(const std::vector<std::string>&) { return std::vector<Holder>(); }
Result<std::string> SimulatedFiles::read_link(const std::string& path) {
  Result<std::string> target = at<std::string>(path, [&](const std::string& real) { return real_.read_link(real); });
  if (target) return place_.shown(std::move(*target));
  return target;
}
bool SimulatedFiles::is_writable(const std::string& directory) {
  Result<std::string> real = place_.real(directory);
  return real && real_.is_writable(*real);
}

Result<std::unique_ptr<WriteFile>> SimulatedFiles::create(const std::string& path) {
  return at<std::unique_ptr<WriteFile>>(path, [&](const std::string& real) -> Result<std::unique_ptr<WriteFile>> {
    Result<std::unique_ptr<WriteFile>> file = real_.create(real);
    if (!file) return file;
    set_times(real, clock_.now());
    return std::make_unique<TimedFile>(std::move(*file), real, place_, clock_);
  });
}
Result<void> SimulatedFiles::make_directory(const std::string& path) {
  return at<void>(path, [&](const std::string& real) {
    Result<void> made = real_.make_directory(real);
    if (made) set_times(real, clock_.now());
    return made;
  });
}
Result<void> SimulatedFiles::rename(const std::string& from, const std::string& to) {
  Result<std::string> real_to = place_.real(to);
  if (!real_to) return pass(real_to.error());
  return at<void>(from, [&](const std::string& real) { return real_.rename(real, *real_to); });
}
Result<void> SimulatedFiles::rename_new(const std::string& from, const std::string& to) {
  Result<std::string> real_to = place_.real(to);
  if (!real_to) return pass(real_to.error());
  return at<void>(from, [&](const std::string& real) { return real_.rename_new(real, *real_to); });
}
Result<void> SimulatedFiles::exchange(const std::string& a, const std::string& b) {
  Result<std::string> real_b = place_.real(b);
  if (!real_b) return pass(real_b.error());
  return at<void>(a, [&](const std::string& real) { return real_.exchange(real, *real_b); });
}
Result<void> SimulatedFiles::remove(const std::string& path) {
  return at<void>(path, [&](const std::string& real) { return real_.remove(real); });
}
Result<void> SimulatedFiles::remove_tree(const std::string& path) {
  return at<void>(path, [&](const std::string& real) { return real_.remove_tree(real); });
}
Result<void> SimulatedFiles::sync_directory(const std::string& path) {
  Result<std::optional<FileStatus>> there = status(path);
  if (!there) return pass(there.error());
  if (!*there) return fail(ErrorCode::not_found, "`" + path + "` is not there");
  return {};
}
Result<void> SimulatedFiles::set_owner_and_mode(const std::string& path, uint32_t uid, uint32_t gid, uint32_t mode) {
  return at<void>(path, [&](const std::string& real) { return real_.set_owner_and_mode(real, uid, gid, mode); });
}
Result<void> SimulatedFiles::set_modified(const std::string& path, Timestamp modified) {
  return at<void>(path, [&](const std::string& real) { return real_.set_modified(real, modified); });
}
Result<void> SimulatedFiles::make_symlink(const std::string& target, const std::string& path) {
  Result<std::string> real_target = target.starts_with('/') ? place_.real(target) : Result<std::string>(target);
  if (!real_target) return pass(real_target.error());
  return at<void>(path, [&](const std::string& real) { return real_.make_symlink(*real_target, real); });
}

void SimulatedFiles::folders_above(const std::string& real) {
  std::error_code ignored;  // what could not be made is told by what is put there
  std::filesystem::create_directories(std::filesystem::path(real).parent_path(), ignored);
}

Result<void> SimulatedFiles::put(const std::string& path, std::string_view content, uint32_t mode) {
  return at<void>(path, [&](const std::string& real) -> Result<void> {
    folders_above(real);
    UniqueFd file(::open(real.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!file) return fail(ErrorCode::storage, "`" + path + "` cannot be written");
    for (size_t at = 0; at < content.size();) {
      const ssize_t wrote = ::write(file.get(), content.data() + at, content.size() - at);
      if (wrote <= 0) return fail(ErrorCode::storage, "`" + path + "` cannot be written", {}, Certainty::maybe);
      at += static_cast<size_t>(wrote);
    }
    ::fchmod(file.get(), mode);
    set_times(real, clock_.now());
    return {};
  });
}

void SimulatedFiles::touched(const std::string& path) {
  Result<std::string> real = place_.real(path);
  if (real) set_times(*real, clock_.now());
}

}  // namespace muster
