#include "interpreter/rehearsal/simulated_http.h"

#include <algorithm>

#include "interpreter/base/json.h"

namespace muster {
namespace {

std::string open_text(const Value& value, SecretSink sink) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(sink));
  return value.is_null() ? std::string() : to_text(value);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c); });
  return text;
}

bool is_true(const Map& map, const char* name) {
  const Value* value = member(map, name);
  return value && value->is<bool>() && value->get<bool>();
}

}  // namespace

Result<HttpResponse> SimulatedHttp::fetch(const HttpRequest& request, std::stop_token stop) {
  return answered(request, stop, Certainty::no_effect);
}

Result<HttpResponse> SimulatedHttp::send(const HttpRequest& request, std::stop_token stop) {
  return answered(request, stop, Certainty::maybe);
}

Result<HttpResponse> SimulatedHttp::answered(const HttpRequest& request, const std::stop_token& stop,
                                             Certainty effect) {
  Map headers;
  for (const auto& [name, value] : request.headers) headers[lower(name)] = open_text(value, SecretSink::http_header);
  const std::string body = open_text(request.body, SecretSink::http_body);
  Map call{{"method", request.method}, {"url", request.url}, {"headers", std::move(headers)}, {"body", body}};
  if (!request.user.empty()) call["user"] = request.user;
  if (Result<Value> json = parse_json(body); !body.empty() && json) call["json"] = std::move(*json);
  Result<Value> answer = answers_.request(request.method, request.url, std::move(call));
  if (!answer) {
    if (answer.error().code == ErrorCode::expression) answer.error().effect = effect;
    return pass(answer.error());
  }
  Map said;
  if (const Map* map = answer->find<Map>()) said = *map;
  if (const int64_t* status = answer->find<int64_t>()) said["status"] = *status;
  if (const std::string* text = answer->find<std::string>()) said["body"] = *text;
  Result<void> known =
      only_keys(said, {"status", "headers", "body", "json", "takes", "unreachable", "cut"}, "a response");
  Result<Duration> takes = takes_of(said);
  if (!known || !takes) {
    Error error = !known ? known.error() : takes.error();
    error.effect = effect;
    answers_.findings.push_back("the answer to `" + request.method + " " + request.url + "`: " + error.message +
                                (error.hint.empty() ? "" : "; " + error.hint));
    return pass(std::move(error));
  }
  const bool is_late = request.timeout.us > 0 && *takes > request.timeout;
  const Duration wait = is_late ? request.timeout : *takes;
  if (wait.us > 0 && !baton_.sleep(wait, stop)) {
    if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
    return fail(ErrorCode::interrupted, "stopped before it was answered", {}, effect);
  }
  if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
  if (is_true(said, "unreachable"))
    return fail(ErrorCode::unreachable, "`" + request.url + "` cannot be reached: connection refused");
  if (is_late) return fail(ErrorCode::timeout, "no answer within " + to_text(request.timeout), {}, effect);
  if (is_true(said, "cut")) return fail(ErrorCode::bad_reply, "the answer was cut short", {}, effect);
  HttpResponse response;
  response.status = 200;
  if (const Value* status = member(said, "status"); status && status->is<int64_t>())
    response.status = status->get<int64_t>();
  response.effective_url = request.url;
  bool has_type = false;
  if (const Value* list = member(said, "headers"); list && list->is<Map>())
    for (const auto& [name, value] : list->get<Map>()) {
      response.headers.emplace_back(lower(name), to_text(value));
      has_type = has_type || lower(name) == "content-type";
    }
  if (const Value* json = member(said, "json")) {
    response.body = print_json(*json);
    if (!has_type) response.headers.emplace_back("content-type", "application/json");
  } else if (const Value* text = member(said, "body")) {
    response.body = to_text(*text);
  }
  if (request.method == "HEAD") response.body.clear();
  if (!request.save_to.empty()) {
    Result<std::unique_ptr<WriteFile>> file = files_.create(request.save_to);
    if (!file) return pass(file.error());
    if (Result<void> done = (*file)->write_at(0, response.body); !done) return pass(done.error());
    response.body.clear();
  } else if (response.body.size() > request.max_body_bytes) {
    return fail(ErrorCode::bad_reply, "the answer is larger than " + std::to_string(request.max_body_bytes) + " bytes",
                {}, effect);
  }
  return response;
}

}  // namespace muster
