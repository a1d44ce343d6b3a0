#include "steps/restore/early_check.h"

#include "steps/restore/database_header.h"

namespace muster {

namespace {
constexpr uint64_t worth_a_thread = 4 << 20;
}

std::shared_ptr<Arrival> EarlyCheck::begin(const std::string& path, uint64_t size, std::string_view first) {
  give_up();
  const bool is_database = first.starts_with(std::string_view("SQLite format 3\0", 16));
  // The versions that are needed to write and to read it: 2 is WAL.
  const bool stays = first.size() >= DatabaseHeader::bytes && first[18] == 1 && first[19] == 1;
  if (!checks_ || size < worth_a_thread || !is_database || !stays) return nullptr;
  arrival_ = std::make_shared<Arrival>();
  check_ = std::async(std::launch::async, [this, path] {
    const SqlLimits unhurried{Duration::seconds(24 * 3600)};
    return checks_->check_fresh({"", "sqlite", Map{{"path", path}}}, kind_, unhurried, arrival_.get(), stop_);
  });
  return arrival_;
}

std::optional<CheckResult> EarlyCheck::result() {
  if (!check_.valid()) return std::nullopt;
  Result<CheckResult> done = check_.get();
  if (!done) return std::nullopt;
  return std::move(*done);
}

void EarlyCheck::give_up() {
  if (!check_.valid()) return;
  arrival_->fail();
  check_.wait();
  check_ = {};
}

}  // namespace muster
