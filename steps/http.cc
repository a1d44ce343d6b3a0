// `http`: one request and its answer.
//
// GET and HEAD are reads, everything else writes unless the playbook declares otherwise. A status outside `accept`
// fails the step; within `verify`, where a claim may ask for the status itself, any answer is a result unless `accept`
// is given. Source: docs/language.md, "Actions on the world"; docs/actions/http.md.
#include <algorithm>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/world/http_rules.h"
#include "interpreter/world/redaction.h"
#include "steps/http_request.h"
#include "steps/steps.h"

namespace muster {

namespace {

constexpr size_t head_bytes = 64 << 10;
constexpr size_t tail_bytes = 192 << 10;
constexpr size_t most_cause_bytes = 300;

std::string_view reason_of(int64_t status) {
  switch (status) {
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 423:
      return "Locked";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

CapturedStream captured(const std::string& body) {
  CapturedStream stream;
  stream.bytes = body.size();
  stream.sha256 = sha256_hex(body);
  stream.head = body.substr(0, head_bytes);
  if (body.size() > head_bytes)
    stream.tail = body.substr(std::max(body.size() - std::min(body.size(), tail_bytes), head_bytes));
  return stream;
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [header, value] : response.headers)
    if (header == name) return value;
  return {};
}

bool is_json(std::string type) {
  type = type.substr(0, type.find(';'));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return type == "application/json" || type == "text/json" || type.ends_with("+json");
}

StepOutput output_of(const HttpResponse& response) {
  StepOutput output;
  Map headers;
  for (const auto& [name, value] : response.headers) {
    auto [at, is_new] = headers.emplace(name, value);
    if (!is_new) at->second = to_text(at->second) + ", " + value;
  }
  output.fields["status"] = response.status;
  output.fields["headers"] = std::move(headers);
  output.fields["body"] = response.body;
  output.fields["value"] = Null{};
  if (is_json(header_of(response, "content-type")) && !response.body.empty()) {
    Result<Value> parsed = parse_json(response.body);
    if (parsed) {
      output.fields["value"] = std::move(*parsed);
    } else {
      output.notes.push_back("the answer calls itself JSON and cannot be read as such: " + parsed.error().message);
    }
  }
  return output;
}

Error status_error(const HttpRequest& request, const HttpResponse& response, Certainty effect) {
  Error error;
  std::string_view reason = reason_of(response.status);
  error.message = request.method + " " + request.url + " answered " + std::to_string(response.status) +
                  (reason.empty() ? "" : " " + std::string(reason));
  error.status = response.status;
  error.effect = effect;
  error.cause = escape_for_terminal(response.body.substr(0, most_cause_bytes), false);
  return error;
}

// Secrets that the step sent are taken out before anything of the answer is kept, shown or parsed.
HttpResponse redacted(HttpResponse response, const Redaction& redaction) {
  response.body = redaction.text(std::move(response.body));
  for (auto& [name, value] : response.headers) value = redaction.text(std::move(value));
  return response;
}

template <class Ask>
Result<StepOutput> ask_and_judge(const StepInput& input, const HttpRequest& request, bool is_read, bool any_status,
                                 Ask ask) {
  Result<AcceptedStatuses> accepted = accepted_statuses(input.args);
  if (!accepted) return pass(accepted.error());
  Redaction redaction(input.args, input.opened);
  Result<HttpResponse> answer = ask(request, input.stop);
  if (!answer) {
    if (is_read) answer.error().effect = Certainty::no_effect;
    return pass(redaction.error(std::move(answer.error())));
  }
  HttpResponse response = redacted(std::move(*answer), redaction);
  if (!response.body.empty()) input.streams.keep("body", captured(response.body));
  bool is_fine = accepted->holds(response.status) || (any_status && !accepted->is_given);
  if (!is_fine) return pass(status_error(request, response, is_read ? Certainty::no_effect : Certainty::maybe));
  return output_of(response);
}

Result<StepOutput> look(const StepInput& input, Look& world) {
  Result<HttpRequest> request = http_request_of(input);
  if (!request) return pass(request.error());
  bool is_in_verify = input.op.path.ends_with("!verify") || input.op.path.ends_with("!done_when");
  return ask_and_judge(input, *request, true, is_in_verify, [&](const HttpRequest& asked, std::stop_token stop) {
    return world.http.fetch(asked, std::move(stop));
  });
}

Result<StepOutput> act(const StepInput& input, Touch& touch) {
  Result<HttpRequest> request = http_request_of(input);
  if (!request) return pass(request.error());
  bool is_read = request->method == "GET" || request->method == "HEAD";
  bool has_key = std::ranges::any_of(request->headers, [](const auto& header) {
    std::string name = header.first;
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return name == "idempotency-key";
  });
  if (!is_read && !has_key && !input.idempotency_key.empty()) {
    request->headers.emplace_back("Idempotency-Key", input.idempotency_key);
  }
  return ask_and_judge(input, *request, is_read, false, [&](const HttpRequest& asked, std::stop_token stop) {
    return touch.http.send(asked, std::move(stop));
  });
}

Result<Preview> preview(const StepInput& input, Look&, Trial&) {
  Preview preview;
  for (const auto& [name, value] : input.args) {
    if (const Unknown* unknown = find_unknown(value)) preview.unknown = unknown->why;
  }
  Result<HttpRequest> request = http_request_of(input);
  if (request) {
    preview.lines = http_request_lines(*request, input.args);
  } else if (!preview.unknown) {
    return pass(request.error());
  }
  return preview;
}

std::vector<ResultField> http_results() {
  return {
      {"status", FieldType::integer, "the status, like 200"},
      {"headers", FieldType::map, "the answer's headers by their names in lower case"},
      {"body", FieldType::text, "the answer's body"},
      {"value", FieldType::any, "the body parsed, where its content type is JSON; otherwise nil"},
  };
}

// A path beside a connection is judged where the base is known.
std::vector<WrongArgument> look_over(const Map& args) {
  const std::string verb = http_verb_of(args);
  const Value* url = member(args, verb);
  const std::string* text = url ? url->find<std::string>() : nullptr;
  if (!text || member(args, "connection")) return {};
  Result<void> fits = check_url(*text);
  if (fits) return {};
  const bool lacks_scheme = scheme_of(*text).empty() && text->find(' ') == std::string::npos;
  return {{{verb}, false, fits.error().message, lacks_scheme ? "write `http://" + *text + "`" : fits.error().hint}};
}

}  // namespace

Action http_action() {
  Action action;
  action.name = "http";
  action.summary = "ask a web service, or tell it something";
  action.fields = http_fields();
  action.one_of = {http_verbs()};
  action.results = http_results();
  action.effect = [](const Map& args) {
    std::string verb = http_verb_of(args);
    return verb == "get" || verb == "head" ? Effect::read : Effect::write;
  };
  action.effect_may_be_declared = true;
  action.look_over = look_over;
  action.look = look;
  action.act = act;
  action.preview = preview;
  return action;
}

}  // namespace muster
