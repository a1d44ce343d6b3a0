#include "steps/http_request.h"

#include <algorithm>
#include <charconv>

#include "interpreter/base/json.h"

namespace muster {

namespace {

using Headers = std::vector<std::pair<std::string, Value>>;

constexpr Duration default_timeout = Duration::seconds(30);
constexpr int most_redirects = 20;
constexpr size_t most_shown_bytes = 2'000;

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

Field opening(Field out) {
  out.opens_secrets = true;
  return out;
}

Field map_of(std::string name, Field items, std::string meaning) {
  Field out = field(std::move(name), FieldType::map, std::move(meaning));
  out.opens_secrets = items.opens_secrets;
  out.items = {std::move(items)};
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_' || c == '~';
    if (is_plain) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

// A list is one pair for each item, nil is none.
void add_pairs(std::string& out, const std::string& name, const Value& value) {
  if (value.is_null()) return;
  if (const List* items = value.find<List>()) {
    for (const Value& item : *items) add_pairs(out, name, item);
    return;
  }
  if (!out.empty()) out += '&';
  out += percent_encoded(name) + "=" + percent_encoded(to_text(value));
}

std::string encoded_pairs(const Map& pairs) {
  std::string out;
  for (const auto& [name, value] : pairs) add_pairs(out, name, value);
  return out;
}

// The value with its secrets as plain text, for the body that is about to leave.
Value opened(const Value& value) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(SecretSink::http_body));
  if (const List* list = value.find<List>()) {
    List out;
    for (const Value& item : *list) out.push_back(opened(item));
    return out;
  }
  if (const Map* map = value.find<Map>()) {
    Map out;
    for (const auto& [name, item] : *map) out.emplace(name, opened(item));
    return out;
  }
  return value;
}

// A body made of values: a Secret as soon as one stands inside.
template <class Print>
Value body_of(const Value& value, Print print) {
  if (!holds_secret(value)) return print(value);
  return Secret("body", print(opened(value)));
}

void set_header(Headers& headers, const std::string& name, Value value) {
  std::erase_if(headers, [&](const auto& header) { return lower(header.first) == lower(name); });
  if (!value.is_null()) headers.emplace_back(name, std::move(value));
}

bool has_header(const Headers& headers, std::string_view name) {
  return std::ranges::any_of(headers, [&](const auto& header) { return lower(header.first) == name; });
}

Result<void> add_headers(Headers& headers, const Value* given) {
  const Map* map = given ? given->find<Map>() : nullptr;
  if (!map) return {};
  for (const auto& [name, value] : *map) {
    if (value.is<List>() || value.is<Map>()) return fail(ErrorCode::invalid, "the header `" + name + "` must be text");
    set_header(headers, name, value.is<Secret>() || value.is_null() ? value : Value(to_text(value)));
  }
  return {};
}

Result<void> add_auth(HttpRequest& request, const Value* auth) {
  if (!auth || auth->is_null()) return {};
  if (const Value* basic = member(*auth, "basic")) {
    const Value* user = member(*basic, "user");
    const Value* password = member(*basic, "password");
    if (!user || user->is_null()) return fail(ErrorCode::invalid, "`auth.basic` has no `user`");
    const Secret* secret_user = user->find<Secret>();
    request.user = secret_user ? std::string(secret_user->reveal(SecretSink::http_header)) : to_text(*user);
    if (password) request.password = *password;
    return {};
  }
  if (const Value* bearer = member(*auth, "bearer"); bearer && !bearer->is_null()) {
    const Secret* token = bearer->find<Secret>();
    if (token) {
      set_header(request.headers, "Authorization",
                 Secret("authorization", "Bearer " + std::string(token->reveal(SecretSink::http_header))));
    } else {
      set_header(request.headers, "Authorization", "Bearer " + to_text(*bearer));
    }
    return {};
  }
  return fail(ErrorCode::invalid, "`auth` of an http request is `basic` or `bearer`");
}

// A path beneath a connection's URL: it cannot lead to another host, nor out of the base's own path.
Result<std::string> beneath(std::string base, const std::string& path) {
  size_t path_end = std::min(path.find_first_of("?#"), path.size());
  std::string_view route = std::string_view(path).substr(0, path_end);
  if (route.find("://") != std::string_view::npos || route.starts_with("//") ||
      route.find('\\') != std::string_view::npos) {
    return fail(ErrorCode::invalid, "`" + path + "` is not a path: beside `connection` stands what follows its URL");
  }
  for (size_t at = 0; at <= route.size();) {
    size_t end = std::min(route.find('/', at), route.size());
    std::string segment = lower(route.substr(at, end - at));
    for (size_t dot; (dot = segment.find("%2e")) != std::string::npos;) segment.replace(dot, 3, ".");
    if (segment == "..") return fail(ErrorCode::invalid, "`" + path + "` leads out of the connection's URL");
    at = end + 1;
  }
  if (base.find_first_of("?#") != std::string::npos) {
    return fail(ErrorCode::invalid, "the connection's URL `" + base + "` has a query: paths cannot follow it");
  }
  while (base.ends_with('/')) base.pop_back();
  if (path.empty()) return base;
  return base + (path.starts_with('/') ? "" : "/") + path;
}

Result<std::string> url_of(const Map& args, const std::string& verb) {
  const Value* written = member(args, verb);
  std::string url = written && !written->is_null() ? to_text(*written) : "";
  if (const Value* connection = member(args, "connection")) {
    Connection service = connection_of(*connection);
    Result<std::string> joined = beneath(text_of(service.settings, "url"), url);
    if (!joined) return joined;
    url = std::move(*joined);
  }
  const Value* query = member(args, "query");
  if (!query || !query->is<Map>()) return url;
  if (holds_secret(*query)) return fail(ErrorCode::invalid, "`query` cannot hold a secret: URLs are logged everywhere");
  std::string pairs = encoded_pairs(query->get<Map>());
  if (pairs.empty()) return url;
  size_t fragment = std::min(url.find('#'), url.size());
  bool has_query = url.find('?') < fragment;
  return url.substr(0, fragment) + (has_query ? "&" : "?") + pairs + url.substr(fragment);
}

Result<void> add_body(HttpRequest& request, const Map& args) {
  int bodies = 0;
  for (std::string_view name : {"json", "form", "body"}) bodies += member(args, name) ? 1 : 0;
  if (bodies > 1) return fail(ErrorCode::invalid, "a request has one body: `json`, `form` or `body`");
  if (bodies == 1 && (request.method == "GET" || request.method == "HEAD")) {
    return fail(ErrorCode::invalid, "a " + request.method + " request has no body");
  }
  if (const Value* json = member(args, "json")) {
    request.body = body_of(*json, [](const Value& value) { return print_json(value); });
    if (!has_header(request.headers, "content-type")) set_header(request.headers, "Content-Type", "application/json");
  }
  if (const Value* form = member(args, "form"); form && form->is<Map>()) {
    request.body = body_of(*form, [](const Value& value) { return encoded_pairs(value.get<Map>()); });
    if (!has_header(request.headers, "content-type")) {
      set_header(request.headers, "Content-Type", "application/x-www-form-urlencoded");
    }
  }
  if (const Value* body = member(args, "body"); body && !body->is_null()) {
    request.body = body->is<Secret>() ? *body : Value(to_text(*body));
  }
  return {};
}

}  // namespace

const std::vector<std::string>& http_verbs() {
  static const std::vector<std::string> verbs = {"get", "head", "post", "put", "patch", "delete"};
  return verbs;
}

std::string http_verb_of(const Map& args) {
  for (const std::string& verb : http_verbs())
    if (member(args, verb)) return verb;
  return {};
}

std::vector<Field> http_fields() {
  std::vector<Field> fields;
  for (const std::string& verb : http_verbs()) {
    fields.push_back(field(verb, FieldType::url, "the URL, or beside `connection` a path beneath its URL"));
  }
  Field connection = field("connection", FieldType::connection, "the service: its URL, headers and credentials");
  connection.kinds = {"http"};
  fields.push_back(std::move(connection));
  fields.push_back(
      map_of("headers", opening(field("value", FieldType::text, "the header's value")), "further headers"));
  fields.push_back(map_of("query", field("value", FieldType::any, "the value; a list is repeated"),
                          "values after the `?`, encoded"));
  fields.push_back(opening(field("json", FieldType::any, "the body, sent as JSON")));
  fields.push_back(
      map_of("form", opening(field("value", FieldType::any, "the field's value")), "the body, sent as a form"));
  fields.push_back(opening(field("body", FieldType::text, "the body, sent as it is")));
  Field basic = field("basic", FieldType::object, "user and password");
  basic.fields = {opening(field("user", FieldType::text, "the user")),
                  opening(field("password", FieldType::text, "the password"))};
  basic.opens_secrets = true;
  Field auth = field("auth", FieldType::object, "who is asking");
  auth.fields = {basic, opening(field("bearer", FieldType::text, "a token"))};
  auth.one_of = {{"basic", "bearer"}};
  auth.opens_secrets = true;
  fields.push_back(std::move(auth));
  Field accept =
      field("accept", FieldType::list, "statuses that are a success, like 200 or 200..299; 200..299 by default");
  accept.items = {field("status", FieldType::text, "a status, or two with `..` between them")};
  fields.push_back(std::move(accept));
  fields.push_back(field("redirects", FieldType::integer, "how many redirects are followed; none by default"));
  return fields;
}

Result<HttpRequest> http_request_of(const StepInput& input) {
  const Map& args = input.args;
  std::string verb = http_verb_of(args);
  if (verb.empty())
    return fail(ErrorCode::invalid, "`http` needs one of `get`, `head`, `post`, `put`, `patch`, `delete`");
  HttpRequest request;
  request.method = verb;
  for (char& c : request.method) c = static_cast<char>(c - 'a' + 'A');
  Result<std::string> url = url_of(args, verb);
  if (!url) return pass(url.error());
  request.url = std::move(*url);
  request.timeout = input.timeout.us > 0 ? input.timeout : default_timeout;
  Connection service;
  if (const Value* connection = member(args, "connection")) service = connection_of(*connection);
  request.ca_file = text_of(service.settings, "ca");
  request.cert_file = text_of(service.settings, "cert");
  if (const Value* key = member(service.settings, "key"))
    request.key_file = key->is<Secret>() ? std::string(key->get<Secret>().reveal(SecretSink::key)) : to_text(*key);
  // What the step says comes after what its connection says, and wins.
  if (Result<void> added = add_headers(request.headers, member(service.settings, "headers")); !added)
    return pass(added.error());
  const Value* auth = member(args, "auth");
  if (Result<void> added = add_auth(request, auth ? auth : member(service.settings, "auth")); !added)
    return pass(added.error());
  if (Result<void> added = add_headers(request.headers, member(args, "headers")); !added) return pass(added.error());
  if (Result<void> added = add_body(request, args); !added) return pass(added.error());
  if (const Value* redirects = member(args, "redirects"); redirects && !redirects->is_null()) {
    const int64_t* n = redirects->find<int64_t>();
    if (!n || *n < 0 || *n > most_redirects)
      return fail(ErrorCode::invalid, "`redirects` must be from 0 to 20, and is " + to_text(*redirects));
    request.redirects = static_cast<int>(*n);
  }
  return request;
}

std::vector<std::string> http_request_lines(const HttpRequest& request, const Map& args) {
  std::vector<std::string> lines{request.method + " " + request.url};
  for (const auto& [name, value] : request.headers) lines.push_back(name + ": " + to_text(value));
  if (!request.user.empty()) lines.push_back("Authorization: Basic ***");
  std::string body;
  if (const Value* json = member(args, "json")) body = print_json(*json);
  if (const Value* form = member(args, "form"); form && form->is<Map>()) body = encoded_pairs(form->get<Map>());
  if (const Value* text = member(args, "body")) body = to_text(*text);
  if (body.size() > most_shown_bytes) {
    body = body.substr(0, most_shown_bytes) + "... (" + std::to_string(body.size()) + " bytes)";
  }
  if (!body.empty()) lines.push_back(std::move(body));
  return lines;
}

bool AcceptedStatuses::holds(int64_t status) const {
  return std::ranges::any_of(ranges, [&](const Range& range) { return range.first <= status && status <= range.last; });
}

Result<AcceptedStatuses> accepted_statuses(const Map& args) {
  AcceptedStatuses accepted;
  const Value* given = member(args, "accept");
  const List* items = given ? given->find<List>() : nullptr;
  if (!items) return accepted;
  accepted.is_given = true;
  accepted.ranges.clear();
  auto status = [](std::string_view text) -> int64_t {
    int64_t n = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    return error == std::errc() && end == text.data() + text.size() && n >= 100 && n <= 599 ? n : -1;
  };
  for (const Value& item : *items) {
    std::string text = to_text(item);
    size_t dots = text.find("..");
    int64_t first = status(std::string_view(text).substr(0, dots));
    int64_t last = dots == std::string::npos ? first : status(std::string_view(text).substr(dots + 2));
    if (first < 0 || last < first) {
      return fail(ErrorCode::invalid, "`accept` has `" + text + "`: write a status like 200, or two like 200..299");
    }
    accepted.ranges.push_back({first, last});
  }
  return accepted;
}

}  // namespace muster
