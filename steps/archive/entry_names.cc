#include "steps/archive/entry_names.h"

#include <algorithm>
#include <vector>

#include "interpreter/base/utf8.h"
#include "steps/archive/case_folding.h"

namespace muster {

namespace {

constexpr size_t most_name_bytes = 4096, most_part_bytes = 255, most_parts = 100;

std::vector<std::string_view> parts_of(std::string_view path) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

tl::unexpected<Error> refuse(std::string_view name, const std::string& why) {
  return fail(ErrorCode::refused, "the archive's entry `" + escape_for_terminal(std::string(name), false) + "` " + why);
}

std::u32string decoded(std::string_view text) {
  std::u32string out;
  for (size_t i = 0; i < text.size();) {
    unsigned char first = static_cast<unsigned char>(text[i]);
    size_t more = first < 0x80 ? 0 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3;
    char32_t c = more == 0 ? first : first & (0x3Fu >> more);
    for (size_t k = 1; k <= more; ++k) c = c << 6 | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
    out += c;
    i += more + 1;
  }
  return out;
}

// Whether a link from `name` stays among the archive's own entries. `..` is followed by the letter of the path.
bool stays_inside(const std::string& name, const std::string& link) {
  if (link.empty() || link.starts_with('/')) return false;
  int depth = static_cast<int>(std::ranges::count(name, '/'));
  for (std::string_view part : parts_of(link)) {
    if (part == "..") {
      if (--depth < 0) return false;
    } else if (!part.empty() && part != ".") {
      ++depth;
    }
  }
  return true;
}

std::string_view word_of(TarKind kind) {
  return kind == TarKind::file ? "a file" : kind == TarKind::directory ? "a directory" : "a symbolic link";
}

}  // namespace

Result<std::string> clean_entry_name(std::string_view name) {
  std::string_view rest = name;
  while (rest.starts_with("./")) rest.remove_prefix(2);
  while (rest.ends_with('/') && rest.size() > 1) rest.remove_suffix(1);
  if (rest == "." || rest.empty()) return std::string();
  if (rest.size() > most_name_bytes) return refuse(name.substr(0, 60), "has a name of more than 4096 bytes");
  if (first_invalid_utf8(rest)) return refuse(name, "has a name that is not UTF-8");
  if (rest.starts_with('/')) return refuse(name, "has an absolute path");
  std::vector<std::string_view> parts = parts_of(rest);
  if (parts.size() > most_parts) return refuse(name.substr(0, 60), "lies more than 100 directories deep");
  for (std::string_view part : parts) {
    if (part == "..") return refuse(name, "leads out of the archive by `..`");
    if (part.empty() || part == ".") return refuse(name, "has an empty part in its path");
    if (part.size() > most_part_bytes) return refuse(name.substr(0, 60), "has a part of more than 255 bytes");
    for (char c : part) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return refuse(name, "has a control character in its name");
    }
  }
  return std::string(rest);
}

std::string folded_name(std::string_view name) {
  std::u32string all;
  for (char32_t c : decoded(name)) all += folded(c);
  std::string out;
  for (char32_t c : all) {
    for (int shift = 0; shift < 24; shift += 8) out += static_cast<char>(c >> shift);
  }
  return out;
}

Result<void> EntryNames::claim(const std::string& name, TarKind kind) {
  auto [at, is_new] = folded_.emplace(folded_name(name), name);
  if (!is_new) {
    if (at->second == name) return refuse(name, "is there twice");
    return refuse(name, "differs from `" + at->second + "` by case or composition only");
  }
  kinds_[name] = kind;
  return {};
}

Result<std::string> EntryNames::add(const TarEntry& entry) {
  implied_.clear();
  Result<std::string> name = clean_entry_name(entry.name);
  if (!name) return name;
  if (name->empty()) {
    if (entry.kind == TarKind::directory) return name;
    return refuse(entry.name, "has no name of its own");
  }
  for (size_t slash = name->find('/'); slash != std::string::npos; slash = name->find('/', slash + 1)) {
    std::string parent = name->substr(0, slash);
    auto there = kinds_.find(parent);
    if (there == kinds_.end()) {
      if (Result<void> claimed = claim(parent, TarKind::directory); !claimed) return pass(claimed.error());
      implied_.push_back(parent);
    } else if (there->second != TarKind::directory) {
      return refuse(*name, "goes through `" + parent + "`, which is " + std::string(word_of(there->second)));
    }
  }
  // A directory may be named after something in it was.
  auto there = kinds_.find(*name);
  if (there != kinds_.end() && there->second == TarKind::directory && entry.kind == TarKind::directory) return name;
  if (Result<void> claimed = claim(*name, entry.kind); !claimed) return pass(claimed.error());
  if (entry.kind == TarKind::symlink && !stays_inside(*name, entry.link))
    return refuse(*name, "is a link to `" + entry.link + "`, which lies outside of the archive");
  return name;
}

}  // namespace muster
