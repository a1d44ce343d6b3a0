#include "interpreter/engine/completing.h"

#include <algorithm>

#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/checker.h"

namespace muster {

Result<Map> may_complete(const OpRecord& step, const Manual& declared, const Completion& said,
                         const Configuration& configuration, Timestamp now) {
  if (!step.asked || step.state != StepState::waiting)
    return fail(ErrorCode::refused,
                "`" + step.op.path + "` does not wait for a person: it is " + std::string(name_of(step.state)));
  if (step.due_at && now >= *step.due_at)
    return fail(ErrorCode::refused, "`" + step.op.path + "` expired at " + to_text(*step.due_at),
                "it counts as failed; `muster resume` goes on");
  if (said.nonce != text_of(*step.asked, "nonce"))
    return fail(ErrorCode::refused, "this answers an earlier question of `" + step.op.path + "`",
                "look at `muster gates` and answer again");
  bool may = declared.assignees.empty();
  std::string names;
  for (const Requirement& requirement : declared.assignees) {
    const std::vector<std::string> people = configuration.people_of(requirement.of);
    may = may || std::find(people.begin(), people.end(), configuration.person_of(said.person)) != people.end();
    for (const Approver& approver : requirement.of)
      names += (names.empty() ? "" : ", ") + std::string(approver.kind == Approver::Kind::group ? "group:" : "user:") +
               approver.name;
  }
  if (!may)
    return fail(
        ErrorCode::refused, "`" + said.person + "` is none of the assignees of `" + step.op.path + "`: " + names,
        "groups and their members stand in the configuration file: `--config FILE`, else ~/.config/muster/config.yaml");
  Diagnostics problems;
  std::optional<Map> answers = bind_answers(declared, said.answers, problems);
  if (!answers) {
    std::string message, help;
    for (const Diagnostic& problem : problems) {
      message += (message.empty() ? "" : "; ") + problem.message;
      if (help.empty()) help = problem.help;
    }
    return fail(ErrorCode::invalid, message, help);
  }
  return std::move(*answers);
}

Map completion_body(const Completion& said) {
  return Map{{"person", said.person}, {"answers", said.answers}, {"how", said.how}, {"nonce", said.nonce}};
}

}  // namespace muster
