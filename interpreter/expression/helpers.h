// The pure helpers of expressions: `len`, `contains`, `lines`, ... Inside this room, and for the checker's arity.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "interpreter/base/time.h"
#include "interpreter/base/time_zone.h"
#include "interpreter/base/value.h"

namespace muster {

// A `function(x) return e end` that was handed to a helper; absent for plain values. Missing arguments are nil.
using Callback = std::function<tl::expected<Value, std::string>(std::span<const Value* const>)>;

struct HelperCall {
  const std::vector<const Value*>& values;  // a function stands as nil here ...
  const std::vector<Callback>& functions;   // ... and here
  Timestamp now;
  std::function<bool(int64_t operations, int64_t bytes)> spend;  // false: the budget is used up
  std::function<tl::expected<const TimeZone*, std::string>(const std::string& name)> zone;  // see Environment::zone
};

struct Helper {
  std::string_view name;
  int least, most;        // arguments; most < 0: any number
  std::string_view form;  // `contains(text or list, item)`
  tl::expected<Value, std::string> (*call)(const HelperCall&);
  int function_at = -1;  // the argument that is a function, from 0; -1: none
};

[[nodiscard]] const Helper* find_helper(std::string_view name);

}  // namespace muster
