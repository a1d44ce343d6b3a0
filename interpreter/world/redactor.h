// Secrets in a stream replaced by ***, also where a secret is split over writes or broken over lines.
//
// The one fence behind everything that is stored or shown: the helper for children, actions and the engine all use it.
// Of what came in, as many bytes are held back as the longest form may take: a secret may go on in what comes next.
// Line ends inside a form are passed over (at most two bytes between two others), because tools wrap what they encode.
// Forms that overlap become one ***, so that nothing of either is left.
#pragma once

#include <bitset>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace muster {

class Redactor {
 public:
  Redactor() = default;
  // See secret_forms.h. Forms of one byte are not looked for.
  explicit Redactor(const std::vector<std::string>& forms) { know(forms); }
  // Looks for these, too, from here on.
  void know(const std::vector<std::string>& forms);
  [[nodiscard]] bool is_idle() const { return longest_ == 0; }

  // A stream: appends to `out` what may be kept.
  void add(std::string_view bytes, std::string& out);
  void end(std::string& out);
  // A whole text.
  [[nodiscard]] std::string text(std::string text) const;

 private:
  // Goes over `bytes` up to `until`, where `covered` of the first bytes were replaced already; gives how many bytes it
  // went over and leaves in `covered` how many beyond them belong to a *** that stands in `out`.
  size_t pass(std::string_view bytes, size_t until, size_t& covered, std::string& out) const;
  [[nodiscard]] size_t length_of_form_at(std::string_view bytes, size_t at) const;
  [[nodiscard]] size_t most_bytes() const { return longest_ * 3; }

  std::unordered_map<unsigned, std::vector<std::string>> forms_;  // by their first two bytes, longest first
  std::bitset<256> begins_;                                       // by the first byte of a form
  size_t longest_ = 0;
  std::string held_;
  size_t covered_ = 0;  // bytes of `held_` that a *** stands for already
};

}  // namespace muster
