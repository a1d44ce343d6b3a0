#include "interpreter/cli/options.h"

#include <algorithm>

#include "interpreter/base/diagnostic.h"

namespace muster {
namespace {

const Flag* find_flag(const std::vector<Flag>& flags, std::string_view name) {
  for (const Flag& flag : flags)
    if (flag.name == name || (name.size() == 2 && flag.letter != 0 && name[1] == flag.letter)) return &flag;
  return nullptr;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  std::string_view near = nearest(word, known);
  return near.empty() ? "" : "; did you mean `" + std::string(near) + "`?";
}

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 2), ' ');
  return text;
}

std::string flag_line(const Flag& flag) {
  std::string left = "  ";
  if (flag.letter != 0) left += std::string("-") + flag.letter + ", ";
  left += flag.name;
  if (!flag.value.empty()) left += " " + std::string(flag.value);
  return padded(left, 34) + std::string(flag.meaning) + "\n";
}

}  // namespace

std::string Options::last(std::string_view flag) const {
  auto it = flags.find(flag);
  return it == flags.end() || it->second.empty() ? std::string() : it->second.back();
}

const std::vector<std::string>& Options::all(std::string_view flag) const {
  static const std::vector<std::string> none;
  auto it = flags.find(flag);
  return it == flags.end() ? none : it->second;
}

const std::vector<Flag>& global_flags() {
  static const std::vector<Flag> flags = {
      {"--store", "STORE", "where runs are recorded: a path or sqlite:PATH", 0},
      {"--config", "FILE", "the organisation's configuration", 0},
      {"--output", "text|json|jsonl", "how the answer is written", 0},
      {"--no-color", "", "no colours (as NO_COLOR says, too)", 0},
      {"--quiet", "", "no progress on stderr", 'q'},
      {"--verbose", "", "more on stderr", 'v'},
      {"--help", "", "what a command does", 'h'},
      {"--version", "", "the version of muster", 0},
  };
  return flags;
}

tl::expected<Options, std::string> parse_options(const std::vector<std::string>& arguments, const std::vector<CommandForm>& forms) {
  Options out;
  const CommandForm* form = nullptr;
  bool only_words = false;
  std::vector<std::string> before;  // flags of a command that stand in front of its name are looked at once it is known
  auto known_flags = [&] {
    std::vector<std::string_view> names;
    for (const Flag& flag : global_flags()) names.push_back(flag.name);
    if (form)
      for (const Flag& flag : form->flags) names.push_back(flag.name);
    return names;
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!only_words && word == "--") {
      only_words = true;
      continue;
    }
    if (only_words || word.size() < 2 || word[0] != '-') {
      if (form) {
        out.words.push_back(word);
        continue;
      }
      auto found = std::find_if(forms.begin(), forms.end(), [&](const CommandForm& f) { return f.name == word; });
      if (found == forms.end()) {
        std::vector<std::string_view> names;
        for (const CommandForm& f : forms) names.push_back(f.name);
        return tl::unexpected("no command is called `" + word + "`" + did_you_mean(word, names));
      }
      form = &*found;
      out.command = word;
      continue;
    }
    size_t equals = word.rfind("--", 0) == 0 ? word.find('=') : std::string::npos;
    std::string name = word.substr(0, equals);
    const Flag* flag = find_flag(global_flags(), name);
    if (!flag && form) flag = find_flag(form->flags, name);
    if (!flag && name.size() > 2 && name[1] != '-' && form) {  // -iNAME=VALUE
      flag = find_flag(form->flags, name.substr(0, 2));
      if (flag && !flag->value.empty()) {
        out.flags[std::string(flag->name)].push_back(word.substr(2));
        continue;
      }
      flag = nullptr;
    }
    if (!flag) return tl::unexpected("no option is called `" + name + "`" + (form ? " in `muster " + out.command + "`" : "") + did_you_mean(name, known_flags()));
    std::vector<std::string>& values = out.flags[std::string(flag->name)];
    if (flag->value.empty()) {
      if (equals != std::string::npos) return tl::unexpected("`" + name + "` takes no value");
      values.emplace_back();
    } else if (equals != std::string::npos) {
      values.push_back(word.substr(equals + 1));
    } else if (i + 1 < arguments.size()) {
      values.push_back(arguments[++i]);
    } else {
      return tl::unexpected("`" + name + "` wants " + std::string(flag->value));
    }
  }
  if (out.has("--help") || out.has("--version")) return out;
  if (!form) return tl::unexpected(std::string("a command is expected; `muster --help` lists them"));
  auto count = static_cast<int>(out.words.size());
  if (count < form->least) return tl::unexpected("`muster " + out.command + "` wants " + std::string(form->words));
  if (form->most >= 0 && count > form->most) return tl::unexpected("`muster " + out.command + "` takes no further word than " + (form->words.empty() ? "its options" : std::string(form->words)) + ", and `" + out.words.back() + "` stands there");
  std::string output = out.last("--output");
  if (!output.empty() && output != "text" && output != "json" && output != "jsonl") return tl::unexpected("`--output` is text, json or jsonl, and not `" + output + "`");
  return out;
}

std::string help_of(const CommandForm& form) {
  std::string out = "muster " + std::string(form.name) + (form.words.empty() ? "" : " " + std::string(form.words)) + "\n\n" + std::string(form.summary) + "\n";
  if (!form.flags.empty()) out += "\noptions:\n";
  for (const Flag& flag : form.flags) out += flag_line(flag);
  out += "\neverywhere:\n";
  for (const Flag& flag : global_flags()) out += flag_line(flag);
  return out;
}

std::string help_of(const std::vector<CommandForm>& forms) {
  std::string out = "muster runs playbooks: procedures with approval gates and verify steps, journaled and resumable.\n\ncommands:\n";
  for (const CommandForm& form : forms)
    out += padded("  " + std::string(form.name) + (form.words.empty() ? "" : " " + std::string(form.words)), 34) + std::string(form.summary) + "\n";
  out += "\neverywhere:\n";
  for (const Flag& flag : global_flags()) out += flag_line(flag);
  return out + "\n`muster COMMAND --help` tells more of one.\n";
}

}  // namespace muster
