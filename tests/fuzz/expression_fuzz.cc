// Templates, expressions and patterns of any bytes: a verdict with places inside the text, never a crash, never a hang.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "interpreter/base/regex.h"
#include "interpreter/expression/evaluate.h"

namespace {

struct Nothing : muster::Environment {
  [[nodiscard]] tl::expected<Found, std::string> find(std::span<const std::string> path) const override {
    return tl::unexpected("nothing is called `" + path[0] + "`");
  }
  [[nodiscard]] muster::Timestamp now() const override { return {0}; }
};

void require_places(const muster::Diagnostic& d, const muster::SourceFiles& files, size_t size) {
  if (d.code.empty() || d.message.empty()) std::abort();
  if (d.at.begin > size || d.at.end > size || d.at.begin > d.at.end) std::abort();
  for (const muster::Note& note : d.notes)
    if (note.at.begin > size || note.at.end > size || note.at.begin > note.at.end) std::abort();
  if (muster::render(d, files).empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 64 << 10) return 0;  // the reader's limit for an expression
  muster::LocatedText text;
  text.text.assign(reinterpret_cast<const char*>(data), size);
  text.at = {0, 0, static_cast<uint32_t>(size)};
  muster::SourceFiles files;
  files.add({"fuzz", text.text, ""});
  const Nothing nothing;
  const muster::Budget small{100'000, 1 << 20};

  muster::Diagnostics problems;
  if (auto parsed = muster::parse_template(text, problems)) {
    auto got = muster::evaluate(*parsed, nothing, small);
    if (!got) require_places(got.error(), files, size);
    (void)muster::evaluate_url(*parsed, nothing, small);
  } else if (problems.empty()) {
    std::abort();  // no verdict
  }
  size_t before = problems.size();
  if (auto parsed = muster::parse_expression(text, problems)) {
    for (const muster::Read& read : parsed->reads)
      if (read.path.empty() || read.pieces.size() != read.path.size() || read.at.end > size) std::abort();
    auto got = muster::evaluate(*parsed, nothing, small);
    if (!got) require_places(got.error(), files, size);
  } else if (problems.size() == before) {
    std::abort();
  }
  for (const muster::Diagnostic& d : problems) require_places(d, files, size);
  if (auto regex = muster::Regex::compile(text.text.substr(0, 200))) (void)regex->search(text.text.substr(0, 2000));
  return 0;
}
