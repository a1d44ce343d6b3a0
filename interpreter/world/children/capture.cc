#include "interpreter/world/children/capture.h"

#include <algorithm>

namespace muster::children {

void Capture::add(std::string_view bytes) {
  if (redactor_.is_idle()) {
    keep(bytes);
    return;
  }
  redacted_.clear();
  redactor_.add(bytes, redacted_);
  keep(redacted_);
}

Stream Capture::end() {
  redacted_.clear();
  redactor_.end(redacted_);
  keep(redacted_);
  std::rotate(tail_.begin(), tail_.begin() + static_cast<std::ptrdiff_t>(oldest_), tail_.end());
  Stream out;
  out.head = std::move(head_);
  out.tail = std::move(tail_);
  out.bytes = bytes_;
  out.sha256 = hash_.hex();
  return out;
}

void Capture::keep(std::string_view bytes) {
  if (bytes.empty()) return;
  hash_.add(bytes);
  bytes_ += bytes.size();
  size_t to_head = std::min<size_t>(bytes.size(), head_limit_ - head_.size());
  head_.append(bytes.substr(0, to_head));
  bytes.remove_prefix(to_head);
  if (bytes.size() > tail_limit_) bytes.remove_prefix(bytes.size() - tail_limit_);
  size_t to_end = std::min<size_t>(bytes.size(), tail_limit_ - tail_.size());
  tail_.append(bytes.substr(0, to_end));
  bytes.remove_prefix(to_end);
  while (!bytes.empty()) {
    size_t over = std::min(bytes.size(), tail_.size() - oldest_);
    tail_.replace(oldest_, over, bytes.substr(0, over));
    oldest_ = (oldest_ + over) % tail_.size();
    bytes.remove_prefix(over);
  }
}

}  // namespace muster::children
