// What `action "name" {...}` says, as an Action; inside this room.
#pragma once

#include <memory>

#include "interpreter/base/diagnostic.h"
#include "scripting/library.h"
#include "scripting/scripting.h"

namespace muster {

// The definitions of the instance in `state`, in the order of their names.
void read_definitions(ScriptState& state, const std::shared_ptr<const ScriptLibrary>& library, size_t chunk,
                      const SourceFile& source, uint32_t file, const KnownNames& known, ScriptSet& out,
                      Diagnostics& problems);

// The examples of functions, `example "name" {...}`, in their order; `functions` are all, as `module.name`.
void read_function_examples(ScriptState& state, const std::string& module, const std::vector<std::string>& functions,
                            const SourceFile& source, uint32_t file, const KnownNames& known, ScriptSet& out,
                            Diagnostics& problems);

// The line of a Lua file, without its indentation.
[[nodiscard]] Span line_of(const SourceFile& source, uint32_t file, int64_t line);

}  // namespace muster
