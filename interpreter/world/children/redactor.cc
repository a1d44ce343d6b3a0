#include "interpreter/world/children/redactor.h"

#include <algorithm>

namespace muster::children {
namespace {

size_t first_two(const char* at) {
  return static_cast<size_t>(static_cast<unsigned char>(at[0])) << 8 | static_cast<unsigned char>(at[1]);
}

}  // namespace

Redactor::Redactor(std::vector<std::string> forms) : forms_(std::move(forms)) {
  std::erase_if(forms_, [](const std::string& form) { return form.size() < 2; });
  std::sort(forms_.begin(), forms_.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  for (const std::string& form : forms_) begins_.set(first_two(form.data()));
}

void Redactor::add(std::string_view bytes, std::string& out) {
  if (is_idle()) {
    out.append(bytes);
    return;
  }
  held_.append(bytes);
  size_t hold = forms_.front().size() - 1;
  if (held_.size() > hold) release(held_.size() - hold, out);
}

void Redactor::end(std::string& out) { release(held_.size(), out); }

size_t Redactor::length_of_form_at(size_t at) const {
  for (const std::string& form : forms_)
    if (held_.compare(at, form.size(), form) == 0) return form.size();
  return 0;
}

// Lets go of what begins before `until`.
void Redactor::release(size_t until, std::string& out) {
  size_t kept = 0, at = 0;
  while (at < until) {
    size_t length = at + 1 < held_.size() && begins_[first_two(held_.data() + at)] ? length_of_form_at(at) : 0;
    if (length == 0) {
      ++at;
      continue;
    }
    out.append(held_, kept, at - kept).append("***");
    at += length;
    kept = at;
  }
  if (at > kept) out.append(held_, kept, at - kept);
  held_.erase(0, at);
}

}  // namespace muster::children
