#include "interpreter/engine/pinned_files.h"

#include "interpreter/action/pins.h"
#include "interpreter/base/digest.h"

namespace muster {

namespace {
constexpr uint64_t most_bytes = 16 << 20;
}

std::vector<PinnedFile> pinned_files(const Value* pinned) {
  std::vector<PinnedFile> files;
  if (!pinned || !pinned->is<Map>()) return files;
  for (const auto& [step, arguments] : pinned->get<Map>()) {
    if (!arguments.is<Map>()) continue;
    for (const auto& [name, value] : arguments.get<Map>()) {
      const Map* one = value.find<Map>();
      if (!one || text_of(*one, "file").empty() || text_of(*one, "sha256").empty()) continue;
      const std::string path = text_of(*one, "file");
      files.push_back({path + " of " + step, path, text_of(*one, "sha256")});
    }
  }
  return files;
}

Map evidence_of_pinned(const PinnedFile& file) { return Map{{"sha256", file.sha256}}; }

Map read_pinned(FilesRead& files, const PinnedFile& file) {
  Result<std::string> text = files.read(file.path, most_bytes);
  if (text) return Map{{"sha256", sha256_hex(*text)}};
  if (file.sha256 == unread_file) return evidence_of_pinned(file);
  return Map{{"error", std::string(name_of(text.error().code))}, {"message", text.error().message}};
}

}  // namespace muster
