// Two readers of YAML, one verdict: ours (yaml-cpp's events under our limits) beside libfyaml, which shares no line
// with it.
//
// Texts: corpus.txt, the golden files, the playbooks. Where both read a text they must see the same tree: kinds and
// decoded scalars. Where only one does, the difference stands in a list below with its reason, or the test fails; an
// entry that no text needs any more fails, too.
#include <gtest/gtest.h>
#include <libfyaml.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "interpreter/reader/yaml_tree.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

// What we refuse on purpose, by code: YAML allows it, and the language does not (docs/errors.md).
const std::map<std::string, std::string> refused_on_purpose = {
    {"tag", "the language has no tags"},
    {"merge-key", "`<<` is not part of YAML 1.2, and what it means differs from tool to tool"},
    {"second-document", "one file, one playbook"},
    {"bad-key", "keys are text"},
    {"map-of-nulls", "a key without a value is hardly meant"},
    {"alias-cycle", "a value that holds itself"},
    {"too-many-values", "aliases that stand for more than any playbook holds"},
    {"too-many-aliases", "more than 1,000 aliases"},
    {"too-deep", "nested more than 64 deep"},
    {"too-large", "more than fits"},
    {"bad-character", "characters that people cannot see"},
    {"empty-file", "a file without a value"},
    {"flow-comma", "half an expression, cut at a comma"},
    {"flow-syntax", "text that editors and other readers take apart differently inside brackets"},
    {"comment", "a comment where text was meant"},
};

// What only one of them reads, or both read differently: by text, with the reason.
const std::map<std::string, std::string> known_differences = {
    {"block-folded-keep-auto-tail", "yaml-cpp drops one of the line ends that `>+` keeps at the end"},
    {"block-folded-keep-2-tail", "yaml-cpp drops one of the line ends that `>+` keeps at the end"},
    {"flow-double-comma", "an item without text is a null to yaml-cpp; whoever reads the list refuses it (`no-value`)"},
    {"flow-comma-first", "an item without text is a null to yaml-cpp; whoever reads the list refuses it (`no-value`)"},
    {"map-no-colon", "a key without a colon has no value to yaml-cpp; whoever reads the map refuses it"},
    {"tab-blank-line", "we refuse every tab that begins a line, also where nothing follows"},
    {"comment-without-space-behind-quote", "the quote has ended the value: nothing of it is lost"},
    {"anchor-missing", "libfyaml resolves aliases later, where it is asked to"},
    {"anchor-later", "libfyaml takes an anchor that comes later; YAML wants it before"},
};

struct Text {
  std::string name, text;
};

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

std::vector<Text> all_texts() {
  const fs::path root = MUSTER_SOURCE_DIR;
  std::vector<Text> texts;
  std::istringstream corpus(contents(root / "tests/differential/corpus.txt"));
  for (std::string line; std::getline(corpus, line);) {
    if (line.starts_with("===== ")) {
      texts.push_back({line.substr(6), ""});
    } else if (!texts.empty()) {
      texts.back().text += line + "\n";
    }
  }
  for (Text& text : texts) {
    replace_all(text.text, "<CR>", "\r");
    replace_all(text.text, "<TAB>", "\t");
    replace_all(text.text, "<BOM>", "\xef\xbb\xbf");
    replace_all(text.text, "<EOF>\n", "");
  }
  for (const char* folder : {"tests/golden", "playbooks", "tests/fuzz/found"})
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root / folder))
      if (entry.path().extension() == ".yaml")
        texts.push_back({entry.path().filename().string(), contents(entry.path())});
  return texts;
}

// A tree in one line: `{"a": ["b", null]}`, with scalars as they are decoded.
std::string shown(std::string_view scalar) { return "<" + std::string(scalar) + ">"; }

std::string tree_of(const YamlTree& tree, const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "null";
    case YamlNode::Kind::scalar:
      return shown(tree.text(node));
    case YamlNode::Kind::list:
      for (const YamlNode* item : node.children) out += (out.empty() ? "" : ", ") + tree_of(tree, *item);
      return "[" + out + "]";
    case YamlNode::Kind::map:
      for (size_t i = 0; i + 1 < node.children.size(); i += 2)
        out +=
            (out.empty() ? "" : ", ") + tree_of(tree, *node.children[i]) + ": " + tree_of(tree, *node.children[i + 1]);
      return "{" + out + "}";
  }
  return out;
}

std::string tree_of(fy_node* node) {
  if (!node) return "null";
  std::string out;
  void* at = nullptr;
  switch (fy_node_get_type(node)) {
    case FYNT_SCALAR: {
      if (fy_node* target = fy_node_is_alias(node) ? fy_node_resolve_alias(node) : nullptr) return tree_of(target);
      size_t length = 0;
      const char* text = fy_node_get_scalar(node, &length);
      std::string_view scalar(text ? text : "", length);
      bool is_plain = fy_node_get_style(node) == FYNS_PLAIN;
      // The core schema's nulls, as our tree has them.
      if (is_plain && (scalar.empty() || scalar == "~" || scalar == "null" || scalar == "Null" || scalar == "NULL"))
        return "null";
      return shown(scalar);
    }
    case FYNT_SEQUENCE:
      while (fy_node* item = fy_node_sequence_iterate(node, &at)) out += (out.empty() ? "" : ", ") + tree_of(item);
      return "[" + out + "]";
    case FYNT_MAPPING:
      while (fy_node_pair* pair = fy_node_mapping_iterate(node, &at))
        out += (out.empty() ? "" : ", ") + tree_of(fy_node_pair_key(pair)) + ": " + tree_of(fy_node_pair_value(pair));
      return "{" + out + "}";
  }
  return out;
}

struct Verdict {
  bool is_read = false;
  std::string tree, why;
};

Verdict ours(const std::string& text) {
  SourceFiles files;
  uint32_t file = files.add({"t.yaml", text, ""});
  Diagnostics problems;
  std::optional<YamlTree> tree = YamlTree::parse(files, file, problems);
  for (const Diagnostic& problem : problems)
    if (problem.severity == Severity::error) return {false, "", problem.code};
  if (!tree) return {false, "", "nothing"};
  return {true, tree_of(*tree, tree->root()), ""};
}

Verdict theirs(const std::string& text) {
  struct Closer {
    void operator()(fy_document* document) const { fy_document_destroy(document); }
    void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
  };
  fy_parse_cfg settings{};
  settings.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_DEFAULT_VERSION_1_2);
  std::unique_ptr<fy_parser, Closer> parser(fy_parser_create(&settings));
  if (!parser || fy_parser_set_string(parser.get(), text.data(), text.size()) != 0) return {false, "", "refused"};
  std::unique_ptr<fy_document, Closer> document(fy_parse_load_document(parser.get()));
  if (!document || fy_parser_get_stream_error(parser.get())) return {false, "", "refused"};
  if (std::unique_ptr<fy_document, Closer> second(fy_parse_load_document(parser.get())); second)
    return {true, "", "two documents"};
  if (fy_parser_get_stream_error(parser.get())) return {false, "", "refused"};
  return {true, tree_of(fy_document_root(document.get())), ""};
}

TEST(Readers, SeeTheSameInEveryText) {
  std::vector<Text> texts = all_texts();
  ASSERT_GE(texts.size(), 300u);
  std::set<std::string> needed;
  size_t read_by_both = 0, refused_by_both = 0;
  for (const Text& text : texts) {
    Verdict mine = ours(text.text);
    if (!mine.is_read && refused_on_purpose.contains(mine.why)) {
      needed.insert(mine.why);
      continue;
    }
    Verdict other = theirs(text.text);
    bool same = mine.is_read == other.is_read && mine.tree == other.tree;
    if (same) {
      ++(mine.is_read ? read_by_both : refused_by_both);
      EXPECT_FALSE(known_differences.contains(text.name)) << text.name << " is no difference any more";
      continue;
    }
    EXPECT_TRUE(known_differences.contains(text.name))
        << text.name << "\n"
        << text.text << "\nours:   " << (mine.is_read ? mine.tree : mine.why)
        << "\ntheirs: " << (other.is_read ? other.tree : other.why);
  }
  EXPECT_GE(read_by_both, 150u);
  EXPECT_GE(refused_by_both, 20u);
}

}  // namespace
}  // namespace muster
