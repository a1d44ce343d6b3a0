// `muster locks`
#include <chrono>

#include "interpreter/cli/session.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

Timestamp present() {
  using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::system_clock;
  return Timestamp{duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

int break_it(const Invocation& invocation, Journal& journal, const std::string& name) {
  std::string reason = invocation.options.last("--reason");
  if (reason.empty()) {
    tell("muster: a lock is broken for a reason\n  = help: --reason TEXT\n");
    return exit_code::usage;
  }
  Result<void> broken = journal.break_lock(name, invocation.person, reason, this_owner(), present());
  if (!broken) return complain(broken.error());
  if (!invocation.terminal.quiet) tell("the lock `" + safe_line(name) + "` is free\n");
  return exit_code::ok;
}

Value to_value(const LockRow& lock) {
  return Map{{"name", lock.name},
             {"run", lock.run},
             {"playbook", lock.playbook},
             {"started_by", lock.starter},
             {"taken_at", lock.taken_at},
             {"run_state", std::string(name_of(lock.state))},
             {"owner", lock.owner.empty() ? Value() : Value(lock.owner)},
             {"standing", lock.standing},
             {"stale", lock.stale}};
}

}  // namespace

int locks_command(Invocation& invocation) {
  std::string name = invocation.options.last("--release");
  if (name.empty() && invocation.options.has("--reason")) {
    tell("muster: `--reason` belongs to `--release NAME`\n");
    return exit_code::usage;
  }
  Result<Session> session = open_session(invocation);
  bool no_store = !session && session.error().code == ErrorCode::not_found;
  if (!session && (!no_store || !name.empty())) return complain(session.error());
  if (!name.empty()) return break_it(invocation, *session->journal, name);
  std::vector<LockRow> locks;
  if (session) {
    Result<std::vector<LockRow>> found = session->journal->locks(this_owner(), present());
    if (!found) return complain(found.error());
    locks = std::move(*found);
  }
  if (invocation.json()) {
    List rows;
    for (const LockRow& lock : locks) rows.push_back(to_value(lock));
    answer_rows(invocation, rows);
    return exit_code::ok;
  }
  if (locks.empty() && !invocation.terminal.quiet) tell("no lock is held\n");
  std::string out;
  for (const LockRow& lock : locks) {
    out += safe_line(lock.name) + (lock.stale ? "  stale" : "  held") + " by run " + lock.run + " of " +
           safe_line(lock.playbook) + ", started by " + safe_line(lock.starter) + ", since " +
           second_of(lock.taken_at) + ": " + safe_line(lock.standing) + "\n";
  }
  answer(out);
  return exit_code::ok;
}

}  // namespace muster
