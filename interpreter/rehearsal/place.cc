#include "interpreter/rehearsal/place.h"

#include <filesystem>

namespace muster {

Result<void> ScratchPlace::must_be_alive() const {
  if (killed_) return fail(ErrorCode::interrupted, "the interpreter was killed", {}, Certainty::maybe);
  return {};
}

Result<std::string> ScratchPlace::real(const std::string& path) const {
  if (Result<void> alive = must_be_alive(); !alive) return pass(alive.error());
  if (path.find('\0') != std::string::npos) return fail(ErrorCode::invalid, "a path holds a zero byte");
  const std::filesystem::path inside = std::filesystem::path("/" + path).lexically_normal();
  std::string out = root_ + inside.string();
  while (out.size() > root_.size() + 1 && out.back() == '/') out.pop_back();
  return out;
}

std::string ScratchPlace::shown(std::string text) const {
  for (size_t at = text.find(root_); at != std::string::npos; at = text.find(root_, at)) {
    const size_t behind = at + root_.size();
    const bool whole = behind >= text.size() || text[behind] != '/';
    text.replace(at, root_.size(), whole ? "/" : "");
  }
  return text;
}

Error ScratchPlace::shown(Error error) const {
  error.message = shown(std::move(error.message));
  error.hint = shown(std::move(error.hint));
  error.cause = shown(std::move(error.cause));
  return error;
}

}  // namespace muster
