// The visitor that fills a construct from a YAML map while fields.h tells it the keys. Inside this room.
#pragma once

#include <algorithm>
#include <utility>

#include "interpreter/language/enough.h"
#include "interpreter/reader/construct_reader.h"

namespace muster {

template <class T>
class MapVisitor {
 public:
  MapVisitor(ConstructReader& reader, const YamlNode& map, std::string_view what)
      : reader_(reader), map_(map), what_(what), first_(reader.keys_.size()), count_(map.children.size() / 2) {
    for (size_t i = 0; i < count_; ++i) {
      const YamlNode& key = *map.children[2 * i];
      ConstructReader::Key& kept = reader.keys_.emplace_back();
      kept.used = !key.is_scalar() || reader.is_merge_key(key);  // refused by the tree
      if (key.is_scalar()) kept.text = reader.tree_.text(key);
      if (!kept.used) initials_ |= initial(kept.text);
    }
  }
  ~MapVisitor() { reader_.keys_.resize(first_); }
  MapVisitor(const MapVisitor&) = delete;
  MapVisitor& operator=(const MapVisitor&) = delete;

  template <class M>
  void operator()(std::string_view key, M& member, Need need, std::string_view) {
    const YamlNode* at = nullptr;
    const YamlNode* value = take(key, at);
    if (!value) {
      if (need == Need::required)
        reader_.refuse(reader_.tree_.head(map_), "missing-key",
                       std::string(what_) + " needs `" + std::string(key) + "`",
                       key == "muster" ? "begin with `muster: 1`" : "");
      return;
    }
    if (reader_.has_value(*at, *value)) reader_.read(*value, member, key);
  }

  void calls(std::vector<ActionCall>& calls, std::string_view) { calls_ = &calls; }
  void entries(std::vector<Entry>& entries, std::string_view) {
    for (size_t i = 0; i < count_; ++i) key_at(i).used = true;
    reader_.read(map_, entries, what_);
  }

  void part(Group& group) { describe(group, *this); }
  void part(std::shared_ptr<Fanout>& fanout) {
    if (has("foreach")) {
      fanout = std::make_shared<Fanout>();
      describe(*fanout, *this);
      return;
    }
    for (std::string_view key : {"as", "max_failures", "first_success"}) {
      const YamlNode* at = nullptr;
      if (!take(key, at)) continue;
      reader_.refuse(reader_.tree_.span(*at), "only-for-foreach", "`" + std::string(key) + "` belongs to a `foreach`",
                     "say what the step runs over: `foreach: LIST`");
    }
  }
  void part(std::shared_ptr<Group>& group) {
    if (has("steps")) {
      group = std::make_shared<Group>();
      describe(*group, *this);
      return;
    }
    // A call and a choice are groups whose steps stand elsewhere.
    if (taken("call") || taken("choose")) {
      group = std::make_shared<Group>();
      (*this)("rescue", group->rescue, Need::optional, "");
      (*this)("always", group->always, Need::optional, "");
      (*this)("objectives", group->objectives, Need::optional, "");
    }
    for (std::string_view key : {"always", "parallel", "max_parallel", "objectives"}) {
      const YamlNode* at = nullptr;
      if (!take(key, at)) continue;
      reader_.refuse(reader_.tree_.span(*at), "only-for-groups",
                     "`" + std::string(key) + "` belongs to a group of steps",
                     "put the step into a group: `steps:` with `" + std::string(key) + ":` beside it");
    }
  }

  void later(std::initializer_list<std::string_view> keys) {
    for (std::string_view key : keys) {
      const YamlNode* at = nullptr;
      if (take(key, at)) later(*at, key);
    }
  }

  // What is left: calls of actions where they may stand, otherwise keys that nobody knows.
  void finish() {
    for (size_t i = 0; i < count_ && !is_enough(reader_.problems_); ++i) {
      if (key_at(i).used) continue;
      const YamlNode& at = *map_.children[2 * i];
      const YamlNode& value = *map_.children[2 * i + 1];
      if (calls_) {
        if (!reader_.has_value(at, value)) continue;
        ActionCall& call = calls_->emplace_back();
        call.at = reader_.tree_.span(at.begin, std::max(at.end, value.end));
        call.action = reader_.name_of(at);
        (void)reader_.read(value, call.args, call.action.text);
        continue;
      }
      std::string name(key_at(i).text);
      std::string help;
      if (std::string_view near = nearest(name, keys_of<T>()); !near.empty())
        help = "did you mean `" + std::string(near) + "`?";
      if constexpr (std::is_same_v<T, Playbook>) {
        if (name == "steps") help = "steps stand in a phase: `phases:`, then `- id: ...` with `steps:` in it";
      }
      reader_.refuse(reader_.tree_.span(at), "unknown-key", "`" + name + "` is no key of " + std::string(what_), help);
    }
  }

 private:
  ConstructReader::Key& key_at(size_t i) const { return reader_.keys_[first_ + i]; }
  // A bit for what a key begins with: most rows of most constructs are not there, and are passed by with one look.
  static uint64_t initial(std::string_view text) {
    return text.empty() ? 0 : uint64_t{1} << (static_cast<unsigned char>(text[0]) % 64);
  }
  bool has(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i)
      if (!key_at(i).used && key_at(i).text == name) return true;
    return false;
  }
  bool taken(std::string_view name) const {
    for (size_t i = 0; i < count_; ++i)
      if (key_at(i).used && key_at(i).text == name) return true;
    return false;
  }
  // The first value under the key; all are taken, since a second one was refused as a duplicate.
  const YamlNode* take(std::string_view name, const YamlNode*& at) {
    const YamlNode* value = nullptr;
    if ((initials_ & initial(name)) == 0) return value;
    for (size_t i = 0; i < count_; ++i) {
      if (key_at(i).used || key_at(i).text != name) continue;
      key_at(i).used = true;
      if (value) continue;
      at = map_.children[2 * i];
      value = map_.children[2 * i + 1];
    }
    return value;
  }
  void later(const YamlNode& at, std::string_view key) {
    reader_.refuse(
        reader_.tree_.span(at), "not-in-this-version",
        "`" + std::string(key) + "` is part of the language, but this version of muster does not know it yet", "");
  }

  ConstructReader& reader_;
  const YamlNode& map_;
  std::string_view what_;
  size_t first_, count_;  // its keys in ConstructReader::keys_
  uint64_t initials_ = 0;
  std::vector<ActionCall>* calls_ = nullptr;
};

template <class T>
void ConstructReader::read_map(const YamlNode& map, T& construct, std::string_view what) {
  MapVisitor<T> visitor(*this, map, what);
  describe(construct, visitor);
  visitor.finish();
}

template <class T>
bool ConstructReader::read_construct(const YamlNode& node, T& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  if constexpr (requires { out.at; }) out.at = tree_.span(node);
  read_map(node, out, "`" + std::string(key) + "`");
  return true;
}

template <class T>
bool ConstructReader::read_list(const YamlNode& node, std::vector<T>& out, std::string_view key) {
  if (!wants_list(node, key)) return false;
  out.reserve(node.children.size());
  for (const YamlNode* item : node.children) {
    if (is_enough(problems_)) break;
    if (item->kind == YamlNode::Kind::null && !item->written) {
      refuse(tree_.span(*item), "no-value", "this item of `" + std::string(key) + "` has no value",
             "remove it, or give it one");
      continue;
    }
    if (!read(*item, out.emplace_back(), key)) out.pop_back();
  }
  return true;
}

template <class F>
void ConstructReader::each_entry(const YamlNode& map, F f) {
  for (size_t i = 0; i + 1 < map.children.size() && !is_enough(problems_); i += 2) {
    const YamlNode& key = *map.children[i];
    const YamlNode& value = *map.children[i + 1];
    if (key.is_scalar()) f(key, value);
  }
}

}  // namespace muster
