// The check of a database that is still being copied: it begins with the first page, and waits for each that has not
// come yet.
//
// Only where the bytes that come are the bytes that stay: a database in WAL mode is folded first, and checked then.
// Errors: what became of it is asked for by result(); nothing there means that it has to be done the usual way.
// Threads: belongs to one; the check runs on another, which ends with this.
#pragma once

#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "interpreter/world/arrival.h"
#include "interpreter/world/fresh_check.h"

namespace muster {

class EarlyCheck {
 public:
  EarlyCheck(SqlRead& sql, CheckKind kind, std::stop_token stop)
      : checks_(fresh_checks_of(sql)), kind_(kind), stop_(std::move(stop)) {}
  ~EarlyCheck() { give_up(); }
  EarlyCheck(const EarlyCheck&) = delete;
  EarlyCheck& operator=(const EarlyCheck&) = delete;

  // A file of that size is coming to `path`. nullptr where nothing is gained by beginning now.
  [[nodiscard]] std::shared_ptr<Arrival> begin(const std::string& path, uint64_t size, std::string_view first);
  // Once all of it has come. Waits for the check; nothing where there was none, or where it could not be carried out.
  [[nodiscard]] std::optional<CheckResult> result();
  void give_up();

 private:
  ChecksFresh* checks_;
  CheckKind kind_;
  std::stop_token stop_;
  std::shared_ptr<Arrival> arrival_;
  std::future<Result<CheckResult>> check_;
};

}  // namespace muster
