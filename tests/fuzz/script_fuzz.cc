// Values of any shape through Lua and back, and any text as the body of a script's function: a value that comes back is
// the same when it goes through again, a failure has words, and nothing crashes or hangs.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "scripting/scripting.h"

namespace {

using muster::List;
using muster::Map;
using muster::Value;

muster::ScriptSet load(const std::string& lua, bool must_load) {
  muster::SourceFiles files;
  std::vector<muster::ScriptFile> scripts = {{files.add({"t.lua", lua, ""}), "t", true}};
  muster::Diagnostics problems;
  std::optional<muster::ScriptSet> set = muster::load_scripts(files, scripts, {{"shell"}, {"sqlite"}}, problems);
  if (!set && problems.empty()) std::abort();  // no verdict
  for (const muster::Diagnostic& problem : problems)
    if (problem.message.empty() || problem.at.begin > lua.size() || problem.at.end > lua.size()) std::abort();
  if (!set && must_load) std::abort();
  return set ? std::move(*set) : muster::ScriptSet();
}

// A value made of bytes.
class Maker {
 public:
  Maker(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  Value value(int depth = 0) {
    const uint8_t kind = byte();
    switch (depth > 40 ? kind % 6 : kind % 9) {
      case 0:
        return {};
      case 1:
        return Value(byte() % 2 == 0);
      case 2:
        return Value(static_cast<int64_t>(word()));
      case 3: {
        const uint64_t bits = word();
        double number = 0;
        std::memcpy(&number, &bits, sizeof number);
        return Value(number);  // any of them: infinite ones and no numbers, too
      }
      case 4:
        return Value(text());
      case 5:
        return Value(muster::Duration{static_cast<int64_t>(word() >> 20)});
      case 6: {
        List list;
        for (int left = byte() % 9; left > 0; --left) list.push_back(value(depth + 1));
        return Value(std::move(list));
      }
      case 7: {
        Map map;
        for (int left = byte() % 9; left > 0; --left) {
          std::string key = text();
          map[std::move(key)] = value(depth + 1);
        }
        return Value(std::move(map));
      }
      default:
        return Value(muster::Timestamp{static_cast<int64_t>(word() >> 12)});
    }
  }

 private:
  uint8_t byte() {
    if (at_ >= size_) return 0;
    return data_[at_++];
  }
  uint64_t word() {
    uint64_t out = 0;
    for (int i = 0; i < 8; ++i) out = out << 8 | byte();
    return out;
  }
  std::string text() {
    std::string out;
    for (int left = byte() % 40; left > 0; --left) out.push_back(static_cast<char>(byte()));
    return out;
  }
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

muster::Result<Value> call(const muster::Scripts& scripts, const Value& argument) {
  muster::Result<Value> got = scripts.call("t.f", {&argument, 1}, {});
  if (!got && got.error().message.empty()) std::abort();
  return got;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  static const muster::ScriptSet echo = load("return {f = function(x) return x end}", true);
  if (muster::Result<Value> once = call(*echo.scripts, Maker(data, size).value())) {
    muster::Result<Value> twice = call(*echo.scripts, *once);
    if (!twice || !muster::same(*once, *twice)) std::abort();
  }
  if (size > 300) return 0;
  const std::string body(reinterpret_cast<const char*>(data), size);
  const muster::ScriptSet set = load("return {f = function(x)\n" + body + "\nend}", false);
  if (set.scripts && muster::has_function(set.scripts.get(), "t.f"))
    (void)call(*set.scripts, Value(Map{{"a", 1}})).has_value();
  return 0;
}
