#include "interpreter/journal/chain.h"

#include "interpreter/base/digest.h"

namespace muster {

std::string framed(std::initializer_list<std::string_view> fields) {
  std::string out;
  for (std::string_view field : fields) {
    uint64_t size = field.size();
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(size >> shift));
    out += field;
  }
  return out;
}

std::string from_hex(std::string_view hex) {
  auto digit = [](char c) { return c >= 'a' ? c - 'a' + 10 : c - '0'; };
  std::string out;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out.push_back(static_cast<char>(digit(hex[i]) << 4 | digit(hex[i + 1])));
  return out;
}

std::string first_link(const NewRun& run) {
  return sha256_hex("muster-run-1" + framed({run.id, run.playbook, run.version, run.graph_digest, run.inputs,
                                             run.starter, run.parent, std::to_string(run.created_at.us)}));
}

std::string next_link(const std::string& previous, const Event& event) {
  return sha256_hex("muster-event-1" + from_hex(previous) +
                    framed({std::to_string(event.seq), event.kind_text, event.op.path, std::to_string(event.attempt),
                            std::to_string(event.at.us), event.body}));
}

std::vector<Event> chained(Lease& lease, std::vector<Event> events) {
  for (Event& event : events) {
    event.seq = lease.next_seq++;
    if (event.kind_text.empty()) event.kind_text = std::string(name_of(event.kind));
    event.hash = next_link(lease.head, event);
    lease.head = event.hash;
  }
  return events;
}

}  // namespace muster
