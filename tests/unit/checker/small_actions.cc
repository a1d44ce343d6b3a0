#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

Field field(std::string name, FieldType type) {
  Field f;
  f.name = std::move(name);
  f.type = type;
  return f;
}

Field of(Field f, FieldType items) {
  f.items = {field("", items)};
  return f;
}

}  // namespace

// `look` reads, `change` writes and may be declared a read, `destroy` is destructive and can undo itself.
std::vector<Action> small_actions() {
  Action look;
  look.name = "look";
  look.fields = {field("text", FieldType::text), field("count", FieldType::integer),
                 of(field("list", FieldType::list), FieldType::text), field("how", FieldType::function),
                 field("code", FieldType::text)};
  look.fields.back().pattern = "^srv-[0-9]+$";
  look.results = {{"value", FieldType::any, ""}};
  look.effect = [](const Map&) { return Effect::read; };

  Action change;
  change.name = "change";
  change.fields = {field("text", FieldType::text), field("script", FieldType::script)};
  change.results = {{"value", FieldType::any, ""}};
  change.effect = [](const Map&) { return Effect::write; };
  change.effect_may_be_declared = true;

  Action destroy;
  destroy.name = "destroy";
  destroy.fields = {field("target", FieldType::text)};
  destroy.effect = [](const Map& args) {
    const Value* target = member(args, "target");
    return target && target->is<std::string>() && target->get<std::string>() == "nothing" ? Effect::read
                                                                                          : Effect::destructive;
  };
  destroy.rollback = [](const StepInput&, const StepOutput& output, Touch&) -> Result<StepOutput> { return output; };
  return {change, destroy, look};
}

}  // namespace muster
