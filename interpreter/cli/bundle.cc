// `muster bundle RUN [-o FILE]`
#include "interpreter/journal/bundle.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/session.h"
#include "interpreter/report/report.h"

namespace muster {
namespace {

Result<void> write_new(const std::string& path, const std::string& bytes) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == EEXIST)
    return fail(ErrorCode::refused, "`" + path + "` is there already", "name another file with `-o`");
  if (!file) return fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(errno));
  for (size_t at = 0; at < bytes.size();) {
    ssize_t wrote = ::write(file.get(), bytes.data() + at, bytes.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      int number = errno;
      ::unlink(path.c_str());
      return fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(number));
    }
    at += static_cast<size_t>(wrote);
  }
  if (::fsync(file.get()) != 0)
    return fail(ErrorCode::storage, "`" + path + "` cannot be synced: " + std::strerror(errno));
  return {};
}

}  // namespace

int bundle_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  Result<std::string> store = sqlite_path(store_of(invocation, opened->session.configuration));
  if (!store) return complain(store.error());
  const OpenRun& run = opened->run;
  std::string report = render_markdown(make_timeline(run.record, run.history, run.loaded.graph.get()));
  auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  Timestamp now{std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count()};
  Result<std::string> bytes = make_bundle(*opened->session.journal, *store, run.id(), report, now);
  if (!bytes) return complain(bytes.error());
  BundleCheck check = check_bundle(*bytes);
  if (!check.findings.empty())
    return complain(fail(ErrorCode::corrupt, "run " + run.id() + " does not hold: " + check.findings[0].message,
                         "`muster audit --verify` tells more"));
  std::string path = invocation.options.last("--out");
  if (path.empty()) path = "muster-" + run.id() + ".bundle";
  Result<void> written = write_new(path, *bytes);
  if (!written) return complain(written.error());
  if (invocation.json()) {
    answer_object(invocation, Map{{"run", run.id()},
                                  {"file", path},
                                  {"bytes", static_cast<int64_t>(bytes->size())},
                                  {"events", check.events},
                                  {"public_key", check.public_key}});
  } else {
    answer("run " + run.id() + " is in `" + path + "`: " + std::to_string(check.events) + " events, signed by " +
           check.public_key + "\n");
  }
  return exit_code::ok;
}

}  // namespace muster
