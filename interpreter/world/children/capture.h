// One output stream of a child: redacted as it comes, its head and tail kept, all of it counted and hashed.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/digest.h"
#include "interpreter/world/children/protocol.h"

namespace muster::children {

class Capture {
 public:
  Capture(uint64_t head, uint64_t tail, std::vector<std::string> secrets) : head_limit_(head), tail_limit_(tail), secrets_(std::move(secrets)) {
    for (const std::string& secret : secrets_) longest_ = std::max(longest_, secret.size());
  }

  void add(std::string_view bytes) {
    if (longest_ == 0) {
      keep(bytes);
      return;
    }
    held_.append(bytes);
    release(longest_ - 1);  // a secret may go on in what comes next
  }

  Stream end() {
    release(0);
    Stream out;
    out.sha256 = hash_.hex();
    out.head = std::move(head_);
    // The ring, in order.
    out.tail = tail_.substr(ring_at_) + tail_.substr(0, ring_at_);
    out.bytes = bytes_;
    return out;
  }

 private:
  void release(size_t hold) {
    size_t at = 0;
    while (at < held_.size()) {
      size_t next = std::string::npos;
      const std::string* which = nullptr;
      for (const std::string& secret : secrets_) {
        size_t found = held_.find(secret, at);
        if (found < next || (found == next && found != std::string::npos && which && secret.size() > which->size())) {
          next = found;
          which = &secret;
        }
      }
      if (!which) break;
      keep(std::string_view(held_).substr(at, next - at));
      keep("***");
      at = next + which->size();
    }
    size_t stop = held_.size() > hold ? held_.size() - hold : 0;
    if (stop > at) {
      keep(std::string_view(held_).substr(at, stop - at));
      at = stop;
    }
    held_.erase(0, at);
  }

  void keep(std::string_view bytes) {
    if (bytes.empty()) return;
    hash_.add(bytes);
    bytes_ += bytes.size();
    if (head_.size() < head_limit_) {
      size_t take = std::min<size_t>(bytes.size(), head_limit_ - head_.size());
      head_.append(bytes.substr(0, take));
      bytes.remove_prefix(take);
    }
    if (tail_limit_ == 0) return;
    if (bytes.size() > tail_limit_) bytes.remove_prefix(bytes.size() - tail_limit_);
    while (!bytes.empty()) {
      if (tail_.size() < tail_limit_) {
        size_t take = std::min<size_t>(bytes.size(), tail_limit_ - tail_.size());
        tail_.append(bytes.substr(0, take));
        bytes.remove_prefix(take);
      } else {
        size_t take = std::min<size_t>(bytes.size(), tail_.size() - ring_at_);
        tail_.replace(ring_at_, take, bytes.substr(0, take));
        ring_at_ = (ring_at_ + take) % tail_.size();
        bytes.remove_prefix(take);
      }
    }
  }

  uint64_t head_limit_, tail_limit_;
  std::vector<std::string> secrets_;
  size_t longest_ = 0;
  std::string held_, head_, tail_;
  size_t ring_at_ = 0;
  uint64_t bytes_ = 0;
  Sha256 hash_;
};

}  // namespace muster::children
