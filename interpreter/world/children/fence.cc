#include "interpreter/world/children/fence.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace muster::children {
namespace {

// Of linux/landlock.h, which is older than the kernels that this runs on.
constexpr long nr_create_ruleset = 444, nr_add_rule = 445, nr_restrict_self = 446;
constexpr uint32_t ask_version = 1;
constexpr int rule_path_beneath = 1;
struct RulesetAttributes {
  uint64_t handled_fs = 0, handled_net = 0, scoped = 0;
};
struct __attribute__((packed)) PathBeneath {
  uint64_t allowed = 0;
  int32_t parent_fd = -1;
};
constexpr uint64_t write_file = 1u << 1, refer = 1u << 13, truncate_file = 1u << 14, ioctl_device = 1u << 15;
// Removing and making of every kind.
constexpr uint64_t change_tree = 0x1FF0;
constexpr uint64_t scope_sockets_and_signals = 3;

#if defined(__x86_64__)
constexpr uint32_t this_architecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr uint32_t this_architecture = AUDIT_ARCH_AARCH64;
#else
#error "the fence knows the system calls of x86-64 and arm64"
#endif

// Changes that Landlock does not see.
constexpr long refused[] = {
#ifdef SYS_chmod
    SYS_chmod,
    SYS_chown,
    SYS_lchown,
    SYS_ptrace,
    SYS_iopl,
    SYS_ioperm,
    SYS_utime,
    SYS_utimes,
    SYS_futimesat,
#else
    SYS_ptrace,
#endif
    SYS_fchmod,
    SYS_fchmodat,
    452,  // fchmodat2
    SYS_fchown,
    SYS_fchownat,
    SYS_setxattr,
    SYS_lsetxattr,
    SYS_fsetxattr,
    463,  // setxattrat
    SYS_removexattr,
    SYS_lremovexattr,
    SYS_fremovexattr,
    466,  // removexattrat
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_swapon,
    SYS_swapoff,
    SYS_reboot,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_quotactl,
    SYS_acct,
    SYS_bpf,
    SYS_add_key,
    SYS_keyctl,
    SYS_setns,
    SYS_process_vm_writev,
    SYS_setpriority,
    SYS_shmctl,
    SYS_semctl,
    SYS_msgctl,
};

struct Signal {
  long number;
  uint32_t argument;  // that is the signal
};
constexpr Signal signals[] = {{SYS_kill, 1},
                              {SYS_tkill, 1},
                              {SYS_tgkill, 2},
                              {SYS_rt_sigqueueinfo, 1},
                              {SYS_rt_tgsigqueueinfo, 2},
                              {424 /* pidfd_send_signal */, 1}};

constexpr uint32_t nr_io_uring_setup = 425, nr_openat2 = 437;
// What `chattr` and the like ask of a file that is open to be read.
constexpr uint32_t set_flags = 0x40086602, set_flags_extended = 0x401C5820;

class Filter {
 public:
  void load(size_t offset) { add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offset)); }
  void load_number() { load(offsetof(seccomp_data, nr)); }
  void load_argument(uint32_t n) { load(offsetof(seccomp_data, args) + 8 * n); }  // the low half: little endian
  void answer(uint32_t verdict) { add(BPF_RET | BPF_K, verdict); }
  void answer_when(uint32_t value, uint32_t verdict) {
    jump(BPF_JEQ, value, 0, 1);
    answer(verdict);
  }
  void jump(uint16_t test, uint32_t value, uint8_t yes, uint8_t no) {
    code_.push_back({static_cast<uint16_t>(BPF_JMP | test | BPF_K), yes, no, value});
  }
  bool install() {
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  void add(uint32_t code, uint32_t value) { code_.push_back({static_cast<uint16_t>(code), 0, 0, value}); }
  std::vector<sock_filter> code_;
};

constexpr uint32_t no = SECCOMP_RET_ERRNO | EPERM, missing = SECCOMP_RET_ERRNO | ENOSYS, pretend = SECCOMP_RET_ERRNO;

bool filter_calls(int version) {
  Filter filter;
  filter.load(offsetof(seccomp_data, arch));
  filter.jump(BPF_JEQ, this_architecture, 1, 0);
  filter.answer(missing);
  filter.load_number();
#if defined(__x86_64__)
  filter.jump(BPF_JGE, 0x40000000, 0, 1);  // the calls of x32
  filter.answer(missing);
#endif
  for (long number : refused) filter.answer_when(static_cast<uint32_t>(number), no);
  // Of a file that it could open it may set the times, without effect; by a path nothing.
  filter.jump(BPF_JEQ, SYS_utimensat, 0, 6);
  filter.load_argument(1);
  filter.jump(BPF_JEQ, 0, 0, 2);
  filter.load(offsetof(seccomp_data, args) + 8 + 4);
  filter.jump(BPF_JEQ, 0, 1, 0);
  filter.answer(no);
  filter.answer(pretend);
  filter.answer_when(nr_io_uring_setup, missing);
  filter.jump(BPF_JEQ, SYS_ioctl, 0, 5);
  filter.load_argument(1);
  filter.answer_when(set_flags, no);
  filter.answer_when(set_flags_extended, no);
  filter.load_number();
  if (version < 3) {
    // This Landlock does not see files being cut; one that is open to be read can be.
#ifdef SYS_truncate
    filter.answer_when(SYS_truncate, no);
#endif
    filter.answer_when(nr_openat2, missing);
    auto refuse_cutting = [&](uint32_t number, uint32_t flags) {
      filter.jump(BPF_JEQ, number, 0, 5);
      filter.load_argument(flags);
      filter.jump(BPF_JSET, O_TRUNC, 0, 2);
      filter.jump(BPF_JSET, O_WRONLY | O_RDWR, 1, 0);
      filter.answer(no);
      filter.load_number();
    };
    refuse_cutting(SYS_openat, 2);
#ifdef SYS_open
    refuse_cutting(SYS_open, 1);
#endif
  }
  if (version < 6)
    for (const Signal& signal : signals) {
      filter.jump(BPF_JEQ, static_cast<uint32_t>(signal.number), 0, 4);
      filter.load_argument(signal.argument);
      filter.jump(BPF_JEQ, 0, 1, 0);  // only whether somebody is there
      filter.answer(no);
      filter.load_number();
    }
  filter.answer(SECCOMP_RET_ALLOW);
  return filter.install();
}

int complain(const char* what) {
  std::string line = std::string(fence_word) + what + ": " + std::strerror(errno) + "\n";
  (void)!::write(STDERR_FILENO, line.data(), line.size());
  return fence_code;
}

bool allow(int ruleset, const char* path, int flags, uint64_t access) {
  PathBeneath rule;
  rule.allowed = access;
  rule.parent_fd = ::open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW | flags);
  if (rule.parent_fd < 0) return false;
  bool added = ::syscall(nr_add_rule, ruleset, rule_path_beneath, &rule, 0) == 0;
  ::close(rule.parent_fd);
  return added;
}

}  // namespace

int landlock_version() {
  long version = ::syscall(nr_create_ruleset, nullptr, size_t{0}, ask_version);
  return version < 0 ? 0 : static_cast<int>(version);
}

int run_fenced(char** arguments) {
  const int version = landlock_version();
  if (version < 1) {
    errno = ENOSYS;
    return complain("Landlock");
  }
  RulesetAttributes attributes;
  attributes.handled_fs = write_file | change_tree;
  if (version >= 2) attributes.handled_fs |= refer;
  if (version >= 3) attributes.handled_fs |= truncate_file;
  if (version >= 5) attributes.handled_fs |= ioctl_device;
  if (version >= 6) attributes.scoped = scope_sockets_and_signals;
  // Older kernels take a shorter one.
  const size_t size = version >= 6 ? 24 : version >= 4 ? 16 : 8;
  int ruleset = static_cast<int>(::syscall(nr_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return complain("the rules");
  const uint64_t null_access = write_file | (version >= 3 ? truncate_file : 0);
  if (!allow(ruleset, arguments[0], O_DIRECTORY, attributes.handled_fs)) return complain(arguments[0]);
  if (!allow(ruleset, "/dev/null", 0, null_access)) return complain("/dev/null");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return complain("no new privileges");
  if (::syscall(nr_restrict_self, ruleset, 0) != 0) return complain("restricting");
  ::close(ruleset);
  if (!filter_calls(version)) return complain("the filter of system calls");
  ::execv(arguments[1], arguments + 2);
  return complain(arguments[1]);
}

}  // namespace muster::children
