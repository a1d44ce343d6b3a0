#include "interpreter/reader/yaml_tree.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <istream>
#include <streambuf>
#include <unordered_map>

#include "interpreter/language/enough.h"
#include "interpreter/reader/source_guard.h"
#include "interpreter/reader/yaml_errors.h"
#include "interpreter/reader/yaml_scalar.h"

namespace muster {
namespace {

// A stream over bytes that stay where they are.
struct ViewBuffer : std::streambuf {
  explicit ViewBuffer(std::string_view text) {
    char* begin = const_cast<char*>(text.data());  // streambuf wants it so; it is only read
    setg(begin, begin, begin + text.size());
  }
};

struct Stop {};  // leaves the library once a limit is broken; what to say has been said

}  // namespace

class YamlEvents final : public YAML::EventHandler {
 public:
  YamlEvents(YamlTree& tree, uint32_t offset, const YamlLimits& limits, Diagnostics& problems)
      : tree_(tree), offset_(offset), limits_(limits), problems_(problems) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ < 2) return;
    uint32_t at = position(mark);
    size_t line = tree_.source_.find('\n', at);
    uint32_t end = static_cast<uint32_t>(std::min(line, tree_.source_.size()));
    if (tree_.source_.substr(at).starts_with("---")) {
      refuse(at, end, "second-document", "a second document begins here, and a file holds one playbook",
             "put it into a file of its own");
    } else {
      refuse(at, end, "trailing-text", "the document has ended above this line: what follows would be lost",
             "check the indentation: keys of one map begin in the same column");
    }
    throw Stop{};
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    uint32_t at = position(mark);
    YamlNode& node = make(YamlNode::Kind::null, at);
    node.written = is_written_null(at);
    if (node.written) {
      node.end = at + (tree_.source_[at] == '~' ? 1 : 4);
      last_end_ = node.end;
    } else if (!open_.empty() && last_end_ < at) {
      // The library points at what comes next; the missing value stands behind its dash, or behind its key.
      node.begin = node.end = last_end_;
      if (innermost().kind == YamlNode::Kind::list && !innermost().is_flow()) {
        size_t dash = tree_.source_.substr(0, at).find('-', last_end_);
        if (dash != std::string_view::npos) node.begin = static_cast<uint32_t>(dash);
        node.end = node.begin + 1;
        last_end_ = node.end;
      }
    }
    remember(anchor, node);
    count(node, 1);
    add(node);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    uint32_t at = position(mark);
    uint32_t end = at + 1;
    while (end < size() && std::string_view(" \t\r\n,]}").find(tree_.source_[end]) == std::string_view::npos) ++end;
    last_end_ = end;
    if (++aliases_ > limits_.aliases) {
      refuse(at, end, "too-many-aliases", "more than " + std::to_string(limits_.aliases) + " aliases", "");
      throw Stop{};
    }
    auto target = anchors_.find(anchor);  // the library refuses unknown names itself
    if (target == anchors_.end()) throw Stop{};
    if (target->second->open) {
      refuse(at, end, "alias-cycle", "this alias stands inside the value that it names", "");
      throw Stop{};
    }
    if (!open_.empty() && innermost().kind == YamlNode::Kind::map && wants_key())
      refuse(at, end, "bad-key", "a key cannot be an alias", "write the key out");
    count(*target->second, target->second->expanded);
    add(*target->second);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& written) override {
    uint32_t at = check_properties(mark, tag, anchor);
    YamlNode& node = make(YamlNode::Kind::scalar, at);
    node.refused = at != position(mark) && tagged_;
    std::string mended;
    if (tree_.source_[std::min<size_t>(at, tree_.source_.size() - 1)] == '"') mended = with_whole_escapes(written);
    const std::string& value = mended.empty() ? written : mended;
    ScalarPlace place = place_scalar(tree_.source_, at, value);
    node.style = place.style;
    node.end = place.end;
    if (node.is_quoted() && !place.exact && !is_closed_quote(tree_.source_, at)) {
      refuse(at, at + 1, "yaml-syntax", "the quote that opens here is never closed", "");
      throw Stop{};
    }
    if (!place.verbatim) node.decoded = &tree_.decoded_.emplace_back(value);
    last_end_ = node.end;
    remember(anchor, node);
    count(node, 1);
    add(node);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::list, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    open(YamlNode::Kind::map, mark, tag, anchor, style);
  }
  void OnMapEnd() override { close(); }

  Diagnostic explain_failure(const YAML::Mark& mark, const std::string& message) const {
    YamlFailure failure;
    failure.source = tree_.source_;
    failure.file = tree_.file_;
    failure.at = position(mark);
    failure.message = message;
    failure.last_end = last_end_;
    for (const Open& open : open_)
      if (open.node->is_flow() &&
          std::string_view("[{").find(tree_.source_[open.node->begin]) != std::string_view::npos)
        failure.open_bracket = open.node->begin;
    return explain(failure);
  }

 private:
  uint32_t size() const { return static_cast<uint32_t>(tree_.source_.size()); }
  uint32_t position(const YAML::Mark& mark) const {
    return mark.pos < 0 ? 0 : std::min(static_cast<uint32_t>(mark.pos) + offset_, size());
  }

  void refuse(uint32_t begin, uint32_t end, std::string code, std::string message, std::string help,
              std::vector<Note> notes = {}) {
    if (is_enough(problems_)) throw Stop{};
    problems_.push_back({Severity::error,
                         std::move(code),
                         {tree_.file_, begin, end},
                         std::move(message),
                         std::move(help),
                         std::move(notes)});
  }

  YamlNode& make(YamlNode::Kind kind, uint32_t at) {
    YamlNode& node = *tree_.nodes_.take(1);
    node.kind = kind;
    node.begin = node.end = at;
    return node;
  }

  void remember(YAML::anchor_t anchor, YamlNode& node) {
    if (anchor != 0) anchors_[anchor] = &node;
  }

  void count(const YamlNode& node, uint64_t values) {
    total_ += values;
    if (total_ <= limits_.nodes) return;
    refuse(node.begin, node.end, "too-many-values",
           "more than " + std::to_string(limits_.nodes) + " values, those behind aliases counted each time", "");
    throw Stop{};
  }

  void add(const YamlNode& node) {
    if (open_.empty()) {
      tree_.root_ = &node;
      return;
    }
    children_.push_back(&node);
    YamlNode& parent = innermost();
    parent.expanded += node.expanded;
    parent.end = std::max(parent.end, last_end_);
  }

  void open(YamlNode::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            YAML::EmitterStyle::value style) {
    uint32_t at = check_properties(mark, tag, anchor);
    YamlNode& node = make(kind, at);
    node.style = style == YAML::EmitterStyle::Flow ? YamlNode::Style::flow : YamlNode::Style::block;
    node.open = true;
    last_end_ = std::max(last_end_, at);
    remember(anchor, node);
    count(node, 1);
    open_.push_back({&node, children_.size()});
    if (open_.size() > limits_.depth) {
      refuse(at, at + 1, "too-deep", "values are nested more than " + std::to_string(limits_.depth) + " deep", "");
      throw Stop{};
    }
  }

  void close() {
    const auto [closed, first] = open_.back();
    YamlNode& node = *closed;
    const size_t count = children_.size() - first;
    const YamlNode** kept = tree_.links_.take(count);
    std::copy(children_.begin() + static_cast<ptrdiff_t>(first), children_.end(), kept);
    node.children = {kept, count};
    children_.resize(first);
    if (node.kind == YamlNode::Kind::map) check_keys(node);
    open_.pop_back();
    node.open = false;
    char opener = node.begin < size() ? tree_.source_[node.begin] : '\0';
    if (node.is_flow() && (opener == '[' || opener == '{')) {
      uint32_t from = std::max(node.end, node.begin + 1);
      size_t end = tree_.source_.find(opener == '[' ? ']' : '}', from);
      node.end = end == std::string_view::npos ? from : static_cast<uint32_t>(end + 1);
      last_end_ = node.end;
    } else {
      node.end = std::max(node.end, node.begin);
    }
    add(node);
  }

  void check_keys(const YamlNode& map) {
    std::unordered_map<std::string_view, const YamlNode*> seen;
    size_t keys = map.children.size() / 2;
    if (keys > 8) seen.reserve(keys);
    for (size_t i = 0; i + 1 < map.children.size(); i += 2) {
      const YamlNode& key = *map.children[i];
      if (key.kind == YamlNode::Kind::null) {
        refuse(key.begin, key.end, "bad-key", "a key is missing here, or `null` stands for it", "quote the key");
        continue;
      }
      if (!key.is_scalar()) {
        refuse(key.begin, std::max(key.end, key.begin + 1), "bad-key",
               "a key must be text, and a list or a map stands here",
               "quote the key; inside brackets a value with braces is quoted, too");
        continue;
      }
      std::string_view name = tree_.text(key);
      if (name == "<<" && key.is_plain()) {
        refuse(key.begin, key.end, "merge-key", "merge keys (`<<`) are not part of the language", "write the keys out");
        continue;
      }
      const YamlNode* first = nullptr;
      if (keys <= 8) {
        for (size_t j = 0; j < i && !first; j += 2)
          if (map.children[j]->is_scalar() && tree_.text(*map.children[j]) == name) first = map.children[j];
      } else if (auto [it, is_new] = seen.emplace(name, &key); !is_new) {
        first = it->second;
      }
      if (first)
        refuse(key.begin, key.end, "duplicate-key", "`" + std::string(name) + "` is given twice in one map", "",
               {{{tree_.file_, first->begin, first->end}, "first given here"}});
    }
  }

  uint32_t check_properties(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    uint32_t at = position(mark);
    char first = at < size() ? tree_.source_[at] : '\0';
    const std::string_view name = tag;
    bool tagged = name != "?" && !name.empty() && (name != "!" || first == '!' || first == '&');
    uint32_t content = anchor != 0 || tagged ? skip_properties(tree_.source_, at) : at;
    tagged_ = tagged;
    if (!tagged) return content;
    size_t sign = tree_.source_.substr(at, content - at).find('!');
    if (sign == std::string_view::npos) return content;
    uint32_t begin = at + static_cast<uint32_t>(sign);
    uint32_t end = begin;
    while (end < content && std::string_view(" \t\r\n").find(tree_.source_[end]) == std::string_view::npos) ++end;
    std::string written(tree_.source_.substr(begin, end - begin));
    refuse(begin, end, "tag", "YAML reads `" + written + "` as a tag, and the language has none",
           "in an expression write `not`; text that begins with `!` is quoted");
    return content;
  }

  bool is_written_null(uint32_t at) const {
    std::string_view rest = tree_.source_.substr(at);
    size_t length = 0;
    for (std::string_view word : {"~", "null", "Null", "NULL"})
      if (rest.starts_with(word)) length = word.size();
    if (length == 0) return false;
    if (length < rest.size() && std::string_view(" \t\r\n,]}:").find(rest[length]) == std::string_view::npos)
      return false;
    // The next key may be called `null`: then it stands no deeper than the map or list that this null is in.
    if (open_.empty() || innermost().is_flow()) return true;
    bool is_key = innermost().kind == YamlNode::Kind::map && wants_key();
    return is_key || column(at) > column(innermost().begin);
  }
  uint32_t column(uint32_t at) const {
    size_t newline = at == 0 ? std::string_view::npos : tree_.source_.rfind('\n', at - 1);
    return at - (newline == std::string_view::npos ? 0 : static_cast<uint32_t>(newline) + 1);
  }

  YamlNode& innermost() const { return *open_.back().node; }
  // Of a map: keys and values take turns.
  bool wants_key() const { return (children_.size() - open_.back().first) % 2 == 0; }

  // A list or map that is being read: its children so far are those of `children_` from `first` on.
  struct Open {
    YamlNode* node;
    size_t first;
  };

  YamlTree& tree_;
  uint32_t offset_;
  const YamlLimits& limits_;
  Diagnostics& problems_;
  std::vector<Open> open_;
  std::vector<const YamlNode*> children_;
  std::unordered_map<YAML::anchor_t, YamlNode*> anchors_;
  uint64_t total_ = 0;
  uint32_t aliases_ = 0;
  uint32_t documents_ = 0;
  uint32_t last_end_ = 0;
  bool tagged_ = false;  // the node whose properties were looked at last
};

std::optional<YamlTree> YamlTree::parse(const SourceFiles& files, uint32_t file, Diagnostics& problems,
                                        const YamlLimits& limits) {
  if (!is_sane_source(files, file, limits, problems)) return std::nullopt;
  std::optional<YamlTree> tree(std::in_place);
  tree->file_ = file;
  tree->source_ = files.at(file).text;
  uint32_t offset = tree->source_.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  YamlEvents events(*tree, offset, limits, problems);
  try {
    ViewBuffer buffer(tree->source_.substr(offset));
    std::istream in(&buffer);
    YAML::Parser parser(in);
    // Twice and no more: one document, and the proof that nothing follows. (A lone comma would go on for ever.)
    if (parser.HandleNextDocument(events)) (void)parser.HandleNextDocument(events);
  } catch (const Stop&) {
    return std::nullopt;
  } catch (const YAML::Exception& e) {
    problems.push_back(events.explain_failure(e.mark, e.msg));
    return std::nullopt;
  }
  if (!tree->root_) {
    problems.push_back(
        {Severity::error, "empty-file", {file, 0, 0}, "the file is empty", "begin with `muster: 1`", {}});
    return std::nullopt;
  }
  return tree;
}

Span YamlTree::head(const YamlNode& node) const {
  const YamlNode* at = &node;
  if (!node.is_flow())
    while ((at->kind == YamlNode::Kind::map || at->kind == YamlNode::Kind::list) && !at->children.empty())
      at = at->children[0];
  return span(*at);
}

std::string_view YamlTree::text(const YamlNode& node) const {
  if (node.decoded) return *node.decoded;
  if (node.is_quoted()) return source_.substr(node.begin + 1, node.end - node.begin - 2);
  return source_.substr(node.begin, node.end - node.begin);
}

LocatedText YamlTree::located(const YamlNode& node) const {
  LocatedText located;
  located.text = text(node);
  located.at = span(node);
  if (node.decoded || node.is_quoted()) located.segments = place_scalar(source_, node.begin, located.text).segments;
  return located;
}

}  // namespace muster
