// The spool directory: what survives the interpreter, and the socket where a later one asks.
//
// Errors: false, with errno of the call that failed.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/unique_fd.h"

namespace muster::children {

class Spool {
 public:
  explicit Spool(std::string directory) : directory_(std::move(directory)) {}
  ~Spool();
  // Opens the directory and listens in it.
  [[nodiscard]] bool open();
  [[nodiscard]] int listener() const { return listener_.get(); }
  // Somebody has removed the directory: nobody can ask here any more.
  [[nodiscard]] bool is_gone() const;
  // On the disk, whole, when it returns true.
  [[nodiscard]] bool save(const std::string& name, std::string_view body);

 private:
  std::string directory_, socket_;
  UniqueFd folder_, listener_;
};

}  // namespace muster::children
