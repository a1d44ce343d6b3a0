// What a dry run is handed in place of a World: it reads, and it tries what takes itself back. There is nothing in it
// of which a Touch could be made.
//
// Source: docs/dry-run.md.
#pragma once

#include <optional>
#include <string>

#include "interpreter/world/world.h"

namespace muster {

// Declared reads that are kept from writing, and are not executed where that cannot be done.
class FencedReads : public DeclaredReads {
 public:
  // Why this command is not executed; nothing: it can be kept from writing.
  [[nodiscard]] virtual std::optional<std::string> refusal(const Command& command) = 0;
};

struct DryWorld {
  Clock& clock;
  FilesRead& files;
  SqlRead& sql;
  HttpRead& http;
  FencedReads& commands;
  SqlTrial& sql_trial;
  Scratch& scratch;
  Variables& variables;
};

}  // namespace muster
