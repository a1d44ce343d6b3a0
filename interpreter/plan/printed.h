// The keys of a construct as they are written, each as one text: what plans and differences show of keys that they know
// nothing particular about.
//
// It walks the rows of language/fields.h, so a key that is new there is shown without a word here. Layout, comments and
// the way of quoting are not part of it: two texts are equal where the values are.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/source_file.h"
#include "interpreter/language/playbook.h"

namespace muster {

// Keys that somebody does not want printed.
using Unwanted = std::function<bool(std::string_view key)>;

struct PrintedKey {
  std::string_view key;  // actions by their names
  std::string text;
};

// Those that are there, in the order of the rows; the parts of a group (`steps`, `rescue`, `always`) are left out.
[[nodiscard]] std::vector<PrintedKey> printed_keys(const Step& step, const SourceFiles& files,
                                                   const Unwanted& unwanted = {});
[[nodiscard]] std::vector<PrintedKey> printed_keys(const Phase& phase, const SourceFiles& files,
                                                   const Unwanted& unwanted = {});
[[nodiscard]] std::vector<PrintedKey> printed_keys(const Playbook& playbook, const SourceFiles& files);
[[nodiscard]] std::vector<PrintedKey> printed_keys(const Approval& approval, const SourceFiles& files);

[[nodiscard]] std::string printed(const Template& text);
[[nodiscard]] std::string printed(const Argument& argument);
[[nodiscard]] std::string printed(const ActionCall& call);
[[nodiscard]] std::string printed(const Claim& claim);
[[nodiscard]] std::string printed(const std::vector<Requirement>& approvers);

}  // namespace muster
