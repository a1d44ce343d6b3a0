#include <algorithm>
#include <cassert>
#include <cstdio>

#include "steps/archive/tar_format.h"

namespace muster {

namespace {

constexpr size_t block = 512;
constexpr uint64_t most_octal = 077777777777;  // eleven digits: 8 GiB

void put_octal(std::string& header, size_t at, size_t width, uint64_t number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%0*llo", static_cast<int>(width - 1), static_cast<unsigned long long>(number));
  std::copy_n(digits, width - 1, header.begin() + static_cast<long>(at));
}

std::string header_of(const TarEntry& entry, char kind, const std::string& name, uint64_t size) {
  std::string header(block, '\0');
  auto put = [&](size_t at, size_t width, std::string_view text) {
    std::copy_n(text.begin(), std::min(width, text.size()), header.begin() + static_cast<long>(at));
  };
  put(0, 100, name);
  put_octal(header, 100, 8, entry.mode & 0777);
  put_octal(header, 108, 8, 0);
  put_octal(header, 116, 8, 0);
  put_octal(header, 124, 12, std::min(size, most_octal));
  put_octal(header, 136, 12, static_cast<uint64_t>(std::max<int64_t>(0, entry.modified.us / 1'000'000)));
  header[156] = kind;
  put(157, 100, entry.link);
  put(257, 8, std::string_view("ustar\00000", 8));
  put(148, 8, "        ");
  uint64_t sum = 0;
  for (char c : header) sum += static_cast<unsigned char>(c);
  put_octal(header, 148, 7, sum);
  header[154] = '\0';
  return header;
}

// `NN key=value\n`, where NN counts itself.
std::string record(const std::string& key, const std::string& value) {
  std::string rest = " " + key + "=" + value + "\n";
  size_t size = rest.size();
  while (std::to_string(size).size() + rest.size() != size) size = std::to_string(size).size() + rest.size();
  return std::to_string(size) + rest;
}

std::string padding_of(uint64_t size) { return std::string((block - size % block) % block, '\0'); }

}  // namespace

Result<void> TarWriter::begin(const TarEntry& entry) {
  assert(left_ == 0);
  std::string pax;
  if (entry.name.size() > 100) pax += record("path", entry.name);
  if (entry.link.size() > 100) pax += record("linkpath", entry.link);
  if (entry.size > most_octal) pax += record("size", std::to_string(entry.size));
  if (entry.modified.us % 1'000'000 != 0 || entry.modified.us < 0) {
    char time[40];
    int64_t seconds = entry.modified.us / 1'000'000, rest = entry.modified.us % 1'000'000;
    std::snprintf(time, sizeof time, "%s%lld.%06lld", entry.modified.us < 0 ? "-" : "",
                  static_cast<long long>(std::max(seconds, -seconds)), static_cast<long long>(std::max(rest, -rest)));
    pax += record("mtime", time);
  }
  if (!pax.empty()) {
    std::string all = header_of(TarEntry{}, 'x', "pax", pax.size()) + pax + padding_of(pax.size());
    if (Result<void> put = next_.add(all); !put) return put;
  }
  char kind = entry.kind == TarKind::directory ? '5' : entry.kind == TarKind::symlink ? '2' : '0';
  size_ = left_ = entry.kind == TarKind::file ? entry.size : 0;
  return next_.add(header_of(entry, kind, entry.name, size_));
}

Result<void> TarWriter::add(std::string_view bytes) {
  assert(bytes.size() <= left_);
  left_ -= bytes.size();
  return next_.add(bytes);
}

Result<void> TarWriter::finish_entry() {
  assert(left_ == 0);
  std::string padding = padding_of(size_);
  return padding.empty() ? Result<void>() : next_.add(padding);
}

Result<void> TarWriter::end() {
  if (Result<void> put = next_.add(std::string(2 * block, '\0')); !put) return put;
  return next_.end();
}

}  // namespace muster
