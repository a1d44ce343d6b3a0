#include "interpreter/dryrun/looking_actions.h"

#include "interpreter/checker/checker.h"
#include "interpreter/checker/made_values.h"

namespace muster {

Result<Value> LookingActions::call(std::string_view name, std::string_view called, const Map& given) {
  constexpr int deepest = 16;
  const Action* action = find_action(actions_, called);
  if (!action)
    return fail(ErrorCode::invalid, "no action is called `" + std::string(called) + "`", "`muster actions` lists them");
  if (depth_ >= deepest) return fail(ErrorCode::refused, "actions call each other more than 16 deep");
  Map args = given;
  bool declared_read = false;
  if (action->effect_may_be_declared) {
    if (auto declared = args.find("effect"); declared != args.end()) {
      declared_read = to_text(declared->second) == name_of(Effect::read);
      args.erase(declared);
    }
  }
  tl::expected<Map, Diagnostics> typed = type_values(args, *action);
  if (!typed) return fail(ErrorCode::invalid, typed.error().front().message, typed.error().front().help);
  const Effect effect = declared_read ? Effect::read : action->effect ? action->effect(*typed) : Effect::write;
  if (effect != Effect::read || !action->look)
    return fail(ErrorCode::refused, "`" + action->name + "` may change something, and a dry run only looks");
  const OpId op = name.empty() ? input_->op : input_->op.mark(name);
  LookingActions others(actions_, look_, depth_ + 1);
  StepInput input{*typed,         input_->run,    op,     input_->attempt,  input_->idempotency_key, input_->timeout,
                  input_->stop,   input_->marks,  others, input_->progress, input_->streams,         false,
                  input_->opened, input_->scripts};
  others.stand_in(input);
  Result<StepOutput> output = action->look(input, look_);
  if (!output) return pass(output.error());
  return Value(std::move(output->fields));
}

}  // namespace muster
