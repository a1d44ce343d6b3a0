#include "interpreter/reader/calls.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "interpreter/base/digest.h"
#include "interpreter/language/walk.h"
#include "interpreter/reader/reader.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

constexpr size_t deepest_call = 16;
constexpr uint64_t most_called_steps = 100'000;

std::string quoted(const std::string& text) { return "`" + text + "`"; }

class CallReader {
 public:
  CallReader(SourceFiles& files, const OpenSource& open, Diagnostics& problems)
      : files_(files), open_(open), problems_(problems) {}

  void read_calls_of(Playbook& first, std::string path) {
    root_ = fs::path(path).parent_path().lexically_normal();
    way_.push_back(fs::path(path).lexically_normal().string());
    (void)follow(first);
  }

 private:
  struct Known {
    std::shared_ptr<const Playbook> playbook;
    uint64_t steps = 0;  // its own and those that it calls
  };

  void refuse(Span at, std::string code, std::string message, std::string help = {}) {
    problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
  }

  // Reads what its calls name; gives how many steps it comes to.
  uint64_t follow(Playbook& playbook) {
    uint64_t steps = 0;
    uint64_t called = 0;
    bool told = false;
    each_step(playbook, [&](Step& step) {
      ++steps;
      if (!step.call || !step.call->playbook) return;
      const Known* known = find(*step.call->playbook);
      if (!known) return;
      step.call->called = known->playbook;
      called = std::min(called + known->steps, most_called_steps + 1);
      if (called <= most_called_steps || told) return;
      told = true;
      refuse(step.call->playbook->at, "call-too-large",
             "with this call the playbook comes to more than " + std::to_string(most_called_steps) +
                 " steps that it calls",
             "call fewer playbooks, or one with a `foreach`");
    });
    return std::min(steps + called, most_called_steps + 1);
  }

  const Known* find(const Name& name) {
    const fs::path written(name.text);
    if (name.text.empty() || written.is_absolute()) {
      refuse(name.at, "call-outside", "a called playbook is named from the folder of the file that calls it",
             "write a relative path, as in `restart-service.muster.yaml`");
      return nullptr;
    }
    const fs::path path = (fs::path(way_.back()).parent_path() / written).lexically_normal();
    const fs::path below = path.lexically_relative(root_.empty() ? fs::path(".") : root_);
    if (below.empty() || *below.begin() == "..") {
      refuse(name.at, "call-outside",
             quoted(name.text) + " lies outside of " +
                 (root_.empty() ? std::string("this folder") : quoted(root_.string())) +
                 ", the folder of the playbook that is run",
             "keep what it calls beneath it");
      return nullptr;
    }
    const std::string key = path.string();
    auto begin = std::find(way_.begin(), way_.end(), key);
    if (begin != way_.end()) {
      std::string cycle;
      for (auto it = begin; it != way_.end(); ++it) cycle += *it + " -> ";
      refuse(name.at, "call-cycle", "these playbooks call each other: " + cycle + key,
             "each arrow reads `calls`; leave one out");
      return nullptr;
    }
    if (auto known = known_.find(key); known != known_.end()) return known->second.playbook ? &known->second : nullptr;
    if (way_.size() > deepest_call) {
      refuse(name.at, "call-too-deep", "calls go more than " + std::to_string(deepest_call) + " deep here",
             "call fewer playbooks from called ones");
      return nullptr;
    }
    std::optional<uint32_t> file = file_of(name, key);
    Known read;
    if (file) {
      if (std::optional<Playbook> playbook = read_playbook(files_, *file, problems_)) {
        auto shared = std::make_shared<Playbook>(std::move(*playbook));
        way_.push_back(key);
        read.steps = follow(*shared);
        way_.pop_back();
        read.playbook = std::move(shared);
      }
    }
    const Known& kept = known_.emplace(key, std::move(read)).first->second;
    return kept.playbook ? &kept : nullptr;
  }

  std::optional<uint32_t> file_of(const Name& name, const std::string& path) {
    const std::vector<SourceFile>& all = files_.all();
    for (uint32_t i = 0; i < all.size(); ++i)
      if (fs::path(all[i].path).lexically_normal().string() == path) return i;
    tl::expected<std::string, std::string> bytes = open_(path);
    if (!bytes) {
      refuse(name.at, "call-not-found", "the called playbook cannot be read: " + bytes.error(),
             "its path is read from the folder of the file that calls it");
      return std::nullopt;
    }
    std::string digest = sha256_hex(*bytes);
    return files_.add({path, std::move(*bytes), std::move(digest)});
  }

  SourceFiles& files_;
  const OpenSource& open_;
  Diagnostics& problems_;
  fs::path root_;
  std::vector<std::string> way_;  // from the first playbook to the one that is read
  std::map<std::string, Known> known_;
};

}  // namespace

OpenSource sources_beside(const std::string& first) {
  return [root = fs::path(first).parent_path()](const std::string& path) -> tl::expected<std::string, std::string> {
    std::error_code code;
    const fs::path folder = fs::canonical(root.empty() ? fs::path(".") : root, code);
    const fs::path target = code ? fs::path() : fs::canonical(path, code);
    if (code) return tl::unexpected(path + ": " + code.message());
    const fs::path below = target.lexically_relative(folder);
    if (below.empty() || *below.begin() == "..")
      return tl::unexpected(path + " is a link that leads out of the folder of the playbook");
    return read_source(path);
  };
}

OpenSource no_more_sources() {
  return [](const std::string& path) -> tl::expected<std::string, std::string> {
    return tl::unexpected(path + " is not among the files that were kept");
  };
}

std::optional<Playbook> read_with_calls(SourceFiles& files, uint32_t file, const OpenSource& open,
                                        Diagnostics& problems) {
  std::optional<Playbook> playbook = read_playbook(files, file, problems);
  if (playbook) CallReader(files, open, problems).read_calls_of(*playbook, files.at(file).path);
  return playbook;
}

}  // namespace muster
