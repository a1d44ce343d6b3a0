// What a request must look like before anything of it is sent.
//
// Errors: `refused` for a scheme other than http and https, user and password in a URL, control characters in a URL or
//         header, headers that frame the message, and more than 64 KiB of headers; `invalid` for a method that is no
//         word.
// Source: RFC 9110, sections 5.1, 5.5 and 9.1; docs/reliability.md B43 and S31.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/http.h"

namespace muster {

[[nodiscard]] Result<void> check_url(const std::string& url);
[[nodiscard]] Result<void> check_request(const HttpRequest& request);
// `https` of an URL; empty where there is none. Lower case.
[[nodiscard]] std::string scheme_of(std::string_view url);
// `https://example.org:443`: who is talked to, with the port filled in; lower case.
[[nodiscard]] std::string origin_of(std::string_view url);
// A header as libcurl takes it, secrets opened.
[[nodiscard]] std::string header_line(const std::string& name, const Value& value);
[[nodiscard]] bool is_same_header(std::string_view a, std::string_view b);

}  // namespace muster
