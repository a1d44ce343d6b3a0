// Secrets in a stream replaced by ***, also where a secret is split over writes.
//
// Of what came in, the last longest - 1 bytes are held back: a secret may go on in what comes next. Where several
// begin at one place, the longest counts.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <vector>

namespace muster::children {

class Redactor {
 public:
  // Forms of one byte are not looked for.
  explicit Redactor(std::vector<std::string> forms);
  [[nodiscard]] bool is_idle() const { return forms_.empty(); }
  // Appends to `out` what may be kept.
  void add(std::string_view bytes, std::string& out);
  void end(std::string& out);

 private:
  void release(size_t until, std::string& out);
  [[nodiscard]] size_t length_of_form_at(size_t at) const;

  std::vector<std::string> forms_;  // longest first
  std::bitset<1 << 16> begins_;     // by the first two bytes of a form
  std::string held_;
};

}  // namespace muster::children
