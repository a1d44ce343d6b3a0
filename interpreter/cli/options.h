// The words of a command line, read by one table: the parser and the help text are made from the same rows.
//
// Errors: a message for people, with the nearest name; exit code 2.
// Source: docs/cli.md.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace muster {

struct Flag {
  std::string_view name;   // `--inputs`
  std::string_view value;  // what it takes: `FILE`; `text|json`: one of these; empty: nothing
  std::string_view meaning;
  char letter = 0;  // `-i`
};

struct CommandForm {
  std::string_view name;
  std::string_view words;   // `PLAYBOOK`, for the help
  int least = 0, most = 0;  // words; most < 0: any number
  std::string_view summary;
  std::vector<Flag> flags;
};

struct Options {
  std::string command;
  std::vector<std::string> words;
  std::map<std::string, std::vector<std::string>, std::less<>> flags;  // by name, `--inputs`
  [[nodiscard]] bool has(std::string_view flag) const { return flags.count(flag) > 0; }
  [[nodiscard]] std::string last(std::string_view flag) const;
  [[nodiscard]] const std::vector<std::string>& all(std::string_view flag) const;
};

// The flags that every command takes, before or after its name; a command's own stand after it.
[[nodiscard]] const std::vector<Flag>& global_flags();
// `--help` and `--version` are flags here, too; with them no words are asked for.
[[nodiscard]] tl::expected<Options, std::string> parse_options(const std::vector<std::string>& arguments,
                                                               const std::vector<CommandForm>& forms);
[[nodiscard]] std::string help_of(const std::vector<CommandForm>& forms);
[[nodiscard]] std::string help_of(const CommandForm& form);

}  // namespace muster
