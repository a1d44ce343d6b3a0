// The constructs of the configuration, and `evidence`, which is a map by free names as well.
#include "interpreter/reader/construct_reader.h"
#include "interpreter/reader/map_visitor.h"

namespace muster {

bool ConstructReader::read(const YamlNode& node, std::vector<GroupOfPeople>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    GroupOfPeople group;
    group.name = name_of(name);
    if (read(value, group.members, group.name.text)) out.push_back(std::move(group));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Evidence>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    Evidence evidence;
    evidence.name = name_of(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, evidence.name.text, "a map with one read action",
                  "write `" + evidence.name.text + ": {sql: {...}}`");
      return;
    }
    read_map(value, evidence, "a piece of evidence");
    out.push_back(std::move(evidence));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Person>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    Person person;
    person.name = name_of(name);
    person.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, person.name.text, "a map", "write `" + person.name.text + ": {users: [...]}`");
      return;
    }
    read_map(value, person, "a person");
    out.push_back(std::move(person));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, KeptText& out, std::string_view key) {
  out.at = tree_.head(node);
  if (node.is_scalar()) {
    std::string text;
    if (!read(node, text, key)) return false;
    out.text = std::move(text);
    return true;
  }
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, key, "text, `{env: NAME}` or `{file: PATH}`");
  read_map(node, out, "`" + std::string(key) + "`");
  if (out.env.has_value() == out.file.has_value())
    refuse(out.at, "bad-channel", "`" + std::string(key) + "` is text, `{env: NAME}` or `{file: PATH}`",
           "give one of them");
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<KeptHeader>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    KeptHeader header;
    header.name = name_of(name);
    if (read(value, header.value, header.name.text)) out.push_back(std::move(header));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Channel>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    Channel channel;
    channel.name = name_of(name);
    channel.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, channel.name.text, "a map", "write `" + channel.name.text + ": {webhook: URL}`");
      return;
    }
    read_map(value, channel, "a channel");
    out.push_back(std::move(channel));
  });
  return true;
}

}  // namespace muster
