// Names with values for expressions, and the shortest way from a text to what it yields.
#pragma once

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "interpreter/expression/evaluate.h"

namespace muster {

struct SmallWorld : Environment {
  Map names;
  Timestamp moment = *parse_timestamp("2026-01-15T10:00:00Z");

  SmallWorld() = default;
  explicit SmallWorld(Map values) : names(std::move(values)) {}
  [[nodiscard]] tl::expected<Found, std::string> find(std::span<const std::string> path) const override {
    const Value* value = member(names, path[0]);
    if (!value) return tl::unexpected("nothing is called `" + path[0] + "`");
    return Found{value, 1};
  }
  [[nodiscard]] tl::expected<const TimeZone*, std::string> zone(const std::string& name) const override {
    if (name == "Not/Read") return nullptr;
    std::ifstream in(std::string(zone_folder) + "/" + name, std::ios::binary);
    std::ostringstream bytes;
    bytes << in.rdbuf();
    rules = TimeZone::parse(bytes.str());
    if (!rules) return tl::unexpected("no zone is called `" + name + "`");
    return &*rules;
  }
  [[nodiscard]] Timestamp now() const override { return moment; }
  mutable std::optional<TimeZone> rules;
};

inline LocatedText whole_file(std::string text) {
  LocatedText located;
  located.at = {0, 0, static_cast<uint32_t>(text.size())};
  located.text = std::move(text);
  return located;
}

inline tl::expected<Evaluation, Diagnostic> run(const std::string& text, const Environment& names, Budget budget = {}) {
  Diagnostics problems;
  std::optional<Expression> expression = parse_expression(whole_file(text), problems);
  if (!expression) return tl::unexpected(problems.at(0));
  return evaluate(*expression, names, budget);
}

// The value as text with its type: `integer 3`, `error: ...`.
inline std::string yields(const std::string& text, const Map& names = {}) {
  SmallWorld world(names);
  tl::expected<Evaluation, Diagnostic> got = run(text, world);
  if (!got) return "error: " + got.error().message;
  std::string type(type_name(got->value));
  return got->value.is<bool>() || got->value.is_null() ? to_text(got->value) : type + " " + to_text(got->value);
}

inline std::string fills(const std::string& text, const Map& names = {}) {
  Diagnostics problems;
  std::optional<Template> parsed = parse_template(whole_file(text), problems);
  if (!parsed) return "error: " + problems.at(0).message;
  tl::expected<Value, Diagnostic> got = evaluate(*parsed, SmallWorld(names));
  if (!got) return "error: " + got.error().message;
  return std::string(type_name(*got)) + " " + to_text(*got);
}

// What a person sees of the first thing that is wrong; empty where nothing is.
inline std::string drawn(const std::string& text, const Map& names = {}) {
  SourceFiles files;
  files.add({"claim", text, ""});
  SmallWorld world(names);
  tl::expected<Evaluation, Diagnostic> got = run(text, world);
  return got ? std::string() : render(got.error(), files);
}

}  // namespace muster
