#include "steps/restore/place.h"

#include "interpreter/base/digest.h"
#include "steps/restore/swap.h"

namespace muster {

Result<std::string> free_name(FilesRead& files, const std::string& wanted) {
  for (int n = 1; n < 1000; ++n) {
    std::string name = n == 1 ? wanted : wanted + "." + std::to_string(n);
    Result<Map> there = identity_of(files, name);
    if (!there) return pass(there.error());
    if (there->empty()) return name;
  }
  return fail(ErrorCode::refused, "no free name like `" + wanted + "` is left");
}

Result<Place> find_place(FilesRead& files, const std::string& target, bool is_directory, const StepInput& input) {
  Place place;
  std::string written = directory_of(target);
  Result<std::string> directory = files.canonical(written);
  if (!directory && directory.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "the target's directory `" + written + "` does not exist");
  }
  if (!directory) return pass(directory.error());
  place.directory = *directory;
  std::string name = target.substr(target.rfind('/') + 1);
  std::string prefix = place.directory == "/" ? "/" : place.directory + "/";
  place.target = prefix + name;

  Result<std::optional<FileStatus>> status = files.status(place.target);
  if (!status) return pass(status.error());
  if (*status) {
    const FileStatus& old = **status;
    if (old.kind == FileKind::symlink) {
      Result<std::string> real = files.canonical(place.target);
      return fail(
          ErrorCode::refused, "the target `" + place.target + "` is a symbolic link",
          real ? "name the file itself: `" + *real + "`" : "it points at nothing; remove it or name the file itself");
    }
    if (is_directory && old.kind != FileKind::directory)
      return fail(ErrorCode::refused, "the target `" + place.target + "` is not a directory");
    if (!is_directory && old.kind != FileKind::file)
      return fail(ErrorCode::refused, "the target `" + place.target + "` is not a plain file");
    // It can be read and written to and never be renamed, which only the switch would find, behind all the copying.
    if (old.is_mounted_on) {
      return fail(
          ErrorCode::refused,
          "something is mounted on the target `" + place.target + "`, as by `mount --bind`: it cannot be replaced",
          is_directory ? "restore to a directory beneath it, or name the directory where it really lies"
                       : "name the file where it really lies");
    }
    if (!is_directory && old.links > 1) {
      return fail(ErrorCode::refused,
                  "the target `" + place.target + "` has " + std::to_string(old.links) +
                      " names (hard links): the others would go on showing the old database",
                  "remove the other names, or restore to a path of its own");
    }
    place.has_old = true;
    place.uid = old.uid;
    place.gid = old.gid;
    place.mode = old.mode;
    place.old_bytes = old.size;
    place.old_modified = old.modified;
  }
  if (!files.is_writable(place.directory)) {
    return fail(ErrorCode::refused, "the directory `" + place.directory + "` cannot be written to",
                "the new database is made beside the target: run as a user who may write there");
  }
  Result<Map> seen = identity_of(files, place.target, !is_directory);
  if (!seen) return pass(seen.error());
  place.first_seen = std::move(*seen);

  std::string attempt = input.run + "-" + std::to_string(input.attempt);
  // Two steps of a run may work in one directory at the same time.
  place.work = prefix + ".muster-restore-" + attempt + "-" + sha256_hex(input.op.path).substr(0, 8);
  place.ready = place.work + "/" + name;
  Result<std::string> outgoing = free_name(files, place.target + ".before-" + attempt);
  if (!outgoing) return pass(outgoing.error());
  place.outgoing = std::move(*outgoing);
  return place;
}

}  // namespace muster
