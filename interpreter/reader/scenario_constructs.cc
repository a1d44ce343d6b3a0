// The constructs of scenario files.
#include "interpreter/reader/construct_reader.h"
#include "interpreter/reader/map_visitor.h"

namespace muster {

bool ConstructReader::read(const YamlNode& node, std::vector<WrittenDatabase>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    WrittenDatabase database;
    database.name = name_of(name);
    database.at = tree_.span(name);
    if (value.kind != YamlNode::Kind::map) {
      wrong_shape(value, database.name.text, "a map", "write `" + database.name.text + ": {path: ..., schema: ...}`");
      return;
    }
    read_map(value, database, "a database");
    out.push_back(std::move(database));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, WrittenFiles& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!has_value(name, value)) return;
    WrittenFile file;
    file.path = name_of(name);
    file.at = tree_.span(name);
    if (value.kind == YamlNode::Kind::map) {
      read_map(value, file, "a file");
    } else if (!read(value, file.content.emplace(), file.path.text)) {
      return;
    }
    out.push_back(std::move(file));
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, WrittenPerson& out, std::string_view key) {
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, key, "maps", "write `- {user: ..., gate: ...}`");
  out.at = tree_.head(node);
  read_map(node, out, "a person");
  return true;
}

bool ConstructReader::read(const YamlNode& node, WrittenFault& out, std::string_view key) {
  if (node.kind != YamlNode::Kind::map) return wrong_shape(node, key, "maps", "write `- {step: ..., kind: ...}`");
  out.at = tree_.head(node);
  read_map(node, out, "a fault");
  return true;
}

bool ConstructReader::read(const YamlNode& node, WrittenExpectation& out, std::string_view key) {
  return read_construct(node, out, key);
}

}  // namespace muster
