// Web services that answer as a test says, and remember what they were asked.
#pragma once

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "interpreter/world/http.h"

namespace muster {

class FakeHttp final : public Http {
 public:
  // The next answers to `GET http://host/path`, one for each request; the last one stays.
  void answer(const std::string& request_line, Result<HttpResponse> response) {
    std::lock_guard lock(mutex_);
    answers_[request_line].push_back(std::move(response));
  }
  void answer(const std::string& request_line, int64_t status, std::string body = "",
              std::string type = "application/json") {
    HttpResponse response;
    response.status = status;
    response.body = std::move(body);
    if (!response.body.empty()) response.headers.emplace_back("content-type", std::move(type));
    answer(request_line, std::move(response));
  }

  [[nodiscard]] Result<HttpResponse> fetch(const HttpRequest& request, std::stop_token stop) override {
    {
      std::lock_guard lock(mutex_);
      fetched.push_back(request);
    }
    return next(request, stop);
  }
  [[nodiscard]] Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override {
    {
      std::lock_guard lock(mutex_);
      sent.push_back(request);
    }
    return next(request, stop);
  }

  std::vector<HttpRequest> fetched;
  std::vector<HttpRequest> sent;

 private:
  Result<HttpResponse> next(const HttpRequest& request, const std::stop_token& stop) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "stopped");
    std::lock_guard lock(mutex_);
    auto found = answers_.find(request.method + " " + request.url);
    if (found == answers_.end())
      return fail(ErrorCode::unreachable, "nobody answers " + request.method + " " + request.url);
    Result<HttpResponse> response = found->second.front();
    if (found->second.size() > 1) found->second.pop_front();
    if (response && response->effective_url.empty()) response->effective_url = request.url;
    return response;
  }

  std::mutex mutex_;
  std::map<std::string, std::deque<Result<HttpResponse>>> answers_;
};

}  // namespace muster
