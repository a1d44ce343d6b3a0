// Every file that a playbook is made of: itself, and what it names. Each is read once, beneath the playbook's folder,
// and kept with its digest; a run that goes on finds its files as they were kept.
//
// Errors: a message for people, without a place: the caller knows where the name stands.
// Source: docs/language.md, "The playbook".
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "interpreter/base/source_file.h"

namespace muster {

class Sources {
 public:
  // From disk: nothing outside the folder of `playbook` can be read, links out of it included.
  [[nodiscard]] static tl::expected<Sources, std::string> of(const std::string& playbook);
  // As a run kept them: the first one is its playbook. Nothing is read any more.
  [[nodiscard]] static Sources kept(SourceFiles files);

  // A file by its path from the folder of the file that names it; the same file is opened once.
  [[nodiscard]] tl::expected<uint32_t, std::string> open(std::string_view path, uint32_t from = 0);

  [[nodiscard]] const SourceFiles& files() const { return files_; }
  [[nodiscard]] SourceFiles take() && { return std::move(files_); }

 private:
  SourceFiles files_;
  std::map<std::string, uint32_t> by_path_;
  std::string root_;  // without links; empty: nothing is read from disk
};

}  // namespace muster
