// What playbooks require before the first step: looked at once, off the loop's thread. A run that had begun does not
// ask again.
#include <algorithm>

#include "interpreter/base/time_window.h"
#include "interpreter/base/version_range.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/zones.h"
#include "interpreter/journal/rehearsals.h"

namespace muster {

// What is asked, its text made.
struct WantedRequirements {
  std::vector<std::string> commands, env, files, unmet;
  std::vector<Window> windows;
  std::vector<std::string> passable;  // what a broken glass lets by
  void add(const WantedRequirements& other) {
    auto append = [](auto& into, const auto& from) { into.insert(into.end(), from.begin(), from.end()); };
    append(commands, other.commands);
    append(env, other.env);
    append(files, other.files);
    append(unmet, other.unmet);
    append(windows, other.windows);
    append(passable, other.passable);
  }
};

namespace {

using Wanted = WantedRequirements;

std::string quoted(const std::string& text) { return "`" + text + "`"; }

bool is_program(World& world, const std::string& path) {
  Result<std::string> target = world.files.canonical(path);  // `/bin/sh` is a link nearly everywhere
  if (!target) return false;
  Result<std::optional<FileStatus>> status = world.files.status(*target);
  return status && *status && (*status)->kind == FileKind::file && ((*status)->mode & 0111) != 0;
}

bool is_found(World& world, const std::string& command) {
  if (command.find('/') != std::string::npos) return is_program(world, command);
  std::string path = world.variables.find("PATH").value_or("/usr/local/bin:/usr/bin:/bin");
  for (size_t at = 0; at <= path.size();) {
    const size_t colon = std::min(path.find(':', at), path.size());
    const std::string folder = path.substr(at, colon - at);
    if (!folder.empty() && folder[0] == '/' && is_program(world, folder + "/" + command)) return true;
    at = colon + 1;
  }
  return false;
}

std::string words_for(const Window& window, const std::string& zone) {
  std::string days;
  for (const Name& day : window.days) days += (days.empty() ? "" : ", ") + day.text;
  std::string hours;
  if (window.from || window.to)
    hours = (window.from ? window.from->text : "00:00") + " to " + (window.to ? window.to->text : "24:00");
  return days + (days.empty() || hours.empty() ? "" : ", ") + hours + " in " + zone;
}

// Empty: it is open.
std::string closed_because(World& world, const Window& window, Timestamp at) {
  const std::string zone = window.zone ? window.zone->text : "UTC";
  Timestamp local = at;
  if (zone != "UTC") {
    Result<TimeZone> rules = read_zone(world.files, zone);
    if (!rules) return rules.error().message + ", and the window names it; " + rules.error().hint;
    local = at + rules->offset_at(at);
  }
  TimeWindow hours;
  for (const Name& day : window.days)
    if (std::optional<int> weekday = weekday_of(day.text)) hours.days.push_back(*weekday);
  if (window.from) hours.from = minute_of_day(window.from->text).value_or(hours.from);
  if (window.to) hours.to = minute_of_day(window.to->text).value_or(hours.to);
  if (is_open(hours, local)) return {};
  const std::string clock = to_text(local);
  const int64_t weekday = (((local.us / 86'400'000'000 + 3) % 7) + 7) % 7;
  return "it may begin " + words_for(window, zone) + ", and there it is " +
         std::string(weekday_names()[static_cast<size_t>(weekday)]) + " " + clock.substr(11, 5) +
         "; wait for it, or start with `--break-glass --reason TEXT`";
}

struct Unmet {
  std::vector<std::string> all;
  std::string passed_alone;  // a window that is closed, a rehearsal that is not there: what somebody passes loudly
};

Unmet unmet_of(World& world, Wanted wanted, Timestamp at, bool break_glass) {
  Unmet out;
  std::vector<std::string>& unmet = out.all;
  unmet = std::move(wanted.unmet);
  for (const std::string& command : wanted.commands)
    if (!is_found(world, command))
      unmet.push_back("the command " + quoted(command) + " is not found; install it, or add its folder to PATH");
  for (const std::string& name : wanted.env)
    if (world.variables.find(name).value_or("").empty())
      unmet.push_back("the environment variable " + quoted(name) + " is not set; export it");
  for (const std::string& path : wanted.files) {
    Result<std::optional<FileStatus>> status = world.files.status(path);
    if (!status)
      unmet.push_back(quoted(path) + " cannot be looked at: " + status.error().message);
    else if (!*status)
      unmet.push_back(quoted(path) + " is not there; put it there");
  }
  for (const Window& window : wanted.windows)
    if (std::string reason = closed_because(world, window, at); !reason.empty())
      wanted.passable.push_back(std::move(reason));
  for (std::string& reason : wanted.passable) {
    if (!break_glass)
      unmet.push_back(std::move(reason));
    else
      out.passed_alone += (out.passed_alone.empty() ? "" : "; ") + reason;
  }
  return out;
}

}  // namespace

std::shared_ptr<Wanted> Engine::Loop::wanted_by(const Node& top) {
  const std::optional<Requires>& required = parts_.graph->playbook_of(top).required;
  if (!required) return nullptr;
  auto wanted = std::make_shared<Wanted>();
  RunEnvironment names = environment(top, now());
  auto make = [&](const std::vector<Template>& texts, std::vector<std::string>& out) {
    for (const Template& text : texts) {
      tl::expected<Value, Map> value = value_of(text, names);
      if (!value) {
        wanted->unmet.push_back(text_of(value.error(), "message"));
      } else if (!value->is_null()) {
        out.push_back(to_text(*value));
      }
    }
  };
  make(required->commands, wanted->commands);
  make(required->files, wanted->files);
  for (const Name& name : required->env) wanted->env.push_back(name.text);
  if (required->window) wanted->windows.push_back(*required->window);
  if (std::string why = unrehearsed(*required); !why.empty())
    wanted->passable.push_back(why +
                               "; rehearse it with `muster rehearse`, or start with `--break-glass --reason TEXT`");
  if (!required->muster) return wanted;
  std::optional<VersionRange> range = VersionRange::parse(required->muster->text);
  std::optional<Version> ours = Version::parse(muster_version_);
  if (!range || !ours || !range->holds(*ours))
    wanted->unmet.push_back("this is muster " + muster_version_ + ", and the playbook needs " +
                            quoted(required->muster->text) + "; use such a version");
  return wanted;
}

bool Engine::Loop::has_late_requirements(const Node& called) const {
  for (const Node* at = &called; at->id.index != 0; at = &expansion_.at(at->parent))
    if (at->kind == NodeKind::option) return true;
  return false;
}

bool Engine::Loop::requirements_are_settled() {
  if (requirements_settled_) return true;
  if (requirements_asked_) return false;
  const OpRecord& root = record(parts_.graph->root());
  bool begun = root.entered || root.gate.state != GateState::none;
  auto wanted = std::make_shared<Wanted>();
  bool any = false;
  for (const Scope& scope : parts_.graph->scopes()) {
    const Node& top = parts_.graph->at(scope.top);
    if (begun || undoes_run() || history_.cancel || history_.ended || has_late_requirements(top)) continue;
    if (std::shared_ptr<Wanted> more = wanted_by(top)) {
      any = true;
      wanted->add(*more);
    }
  }
  if (!any) return requirements_settled_ = true;
  requirements_asked_ = true;
  after_commit_.push_back([this, wanted, at = now()] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, wanted, at, break_glass = !break_glass_.empty()] {
      auto unmet = std::make_shared<Unmet>(unmet_of(*parts_.world, std::move(*wanted), at, break_glass));
      parts_.executor->post([this, unmet] {
        completed_.push_back([this, unmet] {
          --in_flight_;
          if (!broken_ && !stopping_) requirements_were_looked_at(std::move(unmet->all), unmet->passed_alone);
        });
      });
    });
  });
  return false;
}

namespace {

Map error_of_unmet(const std::vector<std::string>& unmet) {
  std::string message = unmet.size() == 1 ? "a requirement is not met: " : "requirements are not met: ";
  for (size_t i = 0; i < unmet.size(); ++i) message += (i == 0 ? "" : "\n  ") + unmet[i];
  Map error{{"code", "not_started"}, {"message", std::move(message)}, {"effect", "none"}};
  error["unmet"] = List(unmet.begin(), unmet.end());
  return error;
}

}  // namespace

// Why what is run here does not count as rehearsed; empty: it does, or need not be. A playbook that is called is
// rehearsed with its caller.
std::string Engine::Loop::unrehearsed(const Requires& required) {
  if (!required.rehearsed_within || is_rehearsal_) return {};
  Result<std::vector<RehearsalRecord>> kept = kept_rehearsals(*parts_.journal);
  if (!kept) return kept.error().message;
  std::vector<std::string> digests;
  for (const SourceFile& file : parts_.files->all()) digests.push_back(file.digest);
  return not_rehearsed_because(*kept, parts_.graph->digest(digests), *required.rehearsed_within->known, now());
}

void Engine::Loop::requirements_were_looked_at(std::vector<std::string> unmet, const std::string& passed_alone) {
  requirements_settled_ = true;
  if (history_.ended) return;
  if (unmet.empty()) {
    if (!passed_alone.empty()) glass_was_broken();
    return;
  }
  (void)go_without_locks(RunState::failed, 7, error_of_unmet(unmet));
}

void Engine::Loop::glass_was_broken() {
  leave_review(OpId{"requires"}, text_of(history_.created, "starter"), break_glass_, Value());
}

// Where they do not hold the call has failed before anything began: the next option may have its turn.
std::optional<Engine::Loop::Status> Engine::Loop::requirements_of_call(const Node& called) {
  if (called.kind != NodeKind::called || !has_late_requirements(called)) return std::nullopt;
  NodeRun& run = run_of(called);
  if (!run.unmet) {
    std::shared_ptr<Wanted> wanted = wanted_by(called);
    if (!wanted) return std::nullopt;
    run.in_flight = true;
    after_commit_.push_back([this, wanted, id = called.id, at = now()] {
      ++in_flight_;  // only what was really started is waited for
      parts_.executor->start([this, wanted, id, at, break_glass = !break_glass_.empty()] {
        auto unmet = std::make_shared<Unmet>(unmet_of(*parts_.world, std::move(*wanted), at, break_glass));
        parts_.executor->post([this, unmet, id] {
          completed_.push_back([this, unmet, id] {
            --in_flight_;
            nodes_[id.index].in_flight = false;
            const bool goes_on = !broken_ && !stopping_ && !history_.ended;
            if (goes_on && unmet->all.empty() && !unmet->passed_alone.empty()) glass_was_broken();
            nodes_[id.index].unmet = std::move(unmet->all);
          });
        });
      });
    });
    return Status::active;
  }
  if (run.unmet->empty()) return std::nullopt;
  Map error = error_of_unmet(*run.unmet);
  error["step"] = expansion_.at(called.parent).op.path;
  add(EventKind::outcome, called.op, 0, Map{{"state", "failed"}, {"error", std::move(error)}});
  return Status::ended;
}

}  // namespace muster
