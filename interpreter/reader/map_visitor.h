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
      : reader_(reader), map_(map), what_(what), used_(map.children.size() / 2) {
    for (size_t i = 0; i < used_.size(); ++i)
      used_[i] = !map.children[2 * i]->is_scalar() || reader.is_merge_key(*map.children[2 * i]);  // refused by the tree
  }

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
    used_.assign(used_.size(), true);
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
    for (size_t i = 0; i < used_.size() && !is_enough(reader_.problems_); ++i) {
      if (used_[i]) continue;
      const YamlNode& key = *map_.children[2 * i];
      const YamlNode& value = *map_.children[2 * i + 1];
      if (calls_) {
        if (!reader_.has_value(key, value)) continue;
        ActionCall call;
        call.at = reader_.tree_.span(key.begin, std::max(key.end, value.end));
        call.action = reader_.name_of(key);
        (void)reader_.read(value, call.args, call.action.text);
        calls_->push_back(std::move(call));
        continue;
      }
      std::string name(reader_.tree_.text(key));
      std::string help;
      if (std::string_view near = nearest(name, keys_of<T>()); !near.empty())
        help = "did you mean `" + std::string(near) + "`?";
      if constexpr (std::is_same_v<T, Playbook>) {
        if (name == "steps") help = "steps stand in a phase: `phases:`, then `- id: ...` with `steps:` in it";
      }
      reader_.refuse(reader_.tree_.span(key), "unknown-key", "`" + name + "` is no key of " + std::string(what_), help);
    }
  }

 private:
  bool has(std::string_view key) const {
    for (size_t i = 0; i < used_.size(); ++i)
      if (!used_[i] && reader_.tree_.text(*map_.children[2 * i]) == key) return true;
    return false;
  }
  bool taken(std::string_view key) const {
    for (size_t i = 0; i < used_.size(); ++i)
      if (used_[i] && reader_.tree_.text(*map_.children[2 * i]) == key) return true;
    return false;
  }
  // The first value under the key; all are taken, since a second one was refused as a duplicate.
  const YamlNode* take(std::string_view key, const YamlNode*& at) {
    const YamlNode* value = nullptr;
    for (size_t i = 0; i < used_.size(); ++i) {
      if (used_[i] || reader_.tree_.text(*map_.children[2 * i]) != key) continue;
      used_[i] = true;
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
  std::vector<bool> used_;
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
    T value{};
    if (read(*item, value, key)) out.push_back(std::move(value));
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
