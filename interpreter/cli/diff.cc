// `muster diff A B` and `muster history PLAYBOOK`: versions of a playbook, from files and from the runs of the store.
#include <unistd.h>

#include <algorithm>
#include <map>

#include "interpreter/cli/session.h"
#include "interpreter/plan/difference.h"

namespace muster {
namespace {

// The playbook of the newest run of NAME at VERSION, as that run kept it.
Result<Loaded> playbook_that_ran(const Invocation& invocation, const std::string& name, const std::string& version) {
  Result<Session> session = open_session(invocation);
  if (!session) return pass(session.error());
  RunQuery query;
  query.playbook = name;
  Result<std::vector<RunRow>> rows = session->journal->find(query);
  if (!rows) return pass(rows.error());
  std::vector<std::string_view> versions;
  for (const RunRow& row : *rows) {
    versions.push_back(row.version);
    if (row.version != version) continue;
    Result<OpenRun> run = open_run(*session->journal, row.id);
    if (!run) return pass(run.error());
    if (!run->loaded.graph)
      return fail(ErrorCode::refused, "the playbook of run " + row.id + " is not valid for this version of muster",
                  "use the version that started it");
    return std::move(run->loaded);
  }
  if (versions.empty())
    return fail(ErrorCode::not_found, "no run of `" + name + "` is recorded", "`muster runs` lists runs");
  std::string_view near = nearest(version, versions);
  return fail(ErrorCode::not_found, "no run of `" + name + "` had version `" + version + "`",
              near.empty() ? "`muster history " + name + "` lists its versions"
                           : "did you mean `" + name + "@" + std::string(near) + "`?");
}

// A file, or NAME@VERSION; a file of that very name wins.
Result<Loaded> version_named(const Invocation& invocation, const std::string& word) {
  size_t at = word.rfind('@');
  bool names_a_run =
      at != std::string::npos && at > 0 && word.find('/') == std::string::npos && ::access(word.c_str(), F_OK) != 0;
  if (names_a_run) return playbook_that_ran(invocation, word.substr(0, at), word.substr(at + 1));
  return load_playbook(invocation, word);
}

struct Ran {
  std::string version, digest;
  int64_t runs = 0;
  std::map<std::string, int64_t> endings;
  Timestamp first, last;
  std::string last_run;
};

// The digest of the playbook's own file, as its run recorded it.
std::string digest_of(const OpenRun& run) {
  return run.loaded.files.all().empty() ? "" : run.loaded.files.at(0).digest;
}

std::string row_text(const Ran& ran) {
  std::string out = (ran.version.empty() ? "(no version)" : ran.version) + "  " + ran.digest.substr(0, 12) + "  " +
                    std::to_string(ran.runs) + (ran.runs == 1 ? " run" : " runs");
  for (const auto& [state, count] : ran.endings) out += ", " + std::to_string(count) + " " + state;
  return out + "  " + to_text(Value(ran.first)) + (ran.runs > 1 ? " to " + to_text(Value(ran.last)) : "") + "\n";
}

Value row_value(const Ran& ran) {
  Map endings;
  for (const auto& [state, count] : ran.endings) endings[state] = count;
  return Map{{"version", ran.version.empty() ? Value() : Value(ran.version)},
             {"digest", ran.digest},
             {"runs", ran.runs},
             {"states", std::move(endings)},
             {"first_at", ran.first},
             {"last_at", ran.last},
             {"last_run", ran.last_run}};
}

}  // namespace

int diff_command(Invocation& invocation) {
  const std::string& a = invocation.options.words[0];
  const std::string& b = invocation.options.words[1];
  Result<Loaded> from = version_named(invocation, a);
  if (!from) return complain(from.error());
  Result<Loaded> to = version_named(invocation, b);
  if (!to) return complain(to.error());
  if (!from->graph || !to->graph) return exit_code::invalid;
  const ComparedVersion before{a, *from->graph, from->files}, after{b, *to->graph, to->files};
  const std::vector<Change> changes = differences(before, after, *to->extended.actions);
  if (invocation.json()) {
    answer_object(invocation, value_of(changes, before, after));
  } else {
    answer(text_of(changes, before, after));
  }
  return exit_code::ok;
}

int history_command(Invocation& invocation) {
  const std::string& name = invocation.options.words[0];
  Result<Session> session = open_session(invocation);
  if (!session) return complain(session.error());
  RunQuery query;
  query.playbook = name;
  Result<std::vector<RunRow>> rows = session->journal->find(query);
  if (!rows) return complain(rows.error());
  if (rows->empty())
    return complain(fail(ErrorCode::not_found, "no run of `" + name + "` is recorded", "`muster runs` lists runs"));
  std::vector<Ran> versions;                   // newest first
  std::map<std::string, std::string> digests;  // by graph: reading a run's events once is enough
  for (const RunRow& row : *rows) {
    std::string& digest = digests[row.graph_digest];
    if (digest.empty()) {
      Result<OpenRun> run = open_run(*session->journal, row.id);
      if (!run) return complain(run.error());
      digest = digest_of(*run);
    }
    auto ran = std::find_if(versions.begin(), versions.end(), [&](const Ran& known) { return known.digest == digest; });
    if (ran == versions.end()) {
      versions.push_back({row.version, digest, 0, {}, row.created_at, row.created_at, row.id});
      ran = versions.end() - 1;
    }
    ++ran->runs;
    ++ran->endings[std::string(name_of(row.state))];
    ran->first = row.created_at;
  }
  if (invocation.json()) {
    List list;
    for (const Ran& ran : versions) list.push_back(row_value(ran));
    answer_rows(invocation, list);
  } else {
    for (const Ran& ran : versions) answer(row_text(ran));
  }
  return exit_code::ok;
}

}  // namespace muster
