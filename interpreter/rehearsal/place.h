// Where the paths of a playbook lie in the scratch folder of its rehearsal.
//
// `/var/data/app.db` is SCRATCH/root/var/data/app.db; a path that does not begin with `/` is seen from `/`. Nothing
// that comes back shows the scratch folder, because it is another one each time.
#pragma once

#include <atomic>
#include <string>

#include "interpreter/base/result.h"

namespace muster {

class ScratchPlace {
 public:
  explicit ScratchPlace(std::string root) : root_(std::move(root)) {}
  // No path leads out of it. `interrupted` for an interpreter that was killed: it touches nothing any more.
  [[nodiscard]] Result<std::string> real(const std::string& path) const;
  [[nodiscard]] Result<void> must_be_alive() const;
  void kill() { killed_ = true; }
  void revive() { killed_ = false; }
  [[nodiscard]] bool is_killed() const { return killed_; }
  // The path that the playbook knows it by.
  [[nodiscard]] std::string shown(std::string text) const;
  [[nodiscard]] Error shown(Error error) const;
  template <class T>
  [[nodiscard]] Result<T> shown(Result<T> result) const {
    if (result) return result;
    return pass(shown(std::move(result.error())));
  }
  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  std::atomic<bool> killed_ = false;
  std::string root_;  // without links, without a slash at its end
};

}  // namespace muster
