#include "steps/archive/writing.h"

#include <memory>

#include "steps/archive/entry_names.h"
#include "steps/archive/hashing.h"
#include "steps/archive/tar_format.h"

namespace muster {

namespace {

constexpr size_t piece = 1 << 20;
constexpr int deepest = 90;

class HashedFile final : public ByteSink {
 public:
  explicit HashedFile(WriteFile& file) : file_(file) {}
  Result<void> add(std::string_view bytes) override {
    hash_.add(bytes);
    Result<void> put = file_.write_at(bytes_, bytes);
    bytes_ += bytes.size();
    return put;
  }
  Result<void> end() override { return file_.sync(); }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }
  [[nodiscard]] std::string hex() { return hash_.hex(); }

 private:
  WriteFile& file_;
  HashingThread hash_;
  uint64_t bytes_ = 0;
};

// The layers of one archive, innermost last to be made.
class Archive {
 public:
  static Result<std::unique_ptr<Archive>> create(Files& files, const std::string& to, const ArchiveOptions& options) {
    Result<std::unique_ptr<WriteFile>> file = files.create(to);
    if (!file) return pass(file.error());
    auto archive = std::unique_ptr<Archive>(new Archive(std::move(*file)));
    ByteSink* next = &archive->hashed_;
    if (options.key) {
      Result<std::unique_ptr<ByteSink>> seal = seal_into(*options.key, options.random, *next);
      if (!seal) return pass(seal.error());
      archive->seal_ = std::move(*seal);
      next = archive->seal_.get();
    }
    archive->compress_ = compress_into(options.compression, *next);
    archive->tar_.emplace(*archive->compress_);
    return archive;
  }
  TarWriter& tar() { return *tar_; }

  Result<void> put_manifest(const Manifest& manifest) {
    std::string text = print_manifest(manifest);
    TarEntry entry;
    entry.name = inner_manifest;
    entry.size = text.size();
    entry.mode = 0600;
    entry.modified = manifest.created_at;
    if (Result<void> begun = tar_->begin(entry); !begun) return begun;
    if (Result<void> put = tar_->add(text); !put) return put;
    return tar_->finish_entry();
  }

  Result<void> put_file(FilesRead& files, const std::string& path, const std::string& name, std::stop_token stop,
                        const std::function<void(uint64_t)>& more) {
    Result<std::optional<FileStatus>> status = files.status(path);
    if (!status) return pass(status.error());
    if (!*status || (*status)->kind != FileKind::file)
      return fail(ErrorCode::target_in_use, "`" + path + "` went away while it was backed up");
    Result<std::unique_ptr<ReadFile>> file = files.open(path);
    if (!file) return pass(file.error());
    TarEntry entry;
    entry.name = name;
    entry.size = (*status)->size;
    entry.mode = (*status)->mode & 0777;
    entry.modified = (*status)->modified;
    if (Result<void> begun = tar_->begin(entry); !begun) return begun;
    HashingThread hash;
    uint64_t left = entry.size;
    while (left > 0) {
      if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the backup was stopped");
      Result<std::string> bytes = (*file)->read(static_cast<size_t>(std::min<uint64_t>(left, piece)));
      if (!bytes) return pass(bytes.error());
      if (bytes->empty()) return changed(path);
      hash.add(*bytes);
      left -= bytes->size();
      if (Result<void> put = tar_->add(*bytes); !put) return put;
      more(bytes->size());
    }
    Result<std::string> behind = (*file)->read(1);
    if (!behind) return pass(behind.error());
    if (!behind->empty()) return changed(path);
    written.digests[name] = hash.hex();
    return tar_->finish_entry();
  }

  Result<WrittenArchive> finish() {
    if (Result<void> ended = tar_->end(); !ended) return pass(ended.error());
    written.bytes = hashed_.bytes();
    written.sha256 = hashed_.hex();
    return std::move(written);
  }

  WrittenArchive written;

 private:
  explicit Archive(std::unique_ptr<WriteFile> file) : file_(std::move(file)), hashed_(*file_) {}
  static tl::unexpected<Error> changed(const std::string& path) {
    return fail(ErrorCode::target_in_use, "`" + path + "` changed its size while it was backed up",
                "stop what writes to it in a step before this one");
  }
  std::unique_ptr<WriteFile> file_;
  HashedFile hashed_;
  std::unique_ptr<ByteSink> seal_, compress_;
  std::optional<TarWriter> tar_;
};

struct Walk {
  FilesRead& files;
  const std::string& root;
  std::stop_token stop;
  Inventory& found;
  EntryNames names;

  Result<void> take(const std::string& folder, int depth) {
    if (depth > deepest) return fail(ErrorCode::refused, "`" + root + "/" + folder + "` is too deep for an archive");
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the backup was stopped");
    std::string path = folder.empty() ? root : root + "/" + folder;
    Result<std::vector<DirectoryEntry>> entries = files.list(path);
    if (!entries) return pass(entries.error());
    for (const DirectoryEntry& entry : *entries) {
      std::string name = folder.empty() ? entry.name : folder + "/" + entry.name;
      if (name == inner_manifest) {
        return fail(ErrorCode::refused, "`" + path + "/" + entry.name + "` has the name of an archive's own manifest",
                    "back up its parent directory, or move the file away");
      }
      TarEntry as_entry;
      as_entry.name = name;
      switch (entry.status.kind) {
        case FileKind::file:
          ++found.files;
          found.bytes += entry.status.size;
          break;
        case FileKind::directory:
          ++found.directories;
          as_entry.kind = TarKind::directory;
          break;
        case FileKind::symlink: {
          ++found.links;
          as_entry.kind = TarKind::symlink;
          Result<std::string> link = files.read_link(root + "/" + name);
          if (!link) return pass(link.error());
          as_entry.link = *link;
          break;
        }
        case FileKind::other:
          return fail(ErrorCode::refused, "`" + root + "/" + name + "` is a pipe, a socket or a device",
                      "stop what made it in a step before this one, or back up another directory");
      }
      if ((entry.status.mode & 07000) != 0 && entry.status.kind == FileKind::file)
        return fail(ErrorCode::refused, "`" + root + "/" + name + "` is setuid, setgid or sticky");
      // What could not be restored is told now, not on the day it is needed.
      if (Result<std::string> fits = names.add(as_entry); !fits) return pass(fits.error());
      found.names.push_back(name);
      if (entry.status.kind == FileKind::directory) {
        if (Result<void> inner = take(name, depth + 1); !inner) return inner;
      }
    }
    return {};
  }
};

}  // namespace

Result<Inventory> take_inventory(FilesRead& files, const std::string& directory, std::stop_token stop) {
  Inventory found;
  Walk walk{files, directory, std::move(stop), found, {}};
  if (Result<void> taken = walk.take("", 0); !taken) return pass(taken.error());
  return found;
}

Result<WrittenArchive> archive_file(Files& files, const std::string& path, const Manifest& manifest,
                                    const ArchiveOptions& options, const std::string& to, std::stop_token stop,
                                    const WriteBytes& progress) {
  Result<std::unique_ptr<Archive>> archive = Archive::create(files, to, options);
  if (!archive) return pass(archive.error());
  if (Result<void> put = (*archive)->put_manifest(manifest); !put) return pass(put.error());
  uint64_t done = 0;
  Result<void> put = (*archive)->put_file(files, path, manifest.payload, std::move(stop),
                                          [&](uint64_t more) { progress(done += more, manifest.bytes); });
  if (!put) return pass(put.error());
  return (*archive)->finish();
}

Result<WrittenArchive> archive_directory(Files& files, const std::string& directory, const Inventory& inventory,
                                         const Manifest& manifest, const ArchiveOptions& options, const std::string& to,
                                         std::stop_token stop, const WriteBytes& progress) {
  Result<std::unique_ptr<Archive>> archive = Archive::create(files, to, options);
  if (!archive) return pass(archive.error());
  if (Result<void> put = (*archive)->put_manifest(manifest); !put) return pass(put.error());
  uint64_t done = 0;
  for (const std::string& name : inventory.names) {
    std::string path = directory + "/" + name;
    Result<std::optional<FileStatus>> status = files.status(path);
    if (!status) return pass(status.error());
    if (!*status) return fail(ErrorCode::target_in_use, "`" + path + "` went away while it was backed up");
    if ((*status)->kind == FileKind::file) {
      Result<void> put = (*archive)->put_file(files, path, name, stop,
                                              [&](uint64_t more) { progress(done += more, inventory.bytes); });
      if (!put) return pass(put.error());
      continue;
    }
    TarEntry entry;
    entry.name = name;
    entry.mode = (*status)->mode & 0777;
    entry.modified = (*status)->modified;
    entry.kind = (*status)->kind == FileKind::directory ? TarKind::directory : TarKind::symlink;
    if (entry.kind == TarKind::directory) entry.name += "/";
    if (entry.kind == TarKind::symlink) {
      Result<std::string> link = files.read_link(path);
      if (!link) return pass(link.error());
      entry.link = std::move(*link);
      entry.mode = 0777;
    }
    if (Result<void> begun = (*archive)->tar().begin(entry); !begun) return pass(begun.error());
    if (Result<void> ended = (*archive)->tar().finish_entry(); !ended) return pass(ended.error());
  }
  return (*archive)->finish();
}

}  // namespace muster
