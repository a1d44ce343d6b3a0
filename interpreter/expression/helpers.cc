#include "interpreter/expression/helpers.h"

#include <algorithm>
#include <array>

#include "interpreter/expression/expression.h"
#include "interpreter/expression/helper_functions.h"

namespace muster {
namespace {

using helper::Answer;

// The evaluator asks the test first and the chosen side only; the row stands here for its form.
Answer cond(const HelperCall& call) { return is_true(*call.values[0]) ? *call.values[1] : *call.values[2]; }

Answer is_set(const HelperCall& call) { return Value(!call.values[0]->is_null()); }

// Sorted by name.
constexpr std::array<Helper, 34> helpers = {{
    {"all", 1, 2, "all(list, function(x) return … end)", helper::all, 1},
    {"any", 1, 2, "any(list, function(x) return … end)", helper::any, 1},
    {"base64", 1, 1, "base64(text)", helper::base64},
    {"chunk", 2, 2, "chunk(list, size)", helper::chunk},
    {"cond", 3, 3, "cond(test, yes, no)", cond},
    {"contains", 2, 2, "contains(text, part) or contains(list, item)", helper::contains},
    {"date", 1, 2, "date(timestamp) or date(timestamp, zone)", helper::date},
    {"duration", 1, 1, "duration(\"30s\")", helper::duration},
    {"filter", 2, 2, "filter(list, function(x) return … end)", helper::filter, 1},
    {"first", 1, 1, "first(list)", helper::first},
    {"format", 1, -1, "format(\"%s of %d\", a, b)", helper::format},
    {"is_set", 1, 1, "is_set(value)", is_set},
    {"join", 1, 2, "join(list, between)", helper::join},
    {"json", 1, 1, "json(text)", helper::json},
    {"keys", 1, 1, "keys(map)", helper::keys},
    {"last", 1, 1, "last(list)", helper::last},
    {"len", 1, 1, "len(text, list or map)", helper::len},
    {"lines", 1, 1, "lines(text)", helper::lines},
    {"lower", 1, 1, "lower(text)", helper::lower},
    {"map", 2, 2, "map(list, function(x) return … end)", helper::map, 1},
    {"match", 2, 2, "match(text, pattern)", helper::match},
    {"match_all", 2, 2, "match_all(text, pattern)", helper::match_all},
    {"max", 1, -1, "max(list) or max(a, b, …)", helper::max},
    {"min", 1, -1, "min(list) or min(a, b, …)", helper::min},
    {"now", 0, 0, "now()", helper::now},
    {"sha256", 1, 1, "sha256(text)", helper::sha256},
    {"sort", 1, 2, "sort(list) or sort(list, function(x) return key end)", helper::sort, 1},
    {"split", 2, 2, "split(text, by)", helper::split},
    {"sum", 1, 1, "sum(list)", helper::sum},
    {"timestamp", 1, 2, "timestamp(text) or timestamp(text, zone)", helper::timestamp},
    {"to_json", 1, 1, "to_json(value)", helper::to_json},
    {"trim", 1, 1, "trim(text)", helper::trim},
    {"unique", 1, 1, "unique(list)", helper::unique},
    {"upper", 1, 1, "upper(text)", helper::upper},
}};

}  // namespace

const Helper* find_helper(std::string_view name) {
  const auto* end = helpers.data() + helpers.size();
  const auto* found = std::lower_bound(helpers.data(), end, name,
                                       [](const Helper& row, std::string_view wanted) { return row.name < wanted; });
  return found != end && found->name == name ? found : nullptr;
}

const std::vector<std::string_view>& helper_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> all_names;
    for (size_t i = 0; i < helpers.size(); ++i) all_names.push_back(helpers[i].name);
    return all_names;
  }();
  return names;
}

}  // namespace muster
