// From here on this process, and whatever it becomes by exec, starts no other: each try ends with EAGAIN, as where the
// table of processes is full. A filter of system calls, because limits do not bind root. Not in a process with threads.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>

namespace muster {

inline bool refuse_new_processes() {
#if defined(__x86_64__)
  constexpr std::array<unsigned, 4> calls = {__NR_clone, __NR_clone3, __NR_fork, __NR_vfork};
#else
  constexpr std::array<unsigned, 2> calls = {__NR_clone, __NR_clone3};
#endif
  std::array<sock_filter, 2 * calls.size() + 2> program{};
  size_t at = 0;
  program[at++] = BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
  for (unsigned call : calls) {
    program[at++] = BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1);
    program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN);
  }
  program[at++] = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace muster
