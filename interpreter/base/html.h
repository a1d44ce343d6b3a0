// Pages that stand alone: no script, nothing loaded from elsewhere. Text becomes text, whatever it says.
//
// Errors: none; bytes that are no UTF-8, controls and BiDi marks are made visible.
#pragma once

#include <string>
#include <string_view>

namespace muster {

// Between tags, and inside a quoted attribute.
[[nodiscard]] std::string html_text(std::string_view text);
// A whole page; `body` is HTML already.
[[nodiscard]] std::string html_page(std::string_view title, const std::string& body);

}  // namespace muster
