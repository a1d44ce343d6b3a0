#include "interpreter/world/system_error.h"

#include <string.h>

#include <cerrno>

namespace muster {

namespace {

ErrorCode code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return ErrorCode::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
    case EEXIST:
    case ENOTEMPTY:
    case EISDIR:
    case ELOOP:
    case EXDEV:
    case ETXTBSY:
      return ErrorCode::refused;
    case EINVAL:
    case ENAMETOOLONG:
      return ErrorCode::invalid;
    case EBUSY:
      return ErrorCode::busy;
    default:
      return ErrorCode::storage;
  }
}

}  // namespace

std::string system_word(int number) {
  const char* words = ::strerrordesc_np(number);
  return words ? words : "error " + std::to_string(number);
}

std::string hint_of_limit(int number) {
  switch (number) {
    case EAGAIN:
      return "no more processes may be started: `ulimit -u`, or `pids.max` of the cgroup";
    case EMFILE:
      return "no more files may be open: `ulimit -n`";
    case ENFILE:
      return "no more files may be open on this host: `sysctl fs.file-max`";
    case ENOMEM:
      return "there is not enough memory";
    default:
      return {};
  }
}

tl::unexpected<Error> system_error(int number, std::string_view doing, std::string_view path, Certainty effect) {
  Error error;
  error.code = code_of(number);
  error.cause = system_word(number);
  error.message = "cannot " + std::string(doing) + " `" + std::string(path) + "`: " + error.cause;
  error.effect = effect;
  return pass(std::move(error));
}

}  // namespace muster
