// HTTP of a rehearsal: each request is answered by a Lua function of the scenario.
//
// Units, errors: see world/http.h. `unreachable` for a request that nobody answers.
// Threads: jobs of one baton.
#pragma once

#include "interpreter/rehearsal/answers.h"
#include "interpreter/rehearsal/baton.h"
#include "interpreter/world/http.h"

namespace muster {

class SimulatedHttp final : public Http {
 public:
  SimulatedHttp(WorldAnswers& answers, Baton& baton, SimulatedFiles& files, const ScratchPlace& place)
      : answers_(answers), baton_(baton), files_(files), place_(place) {}
  Result<HttpResponse> fetch(const HttpRequest& request, std::stop_token stop) override;
  Result<HttpResponse> send(const HttpRequest& request, std::stop_token stop) override;

 private:
  Result<HttpResponse> answered(const HttpRequest& request, const std::stop_token& stop, Certainty effect);
  WorldAnswers& answers_;
  Baton& baton_;
  SimulatedFiles& files_;
  const ScratchPlace& place_;
};

}  // namespace muster
