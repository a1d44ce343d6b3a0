#include "steps/archive/reading.h"

#include <memory>
#include <vector>

#include "steps/archive/compression.h"
#include "steps/archive/entry_names.h"
#include "steps/archive/hashing.h"
#include "steps/archive/tar_format.h"

namespace muster {

namespace {

constexpr size_t piece = 1 << 20;
constexpr size_t first_bytes = 512;  // enough to tell what it is: tar says so at 257
constexpr int most_layers = 4;

enum class Layer { sealed, gzip, zstd, tar, plain };

Layer layer_of(std::string_view first) {
  if (first.starts_with(seal_magic)) return Layer::sealed;
  if (first.starts_with("\x1f\x8b")) return Layer::gzip;
  if (first.starts_with("\x28\xb5\x2f\xfd")) return Layer::zstd;
  if (first.size() >= 262 && first.substr(257, 5) == "ustar") return Layer::tar;
  return Layer::plain;
}

Content content_of(std::string_view first) {
  if (first.starts_with(std::string_view("SQLite format 3\0", 16))) return Content::sqlite;
  if (first.starts_with("PGDMP")) return Content::postgres_dump;
  return Content::other;
}

// Counts what comes out, and ends it where it is too much.
class Gauge {
 public:
  explicit Gauge(uint64_t most) : most_(most) {}
  Result<void> take(uint64_t bytes) {
    bytes_ += bytes;
    return check(0);
  }
  Result<void> check(uint64_t more) const {
    if (more <= most_ && bytes_ <= most_ - more) return {};
    return fail(ErrorCode::storage,
                "it unpacks to more than the " + std::to_string(most_) + " bytes that there is space for",
                "free space on the target's disk; the backup is unpacked beside the target");
  }
  [[nodiscard]] uint64_t bytes() const { return bytes_; }

 private:
  uint64_t most_;
  uint64_t bytes_ = 0;
};

// Where files go: to a directory, or nowhere. Hashed on the way.
class Output {
 public:
  Output(Files* files, Gauge& gauge) : files_(files), gauge_(gauge) {}
  Result<void> begin(const std::string& path) {
    hash_.emplace();
    at_ = 0;
    file_.reset();
    if (!files_) return {};
    Result<std::unique_ptr<WriteFile>> made = files_->create(path);
    if (!made) return pass(made.error());
    file_ = std::move(*made);
    return {};
  }
  Result<void> add(std::string_view bytes) {
    if (Result<void> fits = gauge_.take(bytes.size()); !fits) return fits;
    hash_->add(bytes);
    if (file_) {
      if (Result<void> put = file_->write_at(at_, bytes); !put) return put;
    }
    at_ += bytes.size();
    return {};
  }
  Result<std::string> end() {
    if (file_) {
      if (Result<void> synced = file_->sync(); !synced) return pass(synced.error());
      file_.reset();
    }
    return hash_->hex();
  }

 private:
  Files* files_;
  Gauge& gauge_;
  std::unique_ptr<WriteFile> file_;
  std::optional<HashingThread> hash_;
  uint64_t at_ = 0;
};

class PlainFile final : public ByteSink {
 public:
  PlainFile(Output& output, std::string path, ReadBackup& found)
      : output_(output), path_(std::move(path)), found_(found) {}
  Result<void> add(std::string_view bytes) override {
    if (Result<void> begun = begin(); !begun) return begun;
    return output_.add(bytes);
  }
  Result<void> end() override {
    if (Result<void> begun = begin(); !begun) return begun;
    Result<std::string> digest = output_.end();
    if (!digest) return pass(digest.error());
    found_.sha256 = std::move(*digest);
    found_.payload = path_;
    found_.files = 1;
    return {};
  }

 private:
  Result<void> begin() {
    if (has_begun_) return {};
    has_begun_ = true;
    return output_.begin(path_);
  }
  Output& output_;
  std::string path_;
  ReadBackup& found_;
  bool has_begun_ = false;
};

// The entries of a tar archive, laid out below a directory. Links are made last, so that nothing can go through them;
// modes and times of directories after all that is in them.
class Unpacking {
 public:
  Unpacking(Files* files, std::string directory, Output& output, Gauge& gauge, ReadBackup& found)
      : files_(files), directory_(std::move(directory)), output_(output), gauge_(gauge), found_(found) {}

  TarReader::Handler handler() {
    return {[this](const TarEntry& entry) { return begin(entry); },
            [this](std::string_view bytes) { return content(bytes); },
            [this](const TarEntry& entry) { return end_of_file(entry); }};
  }

  Result<void> finish() {
    if (!files_) return {};
    for (const auto& [path, link] : links_) {
      if (Result<void> made = files_->make_symlink(link, path); !made) return made;
    }
    for (auto entry = folders_.rbegin(); entry != folders_.rend(); ++entry) {
      if (Result<void> kept = keep_attributes(entry->first, entry->second); !kept) return kept;
      if (Result<void> synced = files_->sync_directory(entry->first); !synced) return synced;
    }
    return files_->sync_directory(directory_);
  }

 private:
  std::string at(const std::string& name) const { return directory_ + "/" + name; }

  Result<void> make_folder(const std::string& name, const TarEntry& entry) {
    ++found_.directories;
    folders_.emplace_back(at(name), entry);
    return files_ ? files_->make_directory(at(name)) : Result<void>();
  }

  Result<void> begin(const TarEntry& entry) {
    Result<std::string> name = names_.add(entry);
    if (!name) return pass(name.error());
    is_meta_ = *name == inner_manifest && entry.kind == TarKind::file;
    if (is_meta_) {
      if (entry.size > most_manifest_bytes) return fail(ErrorCode::refused, "its manifest is larger than 16 MiB");
      meta_.clear();
      return {};
    }
    TarEntry usual;
    usual.mode = 0700;
    for (const std::string& parent : names_.implied()) {
      if (Result<void> made = make_folder(parent, usual); !made) return made;
    }
    if (name->empty()) return {};
    name_ = *name;
    switch (entry.kind) {
      case TarKind::directory:
        return make_folder(*name, entry);
      case TarKind::symlink:
        links_.emplace_back(at(*name), entry.link);
        return {};
      case TarKind::file:
        break;
    }
    ++found_.files;
    if (Result<void> fits = gauge_.check(entry.size); !fits) return fits;
    return output_.begin(at(*name));
  }

  Result<void> content(std::string_view bytes) {
    if (!is_meta_) return output_.add(bytes);
    meta_ += bytes;
    return {};
  }

  Result<void> end_of_file(const TarEntry& entry) {
    if (is_meta_) {
      Result<Manifest> manifest = parse_manifest(meta_);
      if (!manifest) return pass(manifest.error());
      found_.meta = std::move(*manifest);
      return {};
    }
    Result<std::string> digest = output_.end();
    if (!digest) return pass(digest.error());
    found_.digests[name_] = std::move(*digest);
    return files_ ? keep_attributes(at(name_), entry) : Result<void>();
  }

  Result<void> keep_attributes(const std::string& path, const TarEntry& entry) {
    Result<std::optional<FileStatus>> status = files_->status(path);
    if (!status) return pass(status.error());
    if (!*status) return fail(ErrorCode::storage, "`" + path + "` has gone while it was unpacked");
    if (Result<void> set = files_->set_owner_and_mode(path, (*status)->uid, (*status)->gid, entry.mode); !set)
      return set;
    return files_->set_modified(path, entry.modified);
  }

  Files* files_;
  std::string directory_;
  Output& output_;
  Gauge& gauge_;
  ReadBackup& found_;
  EntryNames names_;
  std::string name_, meta_;
  bool is_meta_ = false;
  std::vector<std::pair<std::string, std::string>> links_;
  std::vector<std::pair<std::string, TarEntry>> folders_;  // parents before what is in them
};

// Looks at the first bytes and builds the next layer of them.
class Detecting final : public ByteSink {
 public:
  struct Shared {
    const ReadPlan& plan;
    ReadBackup& found;
    Output& output;
    Unpacking& unpacking;
  };
  Detecting(Shared shared, int depth) : shared_(shared), depth_(depth) {}

  Result<void> add(std::string_view bytes) override {
    if (next_) return next_->add(bytes);
    first_ += bytes;
    if (first_.size() < first_bytes) return {};
    return decide();
  }
  Result<void> end() override {
    if (!next_) {
      if (Result<void> decided = decide(); !decided) return decided;
    }
    return next_->end();
  }

 private:
  Result<void> decide() {
    ReadBackup& found = shared_.found;
    Layer layer = layer_of(first_);
    bool is_wrapped = layer == Layer::sealed || layer == Layer::gzip || layer == Layer::zstd;
    if (is_wrapped) {
      if (depth_ + 1 >= most_layers) return fail(ErrorCode::refused, "it is wrapped more often than any backup is");
      inner_ = std::make_unique<Detecting>(shared_, depth_ + 1);
    }
    switch (layer) {
      case Layer::sealed:
        found.is_sealed = true;
        next_ = unseal_into(shared_.plan.key, *inner_);
        break;
      case Layer::gzip:
      case Layer::zstd:
        found.is_compressed = true;
        next_ = decompress_into(layer == Layer::gzip ? Compression::gzip : Compression::zstd, *inner_);
        break;
      case Layer::tar:
        found.content = Content::tar;
        next_ = std::make_unique<TarReader>(shared_.unpacking.handler());
        break;
      case Layer::plain:
        if (first_.empty()) return fail(ErrorCode::corrupt, "it is empty");
        found.content = content_of(first_);
        next_ = std::make_unique<PlainFile>(shared_.output, shared_.plan.directory + "/" + shared_.plan.payload_name,
                                            found);
        break;
    }
    std::string first = std::move(first_);
    return first.empty() ? Result<void>() : next_->add(first);
  }

  Shared shared_;
  int depth_;
  std::string first_;
  std::unique_ptr<Detecting> inner_;
  std::unique_ptr<ByteSink> next_;
};

Error in_file(Error error, const std::string& path) {
  bool is_ours = error.code == ErrorCode::corrupt || error.code == ErrorCode::wrong_key ||
                 error.code == ErrorCode::refused || error.code == ErrorCode::storage;
  if (is_ours && error.message.find(path) == std::string::npos) error.message = "`" + path + "`: " + error.message;
  return error;
}

}  // namespace

Result<ReadBackup> read_backup(FilesRead& files, Files* writing, const ReadPlan& plan, std::stop_token stop,
                               const ReadBytes& progress) {
  Result<std::optional<FileStatus>> status = files.status(plan.path);
  if (!status) return pass(status.error());
  if (!*status) return fail(ErrorCode::not_found, "there is no file `" + plan.path + "`");
  Result<std::unique_ptr<ReadFile>> file = files.open(plan.path);
  if (!file) return pass(file.error());
  if (plan.key) {
    if (Result<void> good = check_key(*plan.key); !good) return pass(good.error());
  }
  ReadBackup found;
  if (writing && !plan.directory.empty() && !plan.key) {
    Result<std::string> first = (*file)->read_at(0, first_bytes);
    if (!first) return pass(first.error());
    if (first->size() == first_bytes && layer_of(*first) == Layer::plain) {
      found.content = content_of(*first);
      found.bytes = (*status)->size;
      found.files = 1;
      found.payload = plan.directory + "/" + plan.payload_name;
      if (Result<void> fits = Gauge(plan.most_bytes).check(found.bytes); !fits)
        return pass(in_file(fits.error(), plan.path));
      Result<std::string> digest =
          copy_plain(files, *writing, {plan.path, found.payload, found.bytes, plan.arriving}, stop, progress);
      if (!digest) return pass(in_file(digest.error(), plan.path));
      found.sha256 = found.file_sha256 = *digest;
      return found;
    }
  }
  Gauge gauge(plan.most_bytes);
  Output output(plan.directory.empty() ? nullptr : writing, gauge);
  Unpacking unpacking(plan.directory.empty() ? nullptr : writing, plan.directory, output, gauge, found);
  Detecting outermost({plan, found, output, unpacking}, 0);
  uint64_t done = 0;
  HashingThread whole;
  Result<void> read = [&]() -> Result<void> {
    while (true) {
      if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of `" + plan.path + "` was stopped");
      Result<std::string> bytes = (*file)->read(piece);
      if (!bytes) return pass(bytes.error());
      if (bytes->empty()) break;
      if (plan.hash_file) whole.add(*bytes);
      if (Result<void> taken = outermost.add(*bytes); !taken) return taken;
      progress(done += bytes->size(), (*status)->size);
    }
    return outermost.end();
  }();
  if (!read) return pass(in_file(read.error(), plan.path));
  if (plan.key && !found.is_sealed) {
    return fail(ErrorCode::refused, "`" + plan.path + "` is not encrypted, though a key for it is given",
                "leave the key out if that is right; otherwise somebody put another file in the archive's place");
  }
  if (found.content == Content::tar) {
    found.payload = plan.directory;
    if (Result<void> finished = unpacking.finish(); !finished) return pass(in_file(finished.error(), plan.path));
  }
  found.bytes = gauge.bytes();
  if (plan.hash_file) found.file_sha256 = whole.hex();
  return found;
}

Result<bool> is_archive(FilesRead& files, const std::string& path) {
  Result<std::unique_ptr<ReadFile>> file = files.open(path);
  if (!file) return pass(file.error());
  Result<std::string> first = (*file)->read(first_bytes);
  if (!first) return pass(first.error());
  return layer_of(*first) != Layer::plain;
}

}  // namespace muster
