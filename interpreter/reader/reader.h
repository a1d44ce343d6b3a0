// YAML text to a Playbook, through yaml-cpp's events: the only room that sees it.
//
// Every file is read once, beneath the playbook's folder, and kept with its digest in `SourceFiles`.
// Units:  32 MB, depth 64, 4 M nodes, 1,000 aliases at most (docs/reliability.md).
// Errors: Diagnostics, all of a file in one pass; a file that cannot be opened is one at its first byte.
#pragma once

#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"
#include "interpreter/language/configuration.h"
#include "interpreter/language/playbook.h"
#include "interpreter/language/scenario.h"

namespace muster {

// Reads the bytes of a file for the reader: regular files only, once, with the size limit. The message is for people.
[[nodiscard]] tl::expected<std::string, std::string> read_source(const std::string& path);

// Parses a file that stands in `files` already. Gives what could be read even where there are problems, so that the
// checker can add its own in the same pass; nothing when it is no YAML map at all.
[[nodiscard]] std::optional<Playbook> read_playbook(const SourceFiles& files, uint32_t file, Diagnostics& problems);
[[nodiscard]] std::optional<Configuration> read_configuration(const SourceFiles& files, uint32_t file,
                                                              Diagnostics& problems);
[[nodiscard]] std::optional<WrittenScenario> read_written_scenario(const SourceFiles& files, uint32_t file,
                                                                   Diagnostics& problems);
// A YAML or JSON map of values, as `--inputs FILE` takes it: scalars stay text, lists and maps keep their shape.
[[nodiscard]] std::optional<Map> read_values(const SourceFiles& files, uint32_t file, Diagnostics& problems);

}  // namespace muster
