// `muster audit [RUN]`, `--verify`, `--verify --bundle FILE` and `--export FILE`
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>

#include "interpreter/base/json.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/anchors.h"
#include "interpreter/cli/session.h"
#include "interpreter/journal/bundle.h"
#include "interpreter/journal/heads.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

std::string counted(int64_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

int answer_findings(Invocation& invocation, Map object, const std::string& summary,
                    const std::vector<VerifyFinding>& findings) {
  if (invocation.json()) {
    List rows;
    for (const VerifyFinding& finding : findings)
      rows.push_back(Map{{"run", finding.run.empty() ? Value() : Value(finding.run)},
                         {"seq", finding.seq},
                         {"message", finding.message}});
    object["holds"] = findings.empty();
    object["findings"] = std::move(rows);
    answer_object(invocation, std::move(object));
  } else if (findings.empty()) {
    answer(summary + "\n");
  }
  if (!invocation.json())
    for (const VerifyFinding& finding : findings)
      answer((finding.run.empty() ? "ledger" : "run " + finding.run) + ": " + safe_line(finding.message) + "\n");
  return findings.empty() ? exit_code::ok : exit_code::failed;
}

Result<std::string> whole_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.is_open() || file.bad()) return fail(ErrorCode::invalid, "`" + path + "` cannot be read");
  return bytes;
}

// Those that were kept outside; none where no file was named and none is where they usually go.
Result<std::vector<SignedHead>> kept_heads(const Invocation& invocation, const Configuration& configuration) {
  std::string named = invocation.options.last("--heads"), path = named;
  if (named.empty()) path = heads_file_of(invocation, configuration);
  if (named.empty() && ::access(path.c_str(), F_OK) != 0) return std::vector<SignedHead>();
  Result<std::string> text = whole_file(path);
  if (!text) return pass(text.error());
  Result<std::vector<SignedHead>> heads = read_heads(*text, HeadCheck::none);
  if (!heads) return fail(heads.error().code, "`" + path + "`: " + heads.error().message);
  return heads;
}

int verify(Invocation& invocation, Session& session, const std::string& run) {
  Result<VerifyReport> report = session.journal->verify(run);
  if (!report) return complain(report.error());
  Result<std::vector<SignedHead>> heads = kept_heads(invocation, session.configuration);
  if (!heads) return complain(heads.error());
  Result<std::string> store = sqlite_path(store_of(invocation, session.configuration));
  if (!store) return complain(store.error());
  int64_t compared = 0;
  Result<std::vector<VerifyFinding>> differing = compare_with_heads(*store, *heads, compared);
  if (!differing) return complain(differing.error());
  for (VerifyFinding& finding : *differing) report->findings.push_back(std::move(finding));
  std::string summary = "every link holds: " + counted(report->runs, "run", "runs") + ", " +
                        counted(report->events, "event", "events") + ", " + std::to_string(report->ledger_entries) +
                        " signed ledger entries";
  if (report->pruned > 0) summary += ", " + counted(report->pruned, "pruned run", "pruned runs");
  if (report->adopted > 0) summary += ", adopted " + counted(report->adopted, "time", "times");
  summary += compared > 0
                 ? "; " + counted(compared, "head that was kept outside agrees", "heads that were kept outside agree")
                 : "; nothing outside the store was there to compare with";
  return answer_findings(invocation,
                         Map{{"runs", report->runs},
                             {"events", report->events},
                             {"ledger_entries", report->ledger_entries},
                             {"pruned", report->pruned},
                             {"adopted", report->adopted},
                             {"heads_compared", compared}},
                         summary, report->findings);
}

// Heads of this run that were kept outside: each must stand in the bundle.
Result<std::vector<VerifyFinding>> beside_heads(const BundleCheck& bundle, const std::vector<SignedHead>& heads,
                                                int64_t& compared) {
  std::vector<VerifyFinding> findings;
  for (const SignedHead& head : heads) {
    if (head.run != bundle.run || head.instance != bundle.instance || head.kind == "pruned") continue;
    ++compared;
    bool found = std::any_of(bundle.heads.begin(), bundle.heads.end(),
                             [&](const SignedHead& own) { return own.n == head.n && own.hash == head.hash; });
    if (!found && !holds(head))
      return fail(ErrorCode::corrupt, "ledger entry " + std::to_string(head.n) +
                                          " as a head that was kept is not what its signature was made of");
    if (!found)
      findings.push_back({bundle.run, head.run_seq,
                          "ledger entry " + std::to_string(head.n) + " (" + head.kind +
                              ") was handed out as a head, and the bundle does not hold it"});
  }
  return findings;
}

int verify_bundle(Invocation& invocation, const std::string& path) {
  Result<std::string> bytes = whole_file(path);
  if (!bytes) return complain(bytes.error());
  BundleCheck bundle = check_bundle(*bytes);
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return complain(configuration.error());
  Result<std::vector<SignedHead>> heads = kept_heads(invocation, *configuration);
  if (!heads) return complain(heads.error());
  int64_t compared = 0;
  Result<std::vector<VerifyFinding>> beside = beside_heads(bundle, *heads, compared);
  if (!beside) return complain(beside.error());
  for (VerifyFinding& finding : *beside) bundle.findings.push_back(std::move(finding));
  std::string summary = "the bundle holds: run " + bundle.run + " of `" + safe_line(bundle.playbook) + "`, " +
                        bundle.state + ", " + counted(bundle.events, "event", "events") + ", " +
                        counted(bundle.files, "file", "files") + ", " + counted(bundle.outputs, "output", "outputs") +
                        ", signed by " + bundle.public_key + " of store " + bundle.instance;
  summary += compared > 0
                 ? "; " + counted(compared, "head that was kept outside agrees", "heads that were kept outside agree")
                 : "; that this is the store's key, something outside of it must tell";
  return answer_findings(invocation,
                         Map{{"run", bundle.run},
                             {"playbook", bundle.playbook},
                             {"state", bundle.state},
                             {"instance", bundle.instance},
                             {"public_key", bundle.public_key},
                             {"events", bundle.events},
                             {"files", bundle.files},
                             {"outputs", bundle.outputs},
                             {"heads_compared", compared}},
                         summary, bundle.findings);
}

std::string json_line_of(const std::string& run, const Event& event) {
  Result<Value> body = event.body.empty() ? Result<Value>(Value()) : decode_value(event.body);
  return print_json(Map{{"run", run},
                        {"seq", event.seq},
                        {"kind", event.kind_text},
                        {"op", event.op.path},
                        {"attempt", event.attempt},
                        {"at", event.at},
                        {"body", body ? *body : Value()},
                        {"hash", event.hash}});
}

std::string line_of(const Invocation& invocation, const std::string& run, const Event& event) {
  if (invocation.json()) return json_line_of(run, event);
  return run + " " + std::to_string(event.seq) + " " + to_text(event.at) + " " + safe_line(event.kind_text) +
         (event.op.path.empty() ? "" : " " + safe_line(event.op.path)) + " " + event.hash.substr(0, 16);
}

// A run at a time: a store of any size in little memory.
int list(Invocation& invocation, Journal& journal, const std::string& run) {
  RunQuery query;
  query.id_prefix = run;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return complain(rows.error());
  bool array = invocation.json() && !invocation.lines(), first = true;
  if (array) answer("[");
  for (const RunRow& row : *rows) {
    if (!run.empty() && row.id != run) continue;
    Result<RunRecord> record = journal.read(row.id);
    if (!record) return complain(record.error());
    std::string out;
    for (const Event& event : record->events) {
      out += (array && !first ? ",\n" : "") + line_of(invocation, row.id, event) + (array ? "" : "\n");
      first = false;
    }
    answer(out);
  }
  if (array) answer("]\n");
  return exit_code::ok;
}

// All events as lines of JSON; of a run that does not hold, those before its first broken link.
int export_events(Invocation& invocation, Journal& journal, const std::string& run, const std::string& path) {
  RunQuery query;
  query.id_prefix = run;
  Result<std::vector<RunRow>> rows = journal.find(query);
  if (!rows) return complain(rows.error());
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == EEXIST)
    return complain(fail(ErrorCode::refused, "`" + path + "` is there already", "name another file"));
  int64_t events = 0, broken = 0;
  for (const RunRow& row : *rows) {
    if (!run.empty() && row.id != run) continue;
    Result<VerifyReport> report = journal.verify(row.id);
    if (!report) return complain(report.error());
    int64_t end = std::numeric_limits<int64_t>::max();
    for (const VerifyFinding& finding : report->findings) {
      if (finding.run != row.id || finding.seq == 0) continue;
      end = std::min(end, finding.seq);
    }
    if (end != std::numeric_limits<int64_t>::max()) {
      ++broken;
      tell("run " + row.id + ": " + safe_line(report->findings.front().message) +
           "; what stands before it is written\n");
    }
    Result<RunRecord> record = journal.read(row.id, -1);  // as it stands, held or not
    if (!record) return complain(record.error());
    std::string out;
    for (const Event& event : record->events) {
      if (event.seq >= end) break;
      out += json_line_of(row.id, event) + "\n";
      ++events;
    }
    for (size_t at = 0; at < out.size();) {
      ssize_t wrote = file ? ::write(file.get(), out.data() + at, out.size() - at) : -1;
      if (wrote <= 0 && errno == EINTR && file) continue;
      if (wrote <= 0)
        return complain(fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(errno)));
      at += static_cast<size_t>(wrote);
    }
  }
  if (!file || ::fsync(file.get()) != 0)
    return complain(fail(ErrorCode::storage, "`" + path + "` cannot be written: " + std::strerror(errno)));
  if (invocation.json()) {
    answer_object(invocation, Map{{"file", path}, {"events", events}, {"broken_runs", broken}});
  } else {
    answer(counted(events, "event is", "events are") + " in `" + path + "`\n");
  }
  return broken == 0 ? exit_code::ok : exit_code::failed;
}

}  // namespace

int audit_command(Invocation& invocation) {
  bool checks = invocation.options.has("--verify");
  if (!checks && (invocation.options.has("--bundle") || invocation.options.has("--heads")))
    return complain(fail(ErrorCode::invalid, "`--bundle` and `--heads` go with `--verify`"));
  if (invocation.options.has("--bundle")) return verify_bundle(invocation, invocation.options.last("--bundle"));
  Result<Session> session = open_session(invocation);
  if (!session) return complain(session.error());
  std::string run;
  if (!invocation.options.words.empty()) {
    Result<std::string> named = run_named(*session->journal, invocation.options.words[0]);
    if (!named) return complain(named.error());
    run = *named;
  }
  if (invocation.options.has("--export"))
    return export_events(invocation, *session->journal, run, invocation.options.last("--export"));
  return checks ? verify(invocation, *session, run) : list(invocation, *session->journal, run);
}

}  // namespace muster
