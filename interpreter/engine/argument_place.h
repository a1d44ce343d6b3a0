// Where in the playbook that stands which a step's error is about.
//
// Units:  spans are of the files that the playbook was read from.
// Errors: nothing where the argument is not there: it was made by a script, or comes from a template.
#pragma once

#include <optional>

#include "interpreter/base/result.h"
#include "interpreter/base/source_file.h"
#include "interpreter/language/playbook.h"

namespace muster {

// The word at that line and column, or the argument as a whole.
[[nodiscard]] std::optional<Span> span_of_place(const Argument& args, const ArgumentPlace& place,
                                                const SourceFiles& files);

}  // namespace muster
