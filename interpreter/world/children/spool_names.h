// Names in the spool directory, and how to reach a socket in it.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>

namespace muster::children {

// Begins every NAME.child: a file of another kind or of another version of the record is not taken for one.
inline constexpr std::string_view record_magic = "muster child 2\n";

inline std::string record_name(const std::string& name) { return name + ".child"; }
inline std::string socket_name(pid_t helper) { return "helper-" + std::to_string(helper) + ".socket"; }
inline bool is_socket_name(std::string_view file) { return file.starts_with("helper-") && file.ends_with(".socket"); }

// An address holds 107 bytes of path; a longer one goes through the open directory.
inline sockaddr_un socket_address(const std::string& directory, int directory_fd, const std::string& file) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = directory + "/" + file;
  if (path.size() >= sizeof address.sun_path) path = "/proc/self/fd/" + std::to_string(directory_fd) + "/" + file;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

}  // namespace muster::children
