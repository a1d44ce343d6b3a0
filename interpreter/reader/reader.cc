#include "interpreter/reader/reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>
#include <tuple>

#include "interpreter/base/unique_fd.h"
#include "interpreter/language/enough.h"
#include "interpreter/language/identity.h"
#include "interpreter/reader/construct_reader.h"
#include "interpreter/reader/map_visitor.h"
#include "interpreter/reader/yaml_tree.h"

namespace muster {
namespace {

// A value that stands behind several aliases is read several times; what is wrong with it is said once.
void drop_repeated(Diagnostics& problems, size_t from) {
  std::set<std::tuple<uint32_t, std::string, std::string>> seen;
  auto repeated = [&](const Diagnostic& d) { return !seen.emplace(d.at.begin, d.code, d.message).second; };
  problems.erase(std::remove_if(problems.begin() + static_cast<ptrdiff_t>(from), problems.end(), repeated),
                 problems.end());
}

bool root_is_map(const YamlTree& tree, std::string_view what, Diagnostics& problems) {
  if (tree.root().kind == YamlNode::Kind::map) return true;
  problems.push_back({Severity::error,
                      "wrong-shape",
                      tree.head(tree.root()),
                      std::string(what) + " is a map of keys, and this is not",
                      what == "a playbook" ? "begin with `muster: 1`" : "",
                      {}});
  return false;
}

// Here and not in the checker, because only the tree knows where the version stands.
void check_more(const Playbook& playbook, const YamlTree& tree, Diagnostics& problems) {
  if (!playbook.version || is_semantic_version(*playbook.version)) return;
  const std::span<const YamlNode* const> keys = tree.root().children;
  for (size_t i = 0; i + 1 < keys.size(); i += 2) {
    if (!keys[i]->is_scalar() || tree.text(*keys[i]) != "version") continue;
    problems.push_back({Severity::error,
                        "bad-version",
                        tree.span(*keys[i + 1]),
                        "`version` must be a semantic version, and `" + *playbook.version + "` is none",
                        "write three numbers, as in `1.4.0`",
                        {}});
    return;
  }
}
void check_channel(const Channel& channel, Diagnostics& problems) {
  auto refuse = [&](std::string message, std::string help) {
    problems.push_back({Severity::error, "bad-channel", channel.at, std::move(message), std::move(help), {}});
  };
  const std::string name = "`" + channel.name.text + "`";
  const int kinds = channel.webhook.has_value() + channel.slack.has_value() + channel.smtp.has_value();
  if (kinds != 1)
    return refuse("a channel is `webhook`, `slack` or `smtp`, and " + name + " is " + (kinds == 0 ? "none" : "several"),
                  "write one of them, as in `" + channel.name.text + ": {webhook: https://HOST/PATH}`");
  const bool mail_words = channel.from || !channel.to.empty() || channel.user || channel.password;
  if (!channel.smtp && mail_words)
    return refuse("`from`, `to`, `user` and `password` belong to `smtp`, and " + name + " is a webhook",
                  "leave them out");
  if (!channel.webhook && !channel.headers.empty()) return refuse("`headers` belong to `webhook`", "leave them out");
  if (!channel.smtp) return;
  if (!channel.from || channel.to.empty())
    return refuse(name + " sends mail, and needs `from` and `to`", "write `from: muster@HOST` and `to: [...]`");
  auto plain = [](std::string_view address) {
    return address.find('@') != std::string_view::npos && address.find_first_of(" \t\r\n<>,") == std::string_view::npos;
  };
  for (const Name& address : channel.to)
    if (!plain(address.text)) refuse("`" + address.text + "` is no address of mail", "write `NAME@HOST` alone");
  if (!plain(*channel.from)) refuse("`" + *channel.from + "` is no address of mail", "write `NAME@HOST` alone");
  if (!channel.smtp->starts_with("smtp://") && !channel.smtp->starts_with("smtps://"))
    refuse("`" + *channel.smtp + "` is no mail server", "write `smtps://HOST` or `smtp://HOST`");
  if (channel.user.has_value() != channel.password.has_value())
    refuse("`user` and `password` belong together", "give both, or neither");
}

// An account is one person's; who signs must be known by a key.
void check_people(const Configuration& configuration, Diagnostics& problems) {
  std::map<std::string, Span> seen;
  bool any_key = false;
  for (const Person& person : configuration.people) {
    any_key = any_key || !person.keys.empty();
    std::vector<Name> accounts = person.users;
    if (std::none_of(accounts.begin(), accounts.end(), [&](const Name& a) { return a.text == person.name.text; }))
      accounts.push_back(person.name);
    for (const Name& account : accounts) {
      auto [first, is_new] = seen.emplace(account.text, account.at);
      if (!is_new)
        problems.push_back({Severity::error,
                            "one-person",
                            account.at,
                            "the account `" + account.text + "` is somebody's already",
                            "an account is one person's",
                            {{first->second, "named here first"}}});
    }
    for (const std::string& key : person.keys) {
      const bool one_line = key.find_first_of("\r\n") == std::string::npos;
      const bool has_type = key.starts_with("ssh-") || key.starts_with("ecdsa-") || key.starts_with("sk-");
      if (!one_line || !has_type || key.find(' ') == std::string::npos)
        problems.push_back({Severity::error,
                            "bad-key",
                            person.at,
                            "a key of `" + person.name.text + "` is no SSH public key",
                            "copy the line of its `.pub` file: `ssh-ed25519 AAAA...`",
                            {}});
    }
  }
  if (configuration.requires_signatures() && !any_key)
    problems.push_back({Severity::error,
                        "bad-key",
                        configuration.gates->signatures->at,
                        "signatures are required, and nobody has a key",
                        "give keys under `people`: `NAME: {keys: [\"ssh-ed25519 AAAA...\"]}`",
                        {}});
}

void check_more(const Configuration& configuration, const YamlTree&, Diagnostics& problems) {
  // Nothing has a value yet where this is read.
  auto literal = [&problems](const auto& value, std::string_view key) {
    if (value && !value->known && !value->text.is_constant())
      problems.push_back({Severity::error,
                          "literal-only",
                          value->text.at,
                          "`" + std::string(key) + "` of the configuration is fixed text",
                          "write it out",
                          {}});
  };
  auto one_word = [&problems](const std::optional<Name>& value, std::string_view key, std::string_view word) {
    if (value && value->text != word)
      problems.push_back(
          {Severity::error,
           "bad-choice",
           value->at,
           "`" + std::string(key) + "` can be `" + std::string(word) + "`, and `" + value->text + "` stands here",
           "leave it out for the other way",
           {}});
  };
  if (configuration.gates) {
    one_word(configuration.gates->self_approval, "self_approval", "allowed");
    one_word(configuration.gates->signatures, "signatures", "required");
  }
  for (const Channel& channel : configuration.channels) check_channel(channel, problems);
  check_people(configuration, problems);
  if (!configuration.retention) return;
  literal(configuration.retention->older, "older");
  literal(configuration.retention->keep, "keep");
}

void check_more(const WrittenScenario&, const YamlTree&, Diagnostics&) {}  // rehearsal/reading.h sees to it

template <class T>
std::optional<T> read_file(const SourceFiles& files, uint32_t file, std::string_view what, Diagnostics& problems) {
  size_t before = problems.size();
  std::optional<YamlTree> tree = YamlTree::parse(files, file, problems);
  tell_no_more(problems);
  if (!tree || !root_is_map(*tree, what, problems)) return std::nullopt;
  T read{};
  read.at = tree->head(tree->root());
  ConstructReader(*tree, problems).read_map(tree->root(), read, what);
  check_more(read, *tree, problems);
  drop_repeated(problems, before);
  tell_no_more(problems);
  return read;
}

Value value_of(const YamlTree& tree, const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return Null{};
    case YamlNode::Kind::scalar:
      return tree.text(node);
    case YamlNode::Kind::list: {
      List list;
      for (const YamlNode* item : node.children) list.push_back(value_of(tree, *item));
      return list;
    }
    case YamlNode::Kind::map: {
      Map map;
      for (size_t i = 0; i + 1 < node.children.size(); i += 2)
        if (node.children[i]->is_scalar())
          map.emplace(tree.text(*node.children[i]), value_of(tree, *node.children[i + 1]));
      return map;
    }
  }
  return Null{};
}

}  // namespace

namespace {

// What somebody may have meant who typed the name of a playbook or of a scenario, and not its file.
std::string file_meant_by(const std::string& path) {
  const size_t slash = path.rfind('/');
  const size_t name = slash == std::string::npos ? 0 : slash + 1;
  for (const std::string& file : {path + ".muster.yaml", path + ".scenario.yaml",
                                  path.substr(0, name) + "scenarios/" + path.substr(name) + ".scenario.yaml"})
    if (::access(file.c_str(), F_OK) == 0) return "; did you mean `" + file + "`?";
  return {};
}

}  // namespace

tl::expected<std::string, std::string> read_source(const std::string& path) {
  constexpr size_t most_bytes = YamlLimits{}.bytes;
  // Without blocking: a named pipe would wait for a writer before we could see what it is.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const int problem = errno;
    return tl::unexpected(path + ": " + std::strerror(problem) + (problem == ENOENT ? file_meant_by(path) : ""));
  }
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0) return tl::unexpected(path + ": " + std::strerror(errno));
  if (S_ISDIR(about.st_mode)) return tl::unexpected(path + " is a folder, not a file");
  if (!S_ISREG(about.st_mode)) return tl::unexpected(path + " is not a regular file");
  std::string text;
  size_t expected = static_cast<size_t>(std::max<off_t>(about.st_size, 0));
  if (expected > most_bytes)
    return tl::unexpected(path + " has " + std::to_string(expected) + " bytes, more than " +
                          std::to_string(most_bytes));
  text.resize(expected + 1);  // one more, so that a file that grows is noticed
  size_t got = 0;
  while (true) {
    if (got == text.size()) {
      if (got > most_bytes)
        return tl::unexpected(path + " grew beyond " + std::to_string(most_bytes) + " bytes while it was read");
      text.resize(std::min(text.size() * 2, most_bytes + 1));
    }
    ssize_t n = ::read(fd.get(), text.data() + got, text.size() - got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(path + ": " + std::strerror(errno));
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  text.resize(got);
  return text;
}

std::optional<Playbook> read_playbook(const SourceFiles& files, uint32_t file, Diagnostics& problems) {
  std::optional<Playbook> playbook = read_file<Playbook>(files, file, "a playbook", problems);
  if (playbook) playbook->file = file;
  return playbook;
}

std::optional<Configuration> read_configuration(const SourceFiles& files, uint32_t file, Diagnostics& problems) {
  std::string_view text = files.at(file).text;
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return Configuration{};  // all is as it comes
  return read_file<Configuration>(files, file, "a configuration", problems);
}

std::optional<WrittenScenario> read_written_scenario(const SourceFiles& files, uint32_t file, Diagnostics& problems) {
  return read_file<WrittenScenario>(files, file, "a scenario", problems);
}

std::optional<Map> read_values(const SourceFiles& files, uint32_t file, Diagnostics& problems) {
  std::optional<YamlTree> tree = YamlTree::parse(files, file, problems);
  if (!tree || !root_is_map(*tree, "a file of values", problems)) return std::nullopt;
  return value_of(*tree, tree->root()).get<Map>();
}

}  // namespace muster
