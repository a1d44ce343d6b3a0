// Extension files of any shape, as text and as declarations that are made of bytes: each gets a verdict, whose places
// stand in the file; what is accepted has a summary of one line and fields that are named, and can be called with
// arguments of any shape without a crash.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "scripting/scripting.h"
#include "tests/world/step_stage.h"

namespace {

using namespace muster;

// Lua made of bytes: the definition of an action, more or less.
class Writer {
 public:
  Writer(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  std::string definition() {
    static const char* const keys[] = {"summary", "effect",   "fields",   "one_of", "results", "preview",     "run",
                                       "probe",   "rollback", "examples", "title",  "default", "description", "a b"};
    std::string out = "action \"" + std::string(byte() % 8 == 0 ? text() : "a") + "\" {";
    // Most of the time what every action needs, so that the rest is looked at.
    const uint8_t without = byte();
    if (without % 7 != 0) out += "summary = \"s\", ";
    if (without % 5 != 0) out += "effect = \"read\", ";
    if (without % 11 != 0) out += "run = function(args, ctx) " + body() + " end, ";
    for (int left = byte() % 6; left > 0; --left) {
      const std::string key = keys[byte() % std::size(keys)];
      out += "[\"" + key + "\"] = ";
      out += key == "fields" || key == "results" ? fields(0) : key == "examples" ? examples() : value(0);
      out += ", ";
    }
    return out + "}\n";
  }
  Value argument(int depth = 0) {
    switch (byte() % (depth > 4 ? 6 : 8)) {
      case 0:
        return {};
      case 1:
        return Value(byte() % 2 == 0);
      case 2:
        return Value(static_cast<int64_t>(byte()) << (byte() % 56));
      case 3:
        return Value(Duration{byte() * 1'000'000});
      case 4:
        return Value(Secret("key", text()));
      case 5:
        return Value(text());
      case 6: {
        List list;
        for (int left = byte() % 4; left > 0; --left) list.push_back(argument(depth + 1));
        return Value(std::move(list));
      }
      default: {
        Map map;
        for (int left = byte() % 4; left > 0; --left) {
          std::string key = text();
          map[std::move(key)] = argument(depth + 1);
        }
        return Value(std::move(map));
      }
    }
  }

 private:
  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  std::string text() {
    std::string out;
    for (int left = byte() % 12; left > 0; --left) {
      const uint8_t c = byte();
      // As an escape: any byte may stand in a text of Lua.
      out += "\\" + std::string(c < 100 ? c < 10 ? "00" : "0" : "") + std::to_string(c);
    }
    return out;
  }
  std::string value(int depth) {
    switch (byte() % (depth > 6 ? 7 : 10)) {
      case 0:
        return "nil";
      case 1:
        return "true";
      case 2:
        return std::to_string(static_cast<int>(byte()) - 100);
      case 3:
        return "0/0";
      case 4:
        return "function(args, ctx) " + body() + " end";
      case 5:
        return "\"" + text() + "\"";
      case 6:
        return "setmetatable({}, {__len = function() return 9 end, __index = error, __tostring = error})";
      default: {
        std::string out = "{";
        for (int left = byte() % 4; left > 0; --left) {
          if (byte() % 2 == 0) out += "[\"" + text() + "\"] = ";
          out += value(depth + 1) + ", ";
        }
        return out + "}";
      }
    }
  }
  std::string fields(int depth) {
    static const char* const types[] = {"string", "integer", "number", "boolean",    "duration", "timestamp",
                                        "date",   "path",    "url",    "enum",       "list",     "map",
                                        "object", "any",     "strng",  "connection", "function"};
    static const char* const keys[] = {"required", "default", "pattern", "values",     "of",
                                       "fields",   "secret",  "kinds",   "description"};
    std::string out = "{";
    for (int left = byte() % 4; left > 0; --left) {
      out += std::string(1, static_cast<char>('a' + byte() % 26)) + " = {type = \"" + types[byte() % std::size(types)] +
             "\", ";
      for (int more = byte() % 4; more > 0; --more) {
        const std::string key = keys[byte() % std::size(keys)];
        out += key + " = " + (key == "fields" && depth < 4 ? fields(depth + 1) : value(2)) + ", ";
      }
      out += "}, ";
    }
    return out + "}";
  }
  std::string examples() {
    std::string out = "{";
    for (int left = byte() % 3; left > 0; --left)
      out += "{args = " + value(2) + ", result = " + value(2) + ", answers = " + value(3) + "}, ";
    return out + "}";
  }
  std::string body() {
    switch (byte() % 8) {
      case 0:
        return "error(" + value(4) + ")";
      case 1:
        return "return args";
      case 2:
        return "return ctx.shell(" + value(4) + ")";
      case 3:
        return "ctx.log(" + value(4) + ") ctx.progress(" + value(6) + ")";
      case 4:
        return "coroutine.yield(args)";
      case 5:
        return "return json.decode(json.encode(" + value(4) + "))";
      case 6:
        return "for k, v in pairs(args) do ctx.log(k) args[k] = nil end return {ctx.key, ctx.run, ctx.nothing}";
      default:
        return "return " + value(3);
    }
  }
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

void try_it(const std::string& lua, Writer& writer) {
  SourceFiles files;
  std::vector<ScriptFile> scripts = {{files.add({"t.lua", lua, ""}), "t", true}};
  Diagnostics problems;
  std::optional<ScriptSet> set = load_scripts(files, scripts, {{"shell"}, {"sqlite"}}, problems);
  if (set.has_value() != problems.empty()) std::abort();  // no verdict, or two
  for (const Diagnostic& problem : problems)
    if (problem.message.empty() || problem.at.begin > lua.size() || problem.at.end > lua.size() ||
        problem.at.begin > problem.at.end)
      std::abort();
  if (!set) return;
  for (const Action& action : set->actions) {
    if (action.name.empty() || action.summary.empty() || action.summary.find_first_of("\n\x1b") != std::string::npos)
      std::abort();
    step_stage::StepStage stage;
    Value given = writer.argument();
    const Map args = given.is<Map>() ? given.get<Map>() : Map{{"a", given}};
    if (action.preview) (void)stage.preview(action, args).has_value();
    Result<StepOutput> done = action.look ? stage.look(action, args) : stage.act(action, args);
    if (!done && done.error().message.empty()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 4096) return 0;
  Writer writer(data, size);
  try_it(writer.definition(), writer);
  // As it stands: what Lua itself reads, and what the file does while it is loaded.
  if (size < 600) try_it(std::string(reinterpret_cast<const char*>(data), size), writer);
  return 0;
}
