#include "interpreter/engine/step_actions.h"

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/checker/made_values.h"
#include "interpreter/engine/silent.h"

namespace muster {
namespace {

constexpr int deepest = 16;  // actions that call actions

// The marks of a call stand beneath the mark of the call: `2.1`.
class InnerMarks final : public Marks {
 public:
  InnerMarks(Marks& marks, std::string_view name) : marks_(marks), start_(std::string(name) + ".") {}
  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>& settle) override {
    return marks_.once(start_ + std::string(name), effect, body, settle);
  }

 private:
  Marks& marks_;
  std::string start_;
};

class InnerStreams final : public Streams {
 public:
  InnerStreams(Streams& streams, std::string_view name) : streams_(streams), start_(std::string(name) + ".") {}
  void keep(std::string_view name, CapturedStream stream) override {
    if (start_.size() > 1) streams_.keep(start_ + std::string(name), std::move(stream));
  }

 private:
  Streams& streams_;
  std::string start_;
};

// A failure that is an answer: it is recorded, so that a script that went on behind it meets it again. The others end
// the attempt, and say nothing of what is called.
bool is_answer(const Error& error) {
  return error.code != ErrorCode::interrupted && error.code != ErrorCode::in_doubt &&
         error.code != ErrorCode::storage && error.code != ErrorCode::busy;
}

Value as_value(const Error& error) {
  Map map{{"code", std::string(name_of(error.code))},
          {"message", error.message},
          {"effect", std::string(name_of(error.effect))}};
  if (!error.hint.empty()) map["hint"] = error.hint;
  if (!error.cause.empty()) map["cause"] = error.cause;
  if (!error.own_code.empty()) map["own_code"] = error.own_code;
  if (error.status) map["status"] = *error.status;
  if (error.exit_code) map["exit_code"] = *error.exit_code;
  return Value(std::move(map));
}

Error error_in(const Map& map) {
  Error error;
  error.code = error_code_of(text_of(map, "code")).value_or(ErrorCode::failed);
  error.message = text_of(map, "message");
  error.hint = text_of(map, "hint");
  error.cause = text_of(map, "cause");
  error.own_code = text_of(map, "own_code");
  error.effect = Certainty::maybe;
  for (Certainty one : {Certainty::no_effect, Certainty::done})
    if (text_of(map, "effect") == name_of(one)) error.effect = one;
  if (const Value* status = member(map, "status"); status && status->is<int64_t>())
    error.status = status->get<int64_t>();
  if (const Value* code = member(map, "exit_code"); code && code->is<int64_t>()) error.exit_code = code->get<int64_t>();
  return error;
}

}  // namespace

Result<Value> StepActions::call(std::string_view name, std::string_view called, const Map& given) {
  const Action* action = find_action(*parts_.actions, called);
  if (!action) {
    std::vector<std::string_view> names;
    for (const Action& one : *parts_.actions) names.push_back(one.name);
    std::string_view near = nearest(called, names);
    return fail(ErrorCode::invalid, "no action is called `" + std::string(called) + "`",
                near.empty() ? "`muster actions` lists them" : "did you mean `" + std::string(near) + "`?");
  }
  if (depth_ >= deepest) return fail(ErrorCode::refused, "actions call each other more than 16 deep");
  Map args = given;
  bool declared_read = false;
  if (action->effect_may_be_declared) {
    if (auto declared = args.find("effect"); declared != args.end()) {
      const std::string* word = declared->second.find<std::string>();
      if (!word || !effect_of(*word))
        return fail(ErrorCode::invalid, "`effect` of `" + action->name + "` must be `read`, `write` or `destructive`");
      declared_read = *word == "read";
      args.erase(declared);
    }
  }
  tl::expected<Map, Diagnostics> typed = type_values(args, *action);
  if (!typed) return fail(ErrorCode::invalid, typed.error().front().message, typed.error().front().help);
  Effect effect = action->effect ? action->effect(*typed) : Effect::write;
  if (declared_read) effect = Effect::read;
  if (effect > most_)
    return fail(ErrorCode::refused,
                most_ == Effect::read
                    ? "`" + action->name + "` may change something, and here may only be looked"
                    : "`" + action->name + "` is destructive here, and the action is declared to write",
                most_ == Effect::read ? "where it only looks, say so: `effect = \"read\"`"
                                      : "declare `effect = \"destructive\"`");
  if (name.empty()) {
    if (effect != Effect::read)
      return fail(ErrorCode::refused, "`" + action->name + "` may change something, and here may only be looked");
    return run(*action, *typed, effect, name, false);
  }
  if (action->leaves_to_group && action->leaves_to_group(*typed))
    return fail(ErrorCode::refused, "a call of `" + action->name + "` cannot leave anything to the group of its step",
                "only a step of the playbook can");
  std::string digest = sha256_hex(action->name + "\n" + print_json(Value(*typed)));
  bool after_crash = false;
  Result<Value> stored = input_->marks.once(
      name, effect,
      [&]() -> Result<Value> {
        Result<Value> done = run(*action, *typed, effect, name, after_crash);
        if (!done && is_answer(done.error()))
          return Value(Map{{"action", action->name}, {"call", digest}, {"failed", as_value(done.error())}});
        if (!done) return done;
        return Value(Map{{"action", action->name}, {"call", digest}, {"value", std::move(*done)}});
      },
      [&]() -> Result<Settled> {
        if (action->continues_after_crash) {
          after_crash = true;  // it finds its own marks again
          return Settled{Settled::Answer::did_not_happen, {}};
        }
        if (effect == Effect::read) return Settled{Settled::Answer::did_not_happen, {}};
        Result<Settled> settled = settle_call(*action, *typed, name);
        if (!settled) return settled;
        if (settled->answer == Settled::Answer::happened)
          settled->value = Value(Map{{"action", action->name}, {"call", digest}, {"value", std::move(settled->value)}});
        return settled;
      });
  if (!stored) return stored;
  parts_.world->processes.committed({input_->run, input_->op.mark(name), input_->attempt});
  const Map* record = stored->find<Map>();
  if (!record || text_of(*record, "call") != digest)
    return fail(ErrorCode::in_doubt,
                "before the crash the script called `" +
                    (record ? text_of(*record, "action") : std::string("something")) +
                    "` here with other arguments: it does not do the same again",
                "what it calls must follow from its arguments and from what its calls gave", Certainty::maybe);
  if (const Value* failed = member(*record, "failed"); failed && failed->is<Map>())
    return pass(error_in(failed->get<Map>()));
  const Value* value = member(*record, "value");
  return value ? *value : Value();
}

// What the called action is handed, and all that it refers to.
struct StepActions::InnerCall {
  InnerCall(const StepActions& outer, const Map& args, Effect effect, std::string_view name, bool after_crash)
      : op(name.empty() ? outer.input_->op : outer.input_->op.mark(name)),
        marks(outer.input_->marks, name),
        streams(outer.input_->streams, name),
        others(outer.parts_, effect, outer.depth_ + 1),
        input{args,
              outer.input_->run,
              op,
              outer.input_->attempt,
              sha256_hex(outer.input_->run + "\n" + op.path),
              outer.input_->timeout,
              outer.input_->stop,
              marks,
              others,
              outer.input_->progress,
              streams,
              after_crash,
              outer.input_->opened,
              outer.input_->scripts} {
    others.stand_in(input);
  }
  OpId op;
  InnerMarks marks;
  InnerStreams streams;
  StepActions others;
  StepInput input;
};

Result<Value> StepActions::run(const Action& action, const Map& args, Effect effect, std::string_view name,
                               bool after_crash) {
  InnerCall call(*this, args, effect, name, after_crash);
  const StepInput& input = call.input;
  Result<StepOutput> output;
  if (effect == Effect::read) {
    if (!action.look) return fail(ErrorCode::invalid, "`" + action.name + "` cannot be used as a read");
    Look look = parts_.world->look();
    output = action.look(input, look);
  } else {
    Touch touch = parts_.world->touch();
    output = action.act(input, touch);
  }
  if (!output) return pass(output.error());
  return Value(std::move(output->fields));
}

Result<Settled> StepActions::settle_call(const Action& action, const Map& args, std::string_view name) {
  InnerCall call(*this, args, Effect::read, name, true);
  const StepInput& input = call.input;
  if (action.recover) {
    Touch touch = parts_.world->touch();
    Result<std::optional<StepOutput>> left = action.recover(input, touch);
    if (!left) return pass(left.error());
    if (*left) return Settled{Settled::Answer::happened, Value((*left)->fields)};
  }
  if (action.probe) {
    Look look = parts_.world->look();
    return action.probe(input, look);
  }
  return Settled{};
}

}  // namespace muster
