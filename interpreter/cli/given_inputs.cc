#include "interpreter/cli/given_inputs.h"

#include "interpreter/base/digest.h"
#include "interpreter/reader/reader.h"

namespace muster {

std::optional<Map> given_inputs(const Invocation& invocation) {
  Map given;
  if (std::string path = invocation.options.last("--inputs"); !path.empty()) {
    tl::expected<std::string, std::string> bytes = read_source(path);
    if (!bytes) {
      tell("muster: " + bytes.error() + "\n");
      return std::nullopt;
    }
    SourceFiles files;
    std::string digest = sha256_hex(*bytes);
    uint32_t file = files.add({path, std::move(*bytes), digest});
    Diagnostics problems;
    std::optional<Map> values = read_values(files, file, problems);
    if (!problems.empty()) tell(render_all(problems, files, invocation.terminal.colour));
    if (!values || has_errors(problems)) return std::nullopt;
    given = std::move(*values);
  }
  for (const std::string& word : invocation.options.all("--input")) {
    size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      tell("muster: `-i " + word + "` is not NAME=VALUE\n");
      return std::nullopt;
    }
    given[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return given;
}

}  // namespace muster
