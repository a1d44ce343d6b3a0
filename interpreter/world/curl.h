// HTTP through libcurl, which is loaded at the first request.
//
// Each request runs on the thread that asks, on a transfer of its own that is kept afterwards with its open
// connections: the next request to the same server finds one. A request that may change something takes a fresh
// connection, because libcurl sends a request again, unasked, when a kept connection turns out to be closed. Units,
// errors: see http.h. `not_found` when there is no libcurl 7.85 or later. `effect` is no_effect as long as no byte
//         of the request was sent.
// Threads: safe from several threads. A stop is heeded at once, also while a name is being resolved.
// Source: docs/actions/http.md; docs/reliability.md rows B35 to B43 and S31, S32.
#pragma once

#include <memory>

#include "interpreter/world/http.h"

namespace muster {

class RealHttp final : public Http {
 public:
  RealHttp();
  ~RealHttp() override;
  RealHttp(const RealHttp&) = delete;
  RealHttp& operator=(const RealHttp&) = delete;

  // `refused` with `save_to`: a read leaves nothing behind.
  [[nodiscard]] Result<HttpResponse> fetch(const HttpRequest&, std::stop_token) override;
  [[nodiscard]] Result<HttpResponse> send(const HttpRequest&, std::stop_token) override;

 private:
  class Pool;
  std::unique_ptr<Pool> pool_;
};

}  // namespace muster
