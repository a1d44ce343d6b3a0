// HTTP, as a port.
//
// Units:  Durations; body limits in bytes.
// Errors: `unreachable` (refused, no such host: effect none), `timeout`, `interrupted`, `bad_reply` (cut, too large:
// effect
//         maybe), `refused` (a scheme other than http and https, a forbidden redirect, CR or LF in a header).
//         A status of 400 or 500 is a response, not an error: the action judges.
// Source: docs/language.md, "http"; docs/reliability.md rows B35 to B43.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/secret.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"

namespace muster {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, Value>> headers;  // text or Secret
  Value body;                                          // Null, text or Secret
  std::string user;                                    // basic auth; empty: none
  Value password;                                      // text or Secret
  std::string sigv4;  // `us-east-1:s3`: signed for AWS's region and service, with `user` and `password` as its keys
  std::string ca_file, cert_file, key_file;
  int redirects = 0;
  Duration timeout{30'000'000};
  uint64_t max_body_bytes = 1 << 20;
  std::string save_to;  // the body goes to this new file instead (Http only)
};

struct HttpResponse {
  int64_t status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  std::string effective_url;
};

class HttpRead {
 public:
  virtual ~HttpRead() = default;
  // GET and HEAD, or another method that the playbook declared to be a read.
  [[nodiscard]] virtual Result<HttpResponse> fetch(const HttpRequest&, std::stop_token) = 0;
};

class Http : public HttpRead {
 public:
  [[nodiscard]] virtual Result<HttpResponse> send(const HttpRequest&, std::stop_token) = 0;
};

}  // namespace muster
