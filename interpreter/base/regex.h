// Regular expressions in linear time: what `match`, `match_all` and the `pattern` of inputs mean.
//
// The common syntax (literals, `.`, classes, `[[:alpha:]]`, \d \w \s \b, groups, named groups, alternation, `* + ?
// {m,n}` and their lazy forms, `^ $`, the flags `(?i) (?m) (?s)`), run as a set of threads over the text once: no
// pattern can take more than text × program steps. Classes and word edges are ASCII; of several matches at one place
// the one that comes first in the pattern wins. Bytes above 127 are matched as whole UTF-8 characters by `.` and
// negated classes. Errors: a message for people. Programs are limited to 10,000 instructions. Source: R. Cox, "Regular
// Expression Matching: the Virtual Machine Approach", 2009.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace muster {

class Regex {
 public:
  struct Match {
    size_t begin = 0, end = 0;
    std::vector<std::optional<std::pair<size_t, size_t>>> groups;  // from 1 on
  };
  [[nodiscard]] static tl::expected<Regex, std::string> compile(std::string_view pattern);
  // The first match that begins at `from` or later. `reached` is set to the place up to which the text was read. Behind
  // `until` nothing is read: a `reached` beyond it says that there may be a match.
  [[nodiscard]] std::optional<Match> search(std::string_view text, size_t from = 0, size_t* reached = nullptr,
                                            size_t until = std::string_view::npos) const;
  [[nodiscard]] bool matches_whole(std::string_view text) const;
  [[nodiscard]] const std::vector<std::string>& group_names() const { return names_; }  // "" for unnamed, from 1 on
  [[nodiscard]] size_t size() const;                                                    // instructions

  struct Instruction;

 private:
  std::shared_ptr<const std::vector<Instruction>> program_;
  std::vector<std::string> names_;
};

}  // namespace muster
