// Canaries: secrets that a test plants, every form in which they could get out, and where to look for them.
//
// The forms are made here once more, by other code than the interpreter's: both would have to be wrong in the same way.
#pragma once

#include <dirent.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "interpreter/base/json.h"
#include "tests/live/program.h"

namespace muster {

class Canary {
 public:
  Canary(std::string name, const std::string& text) : name_(std::move(name)), text_(text) {
    forms_["as it is"] = text;
    for (size_t at = 0, n = 1; at <= text.size(); ++n) {
      size_t end = std::min(text.find('\n', at), text.size());
      forms_["line " + std::to_string(n)] = text.substr(at, end - at);
      at = end + 1;
    }
    forms_["hex"] = hex(text, "%02x");
    forms_["HEX"] = hex(text, "%02X");
    forms_["in a URL"] = url(text, "%%%02X");
    forms_["in a url"] = url(text, "%%%02x");
    std::string json = print_json(Value(text));
    forms_["in JSON"] = json.substr(1, json.size() - 2);
    // What of base64 the neighbours cannot change, behind 0, 1 and 2 of them.
    for (size_t before : {0, 1, 2}) {
      std::string encoded = base64(std::string(before, 'x') + text);
      size_t first = before == 0 ? 0 : before + 1, last = (before + text.size()) * 8 / 6;
      forms_["base64 behind " + std::to_string(before)] = encoded.substr(first, last - first);
    }
  }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  // `its base64 behind 1`; empty: nothing of it is there. Line ends count for nothing, as tools wrap what they encode.
  [[nodiscard]] std::string found_in(const std::string& bytes) const {
    std::string joined;
    for (char c : bytes)
      if (c != '\n' && c != '\r') joined.push_back(c);
    for (const auto& [what, form] : forms_)
      if (bytes.find(form) != std::string::npos || joined.find(form) != std::string::npos) return name_ + " " + what;
    return {};
  }

 private:
  static std::string hex(const std::string& text, const char* format) {
    std::string out;
    for (char c : text) {
      char digits[4];
      std::snprintf(digits, sizeof digits, format, static_cast<unsigned char>(c));
      out += digits;
    }
    return out;
  }
  static std::string url(const std::string& text, const char* format) {
    std::string out;
    for (char c : text) {
      char digits[4];
      std::snprintf(digits, sizeof digits, format, static_cast<unsigned char>(c));
      out += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.' || c == '~'
                 ? std::string(1, c)
                 : std::string(digits);
    }
    return out;
  }
  static std::string base64(const std::string& bytes) {
    const char* digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (size_t bit = 0; bit < bytes.size() * 8; bit += 6) {
      unsigned six = 0;
      for (size_t i = bit; i < bit + 6; ++i) {
        bool set = i / 8 < bytes.size() && (static_cast<unsigned char>(bytes[i / 8]) >> (7 - i % 8) & 1) != 0;
        six = six << 1 | (set ? 1 : 0);
      }
      out.push_back(digits[six]);
    }
    return out;
  }
  std::string name_, text_;
  std::map<std::string, std::string> forms_;
};

using Canaries = std::vector<Canary>;

// Every file beneath the folders in whose bytes or name one is: `PATH: its hex`.
inline std::vector<std::string> found_in_files(const Canaries& canaries, const std::vector<std::string>& folders) {
  std::vector<std::string> found;
  for (const std::string& folder : folders) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      std::string bytes = entry.path().string();
      if (entry.is_regular_file()) bytes += "\n" + read_text(entry.path().string());
      for (const Canary& canary : canaries)
        if (std::string what = canary.found_in(bytes); !what.empty())
          found.push_back(entry.path().string() + ": " + what);
    }
  }
  return found;
}

// Looks at the command line and the environment of every process that this test has started, and of all that those have
// started, every 5 ms.
class Watch {
 public:
  // An entry of an environment that begins with `given` was asked for by the playbook. Whoever starts the program
  // `starter` gave it the variables that it reads.
  Watch(const Canaries& canaries, std::string given, std::string starter)
      : canaries_(canaries), given_(std::move(given)), starter_(std::move(starter)) {
    thread_ = std::thread([this] {
      while (!ended_) {
        look();
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }
  ~Watch() { end(); }
  void end() {
    ended_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After the end.
  [[nodiscard]] const std::set<std::string>& found() const { return found_; }
  [[nodiscard]] const std::set<std::string>& programs() const { return programs_; }  // of all that were seen
  [[nodiscard]] int given_seen() const { return given_seen_; }

 private:
  void look() {
    std::vector<std::string> open{"self"};
    while (!open.empty()) {
      std::string process = "/proc/" + open.back();
      open.pop_back();
      DIR* tasks = ::opendir((process + "/task").c_str());
      if (!tasks) continue;  // it has ended
      while (dirent* task = ::readdir(tasks)) {
        std::stringstream ids(read_text(process + "/task/" + task->d_name + "/children"));
        for (std::string id; ids >> id;) {
          judge(id);
          open.push_back(id);
        }
      }
      ::closedir(tasks);
    }
  }
  void judge(const std::string& id) {
    char program[4096] = {};
    if (::readlink(("/proc/" + id + "/exe").c_str(), program, sizeof program - 1) <= 0) return;
    std::string line = read_text("/proc/" + id + "/cmdline"), environment;
    std::stringstream entries(read_text("/proc/" + id + "/environ"));
    for (std::string entry; std::getline(entries, entry, '\0');) {
      if (entry.rfind(given_, 0) == 0) {
        ++given_seen_;
      } else if (program != starter_) {
        environment += entry + "\n";
      }
    }
    programs_.insert(program);
    for (const Canary& canary : canaries_) {
      if (std::string what = canary.found_in(line); !what.empty())
        found_.insert("command line of " + std::string(program) + ": " + what);
      if (std::string what = canary.found_in(environment); !what.empty())
        found_.insert("environment of " + std::string(program) + ": " + what);
    }
  }

  const Canaries canaries_;
  const std::string given_, starter_;
  std::set<std::string> found_, programs_;
  int given_seen_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace muster
