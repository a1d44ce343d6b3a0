#include "interpreter/world/http_rules.h"

#include <algorithm>

namespace muster {

namespace {

constexpr size_t most_header_bytes = 64 << 10;
constexpr size_t most_url_bytes = 16 << 10;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

bool has_control(std::string_view text, bool tab_is_fine) {
  return std::ranges::any_of(text, [&](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && !(tab_is_fine && c == '\t')) || byte == 0x7f;
  });
}

std::string text_in(const Value& value) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(SecretSink::http_header));
  return to_text(value);
}

// Where the host begins: after `scheme://`.
std::string_view authority_of(std::string_view url) {
  size_t begin = url.find("://");
  if (begin == std::string_view::npos) return {};
  url.remove_prefix(begin + 3);
  return url.substr(0, url.find_first_of("/?#\\"));
}

}  // namespace

Result<void> check_url(const std::string& url) {
  if (has_control(url, false) || url.find(' ') != std::string::npos) {
    return fail(ErrorCode::refused, "the URL holds a blank or a control character");
  }
  if (url.size() > most_url_bytes) return fail(ErrorCode::refused, "the URL is longer than 16 KiB");
  std::string scheme = scheme_of(url);
  if (scheme != "http" && scheme != "https") {
    return fail(ErrorCode::refused, "`" + url + "` is no http or https URL: nothing else is spoken here");
  }
  if (authority_of(url).find('@') != std::string_view::npos) {
    return fail(ErrorCode::refused, "the URL holds a user or password",
                "give them in `auth: {basic: {user, password}}`");
  }
  return {};
}

std::string scheme_of(std::string_view url) {
  size_t end = url.find("://");
  if (end == std::string_view::npos) return {};
  std::string scheme(url.substr(0, end));
  std::ranges::transform(scheme, scheme.begin(), lower);
  return scheme;
}

std::string origin_of(std::string_view url) {
  std::string scheme = scheme_of(url), authority(authority_of(url));
  std::ranges::transform(authority, authority.begin(), lower);
  size_t host_end = authority.rfind(']');  // of an IPv6 address
  bool has_port = authority.find(':', host_end == std::string::npos ? 0 : host_end) != std::string::npos;
  return scheme + "://" + authority + (has_port ? "" : scheme == "https" ? ":443" : ":80");
}

bool is_same_header(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::ranges::equal(a, b, {}, lower, lower);
}

std::string header_line(const std::string& name, const Value& value) {
  std::string text = text_in(value);
  // `Name:` would take a header away; `Name;` sends an empty one.
  return text.empty() ? name + ";" : name + ": " + text;
}

Result<void> check_request(const HttpRequest& request) {
  if (!is_token(request.method)) return fail(ErrorCode::invalid, "`" + request.method + "` is no HTTP method");
  if (Result<void> url = check_url(request.url); !url) return url;
  size_t bytes = 0;
  for (const auto& [name, value] : request.headers) {
    if (!is_token(name)) return fail(ErrorCode::refused, "a header's name holds characters that no header has");
    for (std::string_view framing : {"Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "Expect"}) {
      if (is_same_header(name, framing))
        return fail(ErrorCode::refused, "the header `" + name + "` is set by the transfer itself");
    }
    std::string text = text_in(value);
    if (has_control(text, true))
      return fail(ErrorCode::refused, "the header `" + name + "` holds a line end or another control character");
    bytes += name.size() + text.size() + 4;
  }
  if (bytes > most_header_bytes) return fail(ErrorCode::refused, "the headers are larger than 64 KiB");
  if (has_control(request.user, false) ||
      has_control(text_in(request.password.is_null() ? Value("") : request.password), false)) {
    return fail(ErrorCode::refused, "the user or password holds a control character");
  }
  if (request.user.find(':') != std::string::npos)
    return fail(ErrorCode::refused, "a user's name cannot hold `:` in basic auth");
  return {};
}

}  // namespace muster
