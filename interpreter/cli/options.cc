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

// `[=1|2]`: it takes one of these, behind `=`, or nothing.
bool may_stand_alone(const Flag& flag) { return flag.value.rfind("[=", 0) == 0; }

std::string flag_line(const Flag& flag) {
  std::string left = "  ";
  if (flag.letter != 0) left += std::string("-") + flag.letter + ", ";
  left += flag.name;
  if (!flag.value.empty()) left += (may_stand_alone(flag) ? "" : " ") + std::string(flag.value);
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
      {"--output", "text|json|jsonl", "how the answer is written; text unless said", 0},
      {"--no-color", "", "no colours; a NO_COLOR that is set says so, too", 0},
      {"--quiet", "", "no progress on stderr; gates and errors are still shown", 'q'},
      {"--verbose", "", "every event of the run on stderr", 'v'},
      {"--help", "", "what a command does and takes", 'h'},
      {"--version", "", "the version of muster", 0},
  };
  return flags;
}

namespace {

class Parser {
 public:
  Parser(const std::vector<std::string>& arguments, const std::vector<CommandForm>& forms)
      : arguments_(arguments), forms_(forms) {}

  tl::expected<Options, std::string> parse() {
    bool only_words = false;
    for (at_ = 0; at_ < arguments_.size(); ++at_) {
      const std::string& word = arguments_[at_];
      std::string problem;
      if (!only_words && word == "--") {
        only_words = true;
      } else if (only_words || word.size() < 2 || word[0] != '-') {
        problem = take_word(word);
      } else if (word[1] == '-') {
        problem = take_long(word);
      } else {
        problem = take_letters(word);
      }
      if (!problem.empty()) return tl::unexpected(std::move(problem));
    }
    std::string problem = out_.has("--help") || out_.has("--version") ? "" : whole();
    if (!problem.empty()) return tl::unexpected(std::move(problem));
    return std::move(out_);
  }

 private:
  std::string take_word(const std::string& word) {
    if (form_) {
      out_.words.push_back(word);
      return {};
    }
    for (const CommandForm& form : forms_)
      if (form.name == word) form_ = &form;
    if (form_) {
      out_.command = word;
      return {};
    }
    std::vector<std::string_view> names;
    for (const CommandForm& form : forms_) names.push_back(form.name);
    return "no command is called `" + word + "`" + did_you_mean(word, names);
  }

  const Flag* find(std::string_view name) const {
    const Flag* flag = find_flag(global_flags(), name);
    return flag || !form_ ? flag : find_flag(form_->flags, name);
  }

  std::string unknown(const std::string& name) const {
    std::vector<std::string_view> names;
    for (const Flag& flag : global_flags()) names.push_back(flag.name);
    for (const CommandForm& form : forms_)
      if (form_ == &form)
        for (const Flag& flag : form.flags) names.push_back(flag.name);
    std::string near = did_you_mean(name, names);
    if (near.empty() && !form_)
      for (const CommandForm& form : forms_)
        if (find_flag(form.flags, name))
          return "`" + name + "` stands before the command; a command's own options stand after it";
    return "no option is called `" + name + "`" + (form_ ? " in `muster " + out_.command + "`" : "") + near;
  }

  std::string take_long(const std::string& word) {
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals);
    const Flag* flag = find(name);
    if (!flag) return unknown(name);
    if (equals == std::string::npos) return take_value_of(*flag, name);
    if (flag->value.empty()) return "`" + name + "` takes no value";
    return keep(*flag, word.substr(equals + 1));
  }

  // `-q`, `-qv`, `-i NAME=VALUE`, `-iNAME=VALUE`
  std::string take_letters(const std::string& word) {
    for (size_t i = 1; i < word.size(); ++i) {
      std::string name = std::string("-") + word[i];
      const Flag* flag = find(name);
      if (!flag) return unknown(i == 1 ? word : name);
      if (!flag->value.empty() && i + 1 < word.size()) return keep(*flag, word.substr(i + 1));
      std::string problem = take_value_of(*flag, name);
      if (!problem.empty()) return problem;
    }
    return {};
  }

  std::string take_value_of(const Flag& flag, const std::string& name) {
    if (flag.value.empty() || may_stand_alone(flag)) return keep(flag, "");
    if (at_ + 1 >= arguments_.size()) return "`" + name + "` wants " + std::string(flag.value);
    return keep(flag, arguments_[++at_]);
  }

  std::string keep(const Flag& flag, std::string value) {
    std::string_view all = flag.value;
    const bool alone = may_stand_alone(flag) && value.empty();
    if (may_stand_alone(flag)) all = all.substr(2, all.size() - 3);
    if (all.find('|') != std::string_view::npos && !alone) {
      bool known = false;
      std::string choices;
      for (size_t begin = 0; begin <= all.size();) {
        size_t end = std::min(all.find('|', begin), all.size());
        std::string_view choice = all.substr(begin, end - begin);
        known = known || choice == value;
        choices += (choices.empty() ? "" : end == all.size() ? " or " : ", ") + std::string(choice);
        begin = end + 1;
      }
      if (!known) return "`" + std::string(flag.name) + "` is " + choices + ", and not `" + value + "`";
    }
    out_.flags[std::string(flag.name)].push_back(std::move(value));
    return {};
  }

  std::string whole() const {
    if (!form_) return "a command is expected; `muster --help` lists them";
    auto count = static_cast<int>(out_.words.size());
    std::string us = "`muster " + out_.command + "`", words(form_->words);
    if (count < form_->least) return us + " wants " + words;
    if (form_->most < 0 || count <= form_->most) return {};
    return us + (form_->most == 0 ? " takes no words" : " takes " + words) + ", and `" +
           out_.words[static_cast<size_t>(form_->most)] + "` stands there, too";
  }

  const std::vector<std::string>& arguments_;
  const std::vector<CommandForm>& forms_;
  const CommandForm* form_ = nullptr;
  size_t at_ = 0;
  Options out_;
};

}  // namespace

tl::expected<Options, std::string> parse_options(const std::vector<std::string>& arguments,
                                                 const std::vector<CommandForm>& forms) {
  return Parser(arguments, forms).parse();
}

std::string help_of(const CommandForm& form) {
  std::string out = "muster " + std::string(form.name) + (form.words.empty() ? "" : " " + std::string(form.words)) +
                    "\n\n" + std::string(form.summary) + "\n";
  if (!form.flags.empty()) out += "\noptions:\n";
  for (const Flag& flag : form.flags) out += flag_line(flag);
  out += "\neverywhere:\n";
  for (const Flag& flag : global_flags()) out += flag_line(flag);
  return out;
}

std::string help_of(const std::vector<CommandForm>& forms) {
  std::string out =
      "muster runs playbooks: procedures with approval gates and verify steps, journaled and resumable.\n\ncommands:\n";
  for (const CommandForm& form : forms)
    out += padded("  " + std::string(form.name) + (form.words.empty() ? "" : " " + std::string(form.words)), 34) +
           std::string(form.summary) + "\n";
  out += "\neverywhere:\n";
  for (const Flag& flag : global_flags()) out += flag_line(flag);
  return out + "\n`muster COMMAND --help` tells more of one.\n";
}

}  // namespace muster
