// A timeline rendered: plain text, Markdown or a page for the post-incident review, JSON for scripts.
//
// Text that came from the world is escaped in text, Markdown and pages; JSON holds it as it is (json.h makes it valid).
// Source: docs/cli.md, "JSON" and "Reports".
#pragma once

#include <string>

#include "interpreter/report/timeline.h"

namespace muster {

[[nodiscard]] std::string render_text(const Timeline& timeline);
[[nodiscard]] std::string render_markdown(const Timeline& timeline);
// A page that stands alone: no script, nothing loaded from elsewhere.
[[nodiscard]] std::string render_html(const Timeline& timeline);
// What `show` prints: stable names, described in docs/cli.md.
[[nodiscard]] Value to_value(const Timeline& timeline);
// One gate as `gates` and `show` print it.
[[nodiscard]] Map to_value(const TimelineGate& gate);
[[nodiscard]] std::string render_json(const Timeline& timeline, bool pretty);

}  // namespace muster
