// The helpers themselves, in three files by what they work on, and what these files share. Inside this room only.
#pragma once

#include "interpreter/expression/helpers.h"
#include "interpreter/expression/operators.h"

namespace muster::helper {

using Answer = tl::expected<Value, std::string>;

[[nodiscard]] inline tl::unexpected<std::string> no(std::string message) { return tl::unexpected(std::move(message)); }
// The n-th argument, where it is there and of that type.
[[nodiscard]] inline const std::string* text_at(const HelperCall& call, size_t n) {
  return n < call.values.size() ? call.values[n]->find<std::string>() : nullptr;
}
[[nodiscard]] inline const List* list_at(const HelperCall& call, size_t n) {
  return n < call.values.size() ? call.values[n]->find<List>() : nullptr;
}
[[nodiscard]] inline Answer want(const char* helper, const char* type, const Value& got) {
  return no("`" + std::string(helper) + "` wants " + type + ", and got " + article_and_type(got));
}
// The evaluator says which budget it was.
[[nodiscard]] inline Answer spent() { return no("the budget of this expression is used up"); }
// Where `part` begins in `text` from `from` on, or npos; in linear time, which std::string::find is not.
[[nodiscard]] size_t find_text(std::string_view text, std::string_view part, size_t from);

// Of texts (text_helpers.cc, pattern_helpers.cc).
Answer base64(const HelperCall& call);
Answer format(const HelperCall& call);
Answer json(const HelperCall& call);
Answer lines(const HelperCall& call);
Answer lower(const HelperCall& call);
Answer match(const HelperCall& call);
Answer match_all(const HelperCall& call);
Answer sha256(const HelperCall& call);
Answer split(const HelperCall& call);
Answer to_json(const HelperCall& call);
Answer trim(const HelperCall& call);
Answer upper(const HelperCall& call);

// Of lists and maps (list_helpers.cc).
Answer all(const HelperCall& call);
Answer any(const HelperCall& call);
Answer chunk(const HelperCall& call);
Answer contains(const HelperCall& call);
Answer filter(const HelperCall& call);
Answer first(const HelperCall& call);
Answer join(const HelperCall& call);
Answer keys(const HelperCall& call);
Answer last(const HelperCall& call);
Answer len(const HelperCall& call);
Answer map(const HelperCall& call);
Answer max(const HelperCall& call);
Answer min(const HelperCall& call);
Answer sort(const HelperCall& call);
Answer sum(const HelperCall& call);
Answer unique(const HelperCall& call);

// Of moments and spans of time (time_helpers.cc).
Answer date(const HelperCall& call);
Answer duration(const HelperCall& call);
Answer now(const HelperCall& call);
Answer timestamp(const HelperCall& call);

}  // namespace muster::helper
