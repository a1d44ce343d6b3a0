#include <algorithm>

#include "interpreter/base/regex.h"
#include "interpreter/expression/helper_functions.h"

namespace muster::helper {
namespace {

// The whole match; with groups the group, the list of groups, or a map by their names.
Answer one_match(const Regex& regex, const std::string& text, const Regex::Match& match) {
  if (match.groups.empty()) return Value(text.substr(match.begin, match.end - match.begin));
  bool named = std::any_of(regex.group_names().begin(), regex.group_names().end(),
                           [](const std::string& name) { return !name.empty(); });
  List list;
  Map map;
  for (size_t g = 0; g < match.groups.size(); ++g) {
    Value piece;
    if (match.groups[g])
      piece = Value(text.substr(match.groups[g]->first, match.groups[g]->second - match.groups[g]->first));
    if (named) {
      if (!regex.group_names()[g].empty()) map[regex.group_names()[g]] = std::move(piece);
    } else {
      list.push_back(std::move(piece));
    }
  }
  if (named) return Value(std::move(map));
  if (list.size() == 1) return std::move(list[0]);
  return Value(std::move(list));
}

Answer matching(const char* helper, const HelperCall& call, bool all_of_them) {
  const auto* text = text_at(call, 0);
  const auto* pattern = text_at(call, 1);
  if (!text || !pattern) return want(helper, "text", *call.values[text ? 1 : 0]);
  tl::expected<Regex, std::string> regex = Regex::compile(*pattern);
  if (!regex) return no("`" + *pattern + "` is no pattern: " + regex.error());
  if (!call.spend(static_cast<int64_t>(regex->size() / 8), 0)) return spent();
  List out;
  for (size_t from = 0; from <= text->size();) {
    size_t reached = from;
    std::optional<Regex::Match> found = regex->search(*text, from, &reached);
    // Linear time, and still what was read times the program: both count.
    if (!call.spend(static_cast<int64_t>((reached - from + 1) * regex->size() / 64) + 1, 0)) return spent();
    if (!found) break;
    Answer value = one_match(*regex, *text, *found);
    if (!all_of_them) return value;
    if (!call.spend(0, static_cast<int64_t>(found->end - found->begin) + static_cast<int64_t>(sizeof(Value))))
      return spent();
    out.push_back(std::move(*value));
    from = found->end > found->begin ? found->end : found->end + 1;
    while (from < text->size() && found->end == found->begin &&
           (static_cast<unsigned char>((*text)[from]) & 0xC0) == 0x80)
      ++from;
  }
  if (!all_of_them) return Value();
  return Value(std::move(out));
}

}  // namespace

Answer match(const HelperCall& call) { return matching("match", call, false); }
Answer match_all(const HelperCall& call) { return matching("match_all", call, true); }

}  // namespace muster::helper
