// The arguments of `http` as a request of the port, and as lines for people.
//
// Errors: `invalid`, naming the field.
// Source: docs/language.md, "http" and ground rule 3; docs/actions/http.md.
#pragma once

#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/result.h"

namespace muster {

[[nodiscard]] std::vector<Field> http_fields();
// `get`, `head`, `post`, `put`, `patch`, `delete`.
[[nodiscard]] const std::vector<std::string>& http_verbs();
// The verb that the arguments have; empty where there is none.
[[nodiscard]] std::string http_verb_of(const Map& args);

[[nodiscard]] Result<HttpRequest> http_request_of(const StepInput& input);
// The request line, its headers and its body, with `***` for secrets.
[[nodiscard]] std::vector<std::string> http_request_lines(const HttpRequest& request, const Map& args);

// Which statuses are a success.
struct AcceptedStatuses {
  struct Range {
    int64_t first, last;
  };
  std::vector<Range> ranges{{200, 299}};
  bool is_given = false;  // by the playbook
  [[nodiscard]] bool holds(int64_t status) const;
};
[[nodiscard]] Result<AcceptedStatuses> accepted_statuses(const Map& args);

}  // namespace muster
