#include "interpreter/cli/playbook_digest.h"

namespace muster {

std::string digest_of_playbook(const StepGraph& graph, const SourceFiles& files) {
  std::vector<std::string> digests;
  for (const SourceFile& file : files.all()) digests.push_back(file.digest);
  return graph.digest(digests);
}

}  // namespace muster
