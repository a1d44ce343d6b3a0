// The constructs of a playbook that are more than a map of keys.
#include "interpreter/language/failure_limit.h"
#include "interpreter/reader/construct_reader.h"
#include "interpreter/reader/map_visitor.h"

namespace muster {

bool ConstructReader::read(const YamlNode& node, Approval& out, std::string_view key) {
  out.at = tree_.head(node);
  if (node.is_scalar() && node.is_plain() && tree_.text(node) == "true") return true;
  out.waived = node.is_scalar() && node.is_plain() && tree_.text(node) == "false";
  if (out.waived) return true;
  if (node.kind != YamlNode::Kind::map)
    return wrong_shape(node, key, "true or a map", "for a step without a gate leave `approval` out");
  read_map(node, out, "`approval`");
  return true;
}

bool ConstructReader::read_approver(const YamlNode& node, Approver& out) {
  if (!wants_literal(node, "approvers", "`group:NAME` or `user:NAME`")) return false;
  std::string_view text = tree_.text(node);
  out.at = tree_.span(node);
  size_t colon = text.find(':');
  std::string_view kind = text.substr(0, std::min(colon, text.size()));
  if (colon == std::string_view::npos || (kind != "group" && kind != "user") || colon + 1 == text.size()) {
    refuse(out.at, "bad-approver",
           "an approver is `group:NAME` or `user:NAME`, and `" + std::string(text) + "` stands here",
           colon == std::string_view::npos
               ? "write `group:" + std::string(text) + "` or `user:" + std::string(text) + "`"
               : "");
    return false;
  }
  out.kind = kind == "group" ? Approver::Kind::group : Approver::Kind::user;
  out.name = text.substr(colon + 1);
  return true;
}

bool ConstructReader::read(const YamlNode& node, Requirement& out, std::string_view) {
  bool has_people = false;
  const size_t before = problems_.size();
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    std::string_view what = tree_.text(name);
    if (!has_value(name, value)) return;
    if (what == "of") {
      has_people = true;
      if (!wants_list(value, what)) return;
      for (const YamlNode* item : value.children) {
        Approver approver;
        if (read_approver(*item, approver)) out.of.push_back(std::move(approver));
      }
    } else if (what == "count") {
      IntegerText count;
      if (!read(value, count, what)) return;
      if (count.known && *count.known >= 1 && *count.known <= 100) {
        out.count = *count.known;
      } else {
        refuse(tree_.span(value), "wrong-type", "`count` must be a whole number from 1 to 100");
      }
    } else if (what == "group" || what == "user") {  // `group: sre` with a space is a map
      refuse(tree_.span(node), "bad-approver",
             "an approver is one word: `" + std::string(what) + ":NAME` without a space",
             value.is_scalar() ? "write `" + std::string(what) + ":" + std::string(tree_.text(value)) + "`" : "");
      has_people = true;
    } else {
      refuse(tree_.span(name), "unknown-key", "`" + std::string(what) + "` is no key of an approver",
             "`of` and `count` are");
    }
  });
  if (!has_people) refuse(tree_.head(node), "missing-key", "an approver that is a map needs `of`", "");
  const bool only_users = std::all_of(out.of.begin(), out.of.end(),
                                      [](const Approver& approver) { return approver.kind == Approver::Kind::user; });
  if (problems_.size() == before && only_users && out.count > static_cast<int64_t>(out.of.size()))
    refuse(tree_.head(node), "bad-approver",
           "nobody can meet this: " + std::to_string(out.count) + " must agree, and `of` names " +
               std::to_string(out.of.size()),
           out.of.empty() ? "name who may, as in `of: [group:NAME]`" : "name more people, or ask for fewer");
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Requirement>& out, std::string_view key) {
  if (node.kind == YamlNode::Kind::map) {
    Requirement one;
    read(node, one, key);
    out.push_back(std::move(one));
    return true;
  }
  if (node.is_scalar()) {
    Requirement one;
    if (!read_approver(node, one.of.emplace_back())) return false;
    out.push_back(std::move(one));
    return true;
  }
  if (!wants_list(node, key)) return false;
  Requirement any_of_them;
  for (const YamlNode* item : node.children) {
    if (item->kind == YamlNode::Kind::map) {
      Requirement one;
      read(*item, one, key);
      out.push_back(std::move(one));
    } else {
      Approver approver;
      if (read_approver(*item, approver)) any_of_them.of.push_back(std::move(approver));
    }
  }
  if (!any_of_them.of.empty() && !out.empty())
    refuse(tree_.head(node), "bad-approver", "approvers are names, or maps with `of`, not both in one list",
           "write all of them as `{of: [...]}`");
  if (!any_of_them.of.empty()) out.push_back(std::move(any_of_them));
  if (node.children.empty())
    refuse(tree_.span(node), "bad-approver", "nobody can approve: the list is empty",
           "leave `approvers` out for anybody");
  return true;
}

bool ConstructReader::read(const YamlNode& node, Rollback& out, std::string_view key) {
  out.at = tree_.head(node);
  if (node.is_scalar() && tree_.text(node) == "auto") {
    out.automatic = true;
    return true;
  }
  if (node.is_scalar()) return wrong_shape(node, key, "`auto` or a list of steps");
  return read(node, out.steps, key);
}

bool ConstructReader::read(const YamlNode& node, Claim& out, std::string_view key) {
  if (node.kind == YamlNode::Kind::map) {
    bool named = false;
    each_entry(node, [&](const YamlNode& name, const YamlNode&) {
      std::string_view text = tree_.text(name);
      named = named || text == "that" || text == "name" || text == "severity";
    });
    if (named) {
      out.at = tree_.head(node);
      size_t before = problems_.size();
      read_map(node, out, "a claim");
      return problems_.size() == before;
    }
  }
  out.at = tree_.head(node);
  return read(node, out.that, key);
}

bool ConstructReader::read(const YamlNode& node, std::vector<Claim>& out, std::string_view key) {
  if (node.kind == YamlNode::Kind::list && node.children.empty()) {
    refuse(tree_.span(node), "no-value", "`" + std::string(key) + "` lists no claim, so that nothing could fail",
           "write what must be true, as in `that: [result.exit_code == 0]`");
    return false;
  }
  if (node.kind == YamlNode::Kind::list) return read_list(node, out, key);
  Claim one;
  if (!read(node, one, key)) return false;
  out.push_back(std::move(one));
  return true;
}

bool ConstructReader::read(const YamlNode& node, DoneWhen& out, std::string_view key) {
  if (node.kind != YamlNode::Kind::map)
    return wrong_shape(node, key, "a map with a read action, `that`, or both", "write `done_when: {that: ...}`");
  return read_construct(node, out, key);
}

bool ConstructReader::read(const YamlNode& node, Watch& out, std::string_view key) {
  if (node.kind != YamlNode::Kind::map)
    return wrong_shape(node, key, "a map with a read action and `that`",
                       "write `watch: {http: {get: ...}, that: result.status == 200}`");
  return read_construct(node, out, key);
}

bool ConstructReader::read(const YamlNode& node, ItemList& out, std::string_view key) {
  out.at = tree_.head(node);
  if (node.kind == YamlNode::Kind::list) {
    std::vector<Argument> items;
    if (!read(node, items, key)) return false;
    out.list = std::move(items);
    return true;
  }
  if (!node.is_scalar()) return wants_list(node, key);
  Expression list;
  if (!read(node, list, key)) return false;
  out.list = std::move(list);
  return true;
}

bool ConstructReader::read(const YamlNode& node, FailureLimit& out, std::string_view key) {
  constexpr std::string_view form = "a whole number or a percentage, as in `3` or `5%`";
  if (!wants_scalar(node, key, form) || !read(node, out.text, key)) return false;
  if (!out.text.is_constant()) return true;
  if (parse_failure_limit(out.text.constant_text(), out.count, out.percent)) return true;
  refuse(tree_.span(node), "wrong-type",
         "`" + std::string(key) + "` must be " + std::string(form) + ", and `" + std::string(tree_.text(node)) +
             "` stands here");
  return false;
}

bool ConstructReader::read(const YamlNode& node, Step& out, std::string_view) {
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, "steps", "a list of steps, each a map");
  out.at = tree_.span(node);
  read_map(node, out, "a step");
  if (out.approval && out.approval->waived) {
    out.ungated = out.approval->at;
    out.approval.reset();
  }
  return true;
}

bool ConstructReader::read(const YamlNode& node, Option& out, std::string_view) {
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, "options", "a list of options, each a map");
  out.step.at = tree_.span(node);
  read_map(node, out, "an option");
  return true;
}

bool ConstructReader::read(const YamlNode& node, Phase& out, std::string_view) {
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, "phases", "a list of phases, each a map");
  out.at = tree_.span(node);
  read_map(node, out, "a phase");
  return true;
}

bool ConstructReader::read(const YamlNode& node, Lock& out, std::string_view key) {
  out.at = tree_.head(node);
  return read(node, out.name, key);
}

bool ConstructReader::read(const YamlNode& node, Locks& out, std::string_view key) {
  out.at = tree_.head(node);
  if (node.is_scalar())
    return wrong_shape(node, key, "a list of names", "write `locks: [" + std::string(tree_.text(node)) + "]`");
  if (node.kind == YamlNode::Kind::list) return read(node, out.names, key);
  read_map(node, out, "`locks`");
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Input>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    Input input;
    input.name = name_of(name);
    input.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, input.name.text, "a map", "write `" + input.name.text + ": {type: string}`");
      return;
    }
    read_map(value, input, "an input");
    out.push_back(std::move(input));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<SecretDeclaration>& out, std::string_view key) {
  constexpr std::string_view form = "it is `{env: NAME}`, `{file: PATH}` or `{command: [PROGRAM, ARGUMENT]}`";
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    SecretDeclaration secret;
    secret.name = name_of(name);
    secret.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, secret.name.text, "a map", std::string(form));
      out.push_back(std::move(secret));  // its name is known: expressions that read it are not wrong
      return;
    }
    size_t before = problems_.size();
    read_map(value, secret, "a secret");
    std::vector<Name> sources;
    each_entry(value, [&](const YamlNode& word, const YamlNode&) {
      if (std::string_view text = tree_.text(word); text == "env" || text == "file" || text == "command")
        sources.push_back(name_of(word));
    });
    if (sources.size() > 1)
      refuse(sources[1].at, "bad-secret", "`" + secret.name.text + "` comes from one place, and two are given",
             "keep one of them", {{sources[0].at, "`" + sources[0].text + "` is given here"}});
    if (sources.empty() && problems_.size() == before)
      refuse(secret.at, "bad-secret", "`" + secret.name.text + "` does not say where it comes from", std::string(form));
    out.push_back(std::move(secret));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<ConnectionDeclaration>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    ConnectionDeclaration declaration;
    declaration.name = name_of(name);
    declaration.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, declaration.name.text, "a map", "write `" + declaration.name.text + ": {sqlite: PATH}`");
      return;
    }
    read(value, declaration.settings, declaration.name.text);
    for (const Entry& setting : declaration.settings) {
      if (!find_connection_kind(setting.key.text)) continue;
      if (declaration.kind.text.empty()) {
        declaration.kind = setting.key;
      } else {
        refuse(setting.key.at, "bad-connection",
               "`" + declaration.name.text + "` is a connection of kind `" + declaration.kind.text + "` already",
               "give each connection a name of its own");
      }
    }
    std::erase_if(declaration.settings, [&](const Entry& setting) {
      return find_connection_kind(setting.key.text) && setting.key.text != declaration.kind.text;
    });
    if (declaration.kind.text.empty()) {
      std::string first = declaration.settings.empty() ? "" : declaration.settings.front().key.text;
      std::vector<std::string_view> kinds;
      for (const ConnectionKind& kind : connection_kinds()) kinds.push_back(kind.name);
      std::string_view near = nearest(first, kinds);
      refuse(declaration.settings.empty() ? declaration.at : declaration.settings.front().key.at, "bad-connection",
             "`" + declaration.name.text + "` has no kind of connection",
             near.empty() ? "kinds are `sqlite`, `postgres`, `http`, `s3` and `ssh`"
                          : "did you mean `" + std::string(near) + "`?");
    }
    out.push_back(std::move(declaration));
  });
  return true;
}

}  // namespace muster
