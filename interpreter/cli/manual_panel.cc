#include "interpreter/cli/manual_panel.h"

#include "interpreter/base/shell_quote.h"
#include "interpreter/checker/checker.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

List list_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<List>() ? value->get<List>() : List{};
}

bool is_true(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<bool>() && value->get<bool>();
}

std::string in_words(const Map& field) {
  std::string what = text_of(field, "type");
  List values = list_in(field, "values");
  if (!values.empty()) {
    what = "one of ";
    for (size_t i = 0; i < values.size(); ++i) what += (i > 0 ? ", " : "") + safe_line(to_text(values[i]));
  }
  if (const Value* fallback = member(field, "default")) {
    what += ", " + short_value(*fallback, 60) + " unless said";
  } else if (!is_true(field, "required")) {
    what += ", may be left out";
  }
  return what;
}

}  // namespace

std::string manual_panel(const std::string& run, const OpRecord& op, PanelStyle style) {
  const Map& shown = *op.asked;
  std::string title = text_of(shown, "title");
  std::string out = painted("step " + safe_line(op.op.path), "1", style.colour) +
                    (title.empty() || title == op.op.path ? "" : "  " + safe_line(title)) + "  of run " + run + "\n";
  out += "  a person does this:\n";
  out += indented(text_of(shown, "instructions"), "    ");
  for (const Value& item : list_in(shown, "checklist")) out += "    [ ] " + safe_line(to_text(item)) + "\n";
  List form = list_in(shown, "form");
  if (!form.empty()) out += "  and answers:\n";
  for (const Value& item : form) {
    const Map* field = item.find<Map>();
    if (!field) continue;
    std::string meaning = text_of(*field, "description");
    out += "    " + safe_line(text_of(*field, "name")) + "  " + in_words(*field) +
           (meaning.empty() ? "" : ": " + safe_line(meaning)) + "\n";
  }
  std::string who;
  for (const Value& item : list_in(shown, "places")) {
    const Map* place = item.find<Map>();
    if (!place) continue;
    std::string people;
    for (const Value& person : list_in(*place, "people"))
      people += (people.empty() ? "" : ", ") + safe_line(to_text(person));
    who += (who.empty() ? "" : ", ") + safe_line(text_of(*place, "label")) +
           (people.empty() ? " (nobody)" : " (" + people + ")");
  }
  out += "  assignees: " + (who.empty() ? "anybody" : who) + "\n";
  if (op.due_at)
    out +=
        "  expires:   " + second_of(*op.due_at) + (style.local_time ? " (" + local_clock(*op.due_at) + ")" : "") + "\n";
  return out;
}

std::string complete_command_line(const std::string& muster, const std::string& run, const OpRecord& step) {
  std::string out = muster + " complete " + run + " " + shell_quote(step.op.path);
  for (const Value& item : list_in(*step.asked, "form"))
    if (const Map* field = item.find<Map>(); field && is_true(*field, "required"))
      out += " --answer " + safe_line(text_of(*field, "name")) + "=VALUE";
  return out;
}

Map manual_row(const OpRecord& step) {
  auto of = [&](std::string_view name) {
    const Value* value = member(*step.asked, name);
    return value ? *value : Value();
  };
  return Map{{"kind", "manual"},
             {"step", step.op.path},
             {"title", of("title")},
             {"instructions", of("instructions")},
             {"checklist", of("checklist")},
             {"form", of("form")},
             {"assignees", of("places")},
             {"expires_at", of("due_at")}};
}

std::string form_question(const Input& field) {
  std::string what = field.type ? field.type->text : "text";
  if (!field.values.empty()) {
    what = "one of ";
    for (size_t i = 0; i < field.values.size(); ++i)
      if (const auto* scalar = std::get_if<Argument::Scalar>(&field.values[i].value))
        what += (i > 0 ? ", " : "") + safe_line(scalar->text.written());
  }
  if (field.fallback) {
    if (const auto* scalar = std::get_if<Argument::Scalar>(&field.fallback->value))
      what += ", " + safe_line(scalar->text.written()) + " unless said";
  } else if (!field.required) {
    what += ", may be left out";
  }
  return safe_line(field.name.text) + (field.description ? ": " + safe_line(*field.description) : "") + " (" + what +
         "): ";
}

std::vector<std::string> problems_with_answer(const Input& field, const std::string& line) {
  Manual alone;
  alone.form.push_back(field);
  Diagnostics problems;
  if (bind_answers(alone, Map{{field.name.text, line}}, problems)) return {};
  std::vector<std::string> out;
  for (const Diagnostic& problem : problems) out.push_back(problem.message);
  return out;
}

}  // namespace muster
