#include "scripting/calls.h"

#include <algorithm>
#include <lua.hpp>

#include "interpreter/base/digest.h"
#include "scripting/values.h"

namespace muster {
namespace {

constexpr size_t most_log = 64 << 10;

// `ctx` of an action that runs.
class StepHost final : public ScriptHost {
 public:
  // `only_looks`: calls are reads that nobody remembers.
  StepHost(const StepInput& input, Clock& clock, bool only_looks = false)
      : input_(input), clock_(clock), only_looks_(only_looks) {}

  Result<Value> call(std::string_view action, const Map& args) override {
    ++calls_;
    if (fatal) return pass(*fatal);
    Result<Value> answer =
        input_.others.call(only_looks_ ? std::string() : start + std::to_string(calls_), action, args);
    // No `pcall` goes on behind what nobody knows, or behind the end of the run.
    if (!answer && (answer.error().code == ErrorCode::in_doubt || answer.error().code == ErrorCode::interrupted))
      fatal = answer.error();
    return answer;
  }
  void progress(int64_t done, int64_t total, std::string_view unit) override { input_.progress.at(done, total, unit); }
  void log(std::string_view line) override {
    log_bytes_ += line.size() + 1;
    if (log_.size() + line.size() < most_log) log_.append(line).push_back('\n');
  }
  Timestamp now() override { return clock_.now(); }
  Result<void> sleep(Duration duration) override {
    if (!clock_.sleep(duration, input_.stop))
      return fail(ErrorCode::interrupted, "asked to stop while it slept", {}, Certainty::maybe);
    return {};
  }
  bool is_stopped() override { return input_.stop.stop_requested(); }
  const Map& facts() const override {
    if (facts_.empty()) facts_ = {{"run", input_.run}, {"key", input_.idempotency_key}, {"attempt", input_.attempt}};
    return facts_;
  }
  [[nodiscard]] int calls() const { return calls_; }
  void keep_log() {
    if (log_.empty()) return;
    CapturedStream stream;
    stream.bytes = log_.size();
    stream.sha256 = sha256_hex(log_);
    stream.head = std::move(log_);
    input_.streams.keep("log", std::move(stream));
  }
  std::optional<Error> fatal;
  // What the calls are journaled under: another one where all begins anew.
  std::string start;

 private:
  const StepInput& input_;
  Clock& clock_;
  bool only_looks_;
  mutable Map facts_;  // made when a script asks for one
  int calls_ = 0;
  std::string log_;
  size_t log_bytes_ = 0;
};

// `ctx` of a pure function: the time stands still, and there are no actions.
class PureHost final : public ScriptHost {
 public:
  explicit PureHost(const ScriptContext& context) : context_(context) {}
  Result<Value> call(std::string_view action, const Map&) override {
    return fail(ErrorCode::refused, "`ctx." + std::string(action) + "` is not there: a function only computes");
  }
  void progress(int64_t, int64_t, std::string_view) override {}
  void log(std::string_view) override {}
  Timestamp now() override { return context_.now; }
  Result<void> sleep(Duration) override {
    return fail(ErrorCode::refused, "a function only computes: it cannot sleep");
  }
  bool is_stopped() override { return context_.stop.stop_requested(); }
  const Map& facts() const override { return context_.facts; }

 private:
  const ScriptContext& context_;
};

// The arguments with the values of fields that are not given; the same map where there are none.
class WithFallbacks {
 public:
  WithFallbacks(const ScriptedAction& scripted, const Map& args) : args_(&args) {
    if (scripted.fallbacks.empty()) return;
    filled_.emplace(args);
    for (const auto& [name, value] : scripted.fallbacks) filled_->emplace(name, value);
    args_ = &*filled_;
  }
  WithFallbacks(const WithFallbacks&) = delete;
  WithFallbacks& operator=(const WithFallbacks&) = delete;
  [[nodiscard]] const Map* get() const { return args_; }

 private:
  std::optional<Map> filled_;
  const Map* args_;
};

// What is wrong with that which a function gives is said behind its end, where no line of Lua is left: the line where
// it begins, then.
Result<void> placed(Result<void> done, ScriptState& state) {
  if (done || done.error().code != ErrorCode::expression || !done.error().cause.empty()) return done;
  if (const std::string place = state.place_of_last(); !place.empty())
    done.error().message = place + ": " + done.error().message;
  return done;
}

// Calls a function of the definition; `take` reads what it gives, from the top of the stack.
template <class F>
Result<void> call_definition(const ScriptedAction& scripted, ScriptHost& host, const std::stop_token& stop,
                             std::string_view function, std::initializer_list<const Map*> arguments, int results,
                             const F& take) {
  Result<ScriptLibrary::Lease> lease = scripted.library->lease();
  if (!lease) return pass(lease.error());
  ScriptState& state = **lease;
  state.box.begin(&stop);
  state.box.host = &host;
  Result<void> done = state.box.protect([&](lua_State* lua) {
    state.push_function(lua, scripted.chunk, scripted.name, function);
    for (const Map* map : arguments) push(lua, *map);
    ScriptState::push_context(lua);
    lua_call(lua, static_cast<int>(arguments.size()) + 1, results);
    take(lua);
  });
  return placed(std::move(done), state);
}

// A failure of the script itself, told by the effect that what it called may have had.
Error judged(Error error, const ScriptedAction& scripted, int calls) {
  if (scripted.effect == Effect::read) {
    error.effect = Certainty::no_effect;
  } else if (error.code == ErrorCode::expression && calls > 0) {
    error.effect = Certainty::maybe;
  } else if (calls > 1 && error.effect == Certainty::no_effect) {
    error.effect = Certainty::maybe;  // what was called before may have done something
  }
  return error;
}

Result<StepOutput> run_script(const ScriptedAction& scripted, const StepInput& input, Clock& clock,
                              std::string_view function, std::initializer_list<const Map*> arguments, StepHost& host) {
  (void)clock;
  StepOutput output;
  Result<void> done = call_definition(scripted, host, input.stop, function, arguments, 1, [&](lua_State* lua) {
    if (lua_isnil(lua, -1) != 0) return;
    Value value = value_at(lua, -1, "the result");
    if (Map* map = value.find<Map>()) {
      output.fields = std::move(*map);
    } else if (const List* list = value.find<List>(); !list || !list->empty()) {
      output.fields = Map{{"value", std::move(value)}};
    }
  });
  host.keep_log();
  if (host.fatal) return pass(*host.fatal);
  if (!done) return pass(judged(done.error(), scripted, host.calls()));
  return output;
}

// true, false or nil, and the result beside it.
Result<Settled> ask_probe(const ScriptedAction& scripted, const StepInput& input, Clock& clock) {
  StepHost host(input, clock, true);
  const WithFallbacks args(scripted, input.args);
  Settled settled;
  Result<void> done = call_definition(scripted, host, input.stop, "probe", {args.get()}, 2, [&](lua_State* lua) {
    if (lua_isnil(lua, -2) != 0) return;
    if (lua_isboolean(lua, -2) == 0)
      raise(lua, std::string("`probe` gives true, false or nil, and this is a ") + luaL_typename(lua, -2));
    settled.answer = lua_toboolean(lua, -2) != 0 ? Settled::Answer::happened : Settled::Answer::did_not_happen;
    settled.value = Value(map_at(lua, -1, "the result of `probe`"));
  });
  if (!done) return pass(done.error());
  return settled;
}

Result<StepOutput> act(const ScriptedAction& scripted, const StepInput& input, Clock& clock) {
  StepHost host(input, clock);
  // What `probe` says is journaled, for each crash: the next one must not believe calls that it has taken back.
  bool asked_now = !(input.after_crash && scripted.has_probe);
  for (int crash = 1; !asked_now; ++crash) {
    const std::string number = std::to_string(crash);
    Result<Value> verdict = input.marks.once("probe." + number, Effect::read, [&]() -> Result<Value> {
      asked_now = true;
      Result<Settled> settled = ask_probe(scripted, input, clock);
      if (!settled && settled.error().code == ErrorCode::interrupted) return pass(settled.error());
      if (!settled) return Value(Map{{"why", settled.error().message}});  // it cannot tell
      if (settled->answer == Settled::Answer::happened) return Value(Map{{"happened", std::move(settled->value)}});
      return Value(settled->answer == Settled::Answer::did_not_happen);
    });
    if (!verdict) return pass(verdict.error());
    const Map* said = verdict->find<Map>();
    if (const Value* result = said ? member(*said, "happened") : nullptr) {
      StepOutput output;
      if (result->is<Map>()) output.fields = result->get<Map>();
      output.notes.push_back("after a crash the action itself found that it had happened");
      return output;
    }
    if (verdict->is<bool>() && verdict->get<bool>()) host.start = "again." + number + ".";  // nothing of it happened
  }
  const WithFallbacks args(scripted, input.args);
  return run_script(scripted, input, clock, "run", {args.get()}, host);
}

Result<Preview> preview(const ScriptedAction& scripted, const StepInput& input, Look& look) {
  Preview out;
  const WithFallbacks args(scripted, input.args);
  if (const Unknown* unknown = find_unknown(Value(*args.get()))) {
    out.unknown = unknown->why;
    return out;
  }
  StepHost host(input, look.clock, true);
  Result<void> done = call_definition(scripted, host, input.stop, "preview", {args.get()}, 1, [&](lua_State* lua) {
    Value value = value_at(lua, -1, "the preview");
    const Map* map = value.find<Map>();
    const Value* lines = map ? member(*map, "lines") : &value;
    if (lines && lines->is<std::string>()) out.lines.push_back(lines->get<std::string>());
    if (lines && lines->is<List>())
      for (const Value& line : lines->get<List>()) out.lines.push_back(to_text(line));
    if (out.lines.empty())
      raise(lua, std::string(
                     "a preview gives the lines of what would be done: a text, a list of texts, or `{lines = ...}`"));
    if (!map) return;
    auto take_part = [&](const char* name, Map& part) {
      const Value* said = member(*map, name);
      const List* list = said ? said->find<List>() : nullptr;
      if (!said || (list && list->empty())) return;
      if (!said->is<Map>())
        raise(lua, std::string("`") + name + "` of a preview must be a table of names, and is a " +
                       std::string(type_name(*said)));
      part = said->get<Map>();
    };
    take_part("facts", out.facts);
    take_part("pinned", out.pinned);
  });
  if (!done) return pass(done.error());
  return out;
}

// Calls a function of a script; `body` finds it on the stack.
template <class F>
Result<void> call_function(ScriptState& state, ScriptHost& host, const ScriptContext& context, size_t chunk,
                           std::string_view function, const F& body) {
  state.box.begin(&context.stop);
  state.box.host = &host;
  Result<void> done = state.box.protect([&](lua_State* lua) {
    state.push_function(lua, chunk, function);
    body(lua);
  });
  return placed(std::move(done), state);
}

Result<Value> value_of_call(ScriptState& state, ScriptHost& host, const ScriptContext& context, size_t chunk,
                            std::string_view function, std::span<const Value> arguments) {
  Value out;
  Result<void> done = call_function(state, host, context, chunk, function, [&](lua_State* lua) {
    luaL_checkstack(lua, static_cast<int>(arguments.size()) + 16, "too many arguments");
    for (const Value& argument : arguments) push(lua, argument);
    ScriptState::push_context(lua);
    lua_call(lua, static_cast<int>(arguments.size()) + 1, 1);
    out = value_at(lua, -1, "what it gives");
  });
  if (!done) return pass(done.error());
  return out;
}

class PreparedFunction final : public ScriptFunction {
 public:
  PreparedFunction(ScriptLibrary::Lease lease, size_t chunk, std::string name, const ScriptContext& context)
      : lease_(std::move(lease)), chunk_(chunk), name_(std::move(name)), context_(context), host_(context_) {}

  Result<Value> call(std::span<const Value> arguments) override {
    return value_of_call(*lease_, host_, context_, chunk_, name_, arguments);
  }

  Result<List> derive(const Value& key, const ScriptRows& rows) override {
    List out;
    Result<void> done = call_function(*lease_, host_, context_, chunk_, name_, [&](lua_State* lua) {
      push(lua, key);
      push_rows(lua, rows);
      ScriptState::push_context(lua);
      lua_call(lua, 3, 1);
      Value value = value_at(lua, -1, "what it gives");
      List* list = value.find<List>();
      if (!list)
        raise(lua,
              std::string("a function that derives gives a list of rows, and this is a ") + luaL_typename(lua, -1));
      for (const Value& row : *list)
        if (!row.is<Map>()) raise(lua, std::string("a row is a table of columns by name"));
      out = std::move(*list);
    });
    if (!done) return pass(done.error());
    return out;
  }

 private:
  // The names of the columns are made once; every row finds them on the stack.
  static void push_rows(lua_State* lua, const ScriptRows& rows) {
    const size_t columns = rows.columns.size();
    const size_t count = columns == 0 ? 0 : rows.cells.size() / columns;
    luaL_checkstack(lua, static_cast<int>(columns) + 16, "too many columns");
    const int first = lua_gettop(lua) + 1;
    for (const std::string& column : rows.columns) lua_pushlstring(lua, column.data(), column.size());
    lua_createtable(lua, static_cast<int>(count), 0);
    for (size_t i = 0; i < count; ++i) {
      lua_createtable(lua, 0, static_cast<int>(columns));
      for (size_t j = 0; j < columns; ++j) {
        const Value& cell = rows.cells[i * columns + j];
        if (cell.is_null()) continue;
        lua_pushvalue(lua, first + static_cast<int>(j));
        push(lua, cell);
        lua_rawset(lua, -3);
      }
      lua_rawseti(lua, -2, static_cast<lua_Integer>(i) + 1);
    }
    lua_replace(lua, first);
    lua_settop(lua, first);
  }

  ScriptLibrary::Lease lease_;
  size_t chunk_;
  std::string name_;
  ScriptContext context_;
  PureHost host_;
};

class LoadedScripts final : public Scripts {
 public:
  LoadedScripts(std::shared_ptr<const ScriptLibrary> library, std::vector<std::string> names)
      : library_(std::move(library)), names_(std::move(names)) {
    std::sort(names_.begin(), names_.end());
    for (const std::string& name : names_) {
      const size_t dot = name.rfind('.');
      Place place{0, name.substr(dot + 1)};
      while (library_->chunks().at(place.chunk).module != name.substr(0, dot)) ++place.chunk;
      places_.push_back(std::move(place));
    }
  }
  const std::vector<std::string>& names() const override { return names_; }
  Result<std::unique_ptr<ScriptFunction>> open(std::string_view function, const ScriptContext& context) const override {
    const Place* place = find(function);
    if (!place) return no_function(function);
    Result<ScriptLibrary::Lease> lease = library_->lease();
    if (!lease) return pass(lease.error());
    return std::make_unique<PreparedFunction>(std::move(*lease), place->chunk, place->function, context);
  }
  Result<Value> call(std::string_view function, std::span<const Value> arguments,
                     const ScriptContext& context) const override {
    const Place* place = find(function);
    if (!place) return no_function(function);
    Result<ScriptLibrary::Lease> lease = library_->lease();
    if (!lease) return pass(lease.error());
    PureHost host(context);
    return value_of_call(**lease, host, context, place->chunk, place->function, arguments);
  }

 private:
  struct Place {
    size_t chunk;
    std::string function;
  };
  static tl::unexpected<Error> no_function(std::string_view function) {
    return fail(ErrorCode::not_found, "no function is called `" + std::string(function) + "`");
  }
  const Place* find(std::string_view function) const {
    auto found = std::lower_bound(names_.begin(), names_.end(), function);
    return found == names_.end() || *found != function ? nullptr
                                                       : &places_[static_cast<size_t>(found - names_.begin())];
  }
  std::shared_ptr<const ScriptLibrary> library_;
  std::vector<std::string> names_;
  std::vector<Place> places_;  // in the order of the names
};

}  // namespace

void give_life(Action& action, ScriptedAction scripted) {
  auto shared = std::make_shared<const ScriptedAction>(std::move(scripted));
  action.effect = [shared](const Map&) { return shared->effect; };
  if (shared->effect == Effect::read) {
    action.look = [shared](const StepInput& input, Look& look) {
      StepHost host(input, look.clock);
      const WithFallbacks args(*shared, input.args);
      return run_script(*shared, input, look.clock, "run", {args.get()}, host);
    };
  } else {
    action.act = [shared](const StepInput& input, Touch& touch) { return act(*shared, input, touch.look.clock); };
    action.continues_after_crash = true;  // every call through `ctx` is a mark
  }
  if (shared->has_preview)
    action.preview = [shared](const StepInput& input, Look& look, Trial&) { return preview(*shared, input, look); };
  if (shared->has_rollback)
    action.rollback = [shared](const StepInput& input, const StepOutput& done, Touch& touch) {
      StepHost host(input, touch.look.clock);
      const WithFallbacks args(*shared, input.args);
      return run_script(*shared, input, touch.look.clock, "rollback", {args.get(), &done.fields}, host);
    };
}

std::shared_ptr<const Scripts> make_scripts(std::shared_ptr<const ScriptLibrary> library,
                                            std::vector<std::string> names) {
  return std::make_shared<LoadedScripts>(std::move(library), std::move(names));
}

}  // namespace muster
