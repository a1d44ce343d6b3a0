// Files that a step only names, and that a gate bound by their digest when it opened: statements in a file of their
// own.
//
// They are shown and bound as evidence is: read when the gate opens and again when a decision is used. Where one of
// them has changed by then, the decision is void and the gate shows what it would do now. One that could not be read
// when the gate opened has changed when it can be read. Errors: what cannot be read any more is `{error, message}`, as
// evidence is.
#pragma once

#include <string>
#include <vector>

#include "interpreter/base/value.h"
#include "interpreter/world/files.h"

namespace muster {

struct PinnedFile {
  std::string name;  // as evidence: `migrate.sql of change/tables`
  std::string path;
  std::string sha256;  // when it was shown; `unread_file`: it could not be read then
};

// Of a gate's `pinned`: by step, the arguments that were chosen when it opened.
[[nodiscard]] std::vector<PinnedFile> pinned_files(const Value* pinned);
[[nodiscard]] Map evidence_of_pinned(const PinnedFile& file);
[[nodiscard]] Map read_pinned(FilesRead& files, const PinnedFile& file);

}  // namespace muster
