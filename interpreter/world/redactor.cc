#include "interpreter/world/redactor.h"

#include <algorithm>

namespace muster {
namespace {

constexpr size_t most_line_ends = 2;  // between two bytes of a form: \r\n

bool is_line_end(char c) { return c == '\n' || c == '\r'; }

unsigned two(char first, char second) {
  return static_cast<unsigned>(static_cast<unsigned char>(first)) << 8 | static_cast<unsigned char>(second);
}

// Where the text goes on behind line ends; too many of them end it.
size_t over_line_ends(std::string_view bytes, size_t at) {
  size_t end = std::min(bytes.size(), at + most_line_ends);
  while (at < end && is_line_end(bytes[at])) ++at;
  return at;
}

// How many bytes of the text stand for the form at its beginning; 0: none.
size_t length_of(std::string_view form, std::string_view bytes, size_t begin) {
  size_t at = begin;
  for (size_t i = 0; i < form.size(); ++i) {
    if (i > 0 && at < bytes.size() && is_line_end(bytes[at])) at = over_line_ends(bytes, at);
    if (at >= bytes.size() || bytes[at] != form[i]) return 0;
    ++at;
  }
  return at - begin;
}

}  // namespace

void Redactor::know(const std::vector<std::string>& forms) {
  for (std::string form : forms) {
    std::erase_if(form, is_line_end);
    if (form.size() < 2) continue;
    std::vector<std::string>& same = forms_[two(form[0], form[1])];
    if (std::find(same.begin(), same.end(), form) != same.end()) continue;
    begins_.set(static_cast<unsigned char>(form[0]));
    longest_ = std::max(longest_, form.size());
    same.insert(std::find_if(same.begin(), same.end(), [&](const std::string& s) { return s.size() < form.size(); }),
                form);
  }
}

void Redactor::add(std::string_view bytes, std::string& out) {
  if (is_idle()) {
    out.append(bytes);
    return;
  }
  held_.append(bytes);
  if (held_.size() < most_bytes()) return;
  held_.erase(0, pass(held_, held_.size() - (most_bytes() - 1), covered_, out));
}

void Redactor::end(std::string& out) {
  pass(held_, held_.size(), covered_, out);
  held_.clear();
  covered_ = 0;
}

std::string Redactor::text(std::string text) const {
  if (is_idle() || text.size() < 2) return text;
  std::string out;
  size_t covered = 0;
  pass(text, text.size(), covered, out);
  return out;
}

size_t Redactor::length_of_form_at(std::string_view bytes, size_t at) const {
  if (!begins_[static_cast<unsigned char>(bytes[at])]) return 0;
  size_t next = over_line_ends(bytes, at + 1);
  if (next >= bytes.size()) return 0;
  auto found = forms_.find(two(bytes[at], bytes[next]));
  if (found == forms_.end()) return 0;
  size_t most = 0;  // with line ends inside, the longest form need not take the most bytes
  for (const std::string& form : found->second) most = std::max(most, length_of(form, bytes, at));
  return most;
}

size_t Redactor::pass(std::string_view bytes, size_t until, size_t& covered, std::string& out) const {
  size_t kept = covered;  // from here on nothing was decided to be left out
  size_t end = covered;   // of the *** that was written last
  for (size_t at = 0; at < until; ++at) {
    size_t length = length_of_form_at(bytes, at);
    if (length == 0) continue;
    if (at >= end) {
      out.append(bytes, kept, at - kept).append("***");
      end = at;
    }
    end = std::max(end, at + length);
    kept = end;
  }
  if (until > kept) out.append(bytes, kept, until - kept);
  covered = end > until ? end - until : 0;
  return until;
}

}  // namespace muster
