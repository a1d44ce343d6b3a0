// The real helper at work in a directory of its own, and ways to wait for what children do without sleeping.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "interpreter/world/children/spool_names.h"
#include "interpreter/world/real_processes.h"
#include "tests/world/temp_directory.h"

namespace muster {

inline std::string content_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline Command command_of(std::vector<std::string> argv) {
  Command command;
  command.argv = std::move(argv);
  command.timeout = Duration::seconds(60);  // of the test, should something hang
  return command;
}
inline Command script_of(const std::string& text) { return command_of({"/bin/sh", "-c", text}); }

inline std::string all_of(const CapturedStream& stream) { return stream.head + stream.tail; }

inline bool is_alive(pid_t pid) {
  std::string stat = content_of("/proc/" + std::to_string(pid) + "/stat");
  size_t end = stat.rfind(") ");
  return end != std::string::npos && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

// Blocks until it has ended and nobody waits for it.
inline void wait_until_gone(pid_t pid) {
  while (is_alive(pid)) ::usleep(1000);
}

class ChildrenAtWork : public testing::Test {
 protected:
  static constexpr const char* helper_path = MUSTER_BINARY_DIR "/muster-children";

  ChildrenAtWork() : spool(directory.path() + "/spool") {
    environment = allowed_environment({{"PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}, {"HOME", "/nowhere"}});
  }
  ProcessSettings settings() const { return {helper_path, spool, environment}; }
  std::string path(const std::string& name) const { return directory.path() + "/" + name; }
  std::string pipe(const std::string& name) const {
    EXPECT_EQ(::mkfifo(path(name).c_str(), 0600), 0);
    return path(name);
  }
  // The helper that listens in the spool directory; 0 where there is none.
  pid_t helper() const {
    if (!std::filesystem::exists(spool)) return 0;
    for (const auto& entry : std::filesystem::directory_iterator(spool))
      if (children::is_socket_name(entry.path().filename().string()))
        return static_cast<pid_t>(std::atoi(entry.path().filename().c_str() + std::strlen("helper-")));
    return 0;
  }
  // Blocks until a child has written the pipe.
  static std::string hear(const std::string& pipe) {
    std::string text = content_of(pipe);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  }
  // Blocks until a child reads the pipe.
  static void say(const std::string& pipe, const std::string& text) { std::ofstream(pipe) << text << '\n'; }

  TempDirectory directory;
  std::string spool;
  std::map<std::string, std::string> environment;
  ChildKey key{"run-1", OpId{"work/step"}, 1};
};

}  // namespace muster
