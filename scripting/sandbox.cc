#include "scripting/sandbox.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <lua.hpp>
#include <new>
#include <utility>

#include "scripting/libraries.h"
#include "scripting/values.h"

namespace muster {
namespace {

constexpr int usual_step = 1000;
constexpr int64_t look_at_clock_every = 1 << 20;  // bytes
constexpr int64_t look_at_clock_after = 100'000;  // of what the libraries charge
constexpr int most_frames = 8;
// The collector begins anew when there is three times as much as it has left: all that is kept is marked each time.
constexpr int collect_at_percent = 300;

}  // namespace

struct SandboxCallbacks {
  // Each call of a script comes here ten times: what is rare stands in functions of its own.
  static void* allocate(void* data, void* block, size_t old_size, size_t new_size) {
    Sandbox& box = *static_cast<Sandbox*>(data);
    if (!block) {
      // Of the piece that is there already no limit is asked: it has an end of its own.
      block = box.small_.take(new_size);
      if (!block) return made(box, new_size);
      box.bytes_ += new_size;
      return block;
    }
    if (new_size != 0) return resized(box, block, old_size, new_size);
    if (!box.small_.give_back(block, old_size)) std::free(block);
    box.bytes_ -= old_size;
    return nullptr;
  }
  [[gnu::noinline]] static void* made(Sandbox& box, size_t size) {
    if (size == 0) return nullptr;
    void* block = box.small_.take_new(size);
    if (!block && is_allowed(box, size)) block = std::malloc(size);
    if (block) box.bytes_ += size;
    return block;
  }
  [[gnu::noinline]] static void* resized(Sandbox& box, void* block, size_t old_size, size_t new_size) {
    if (new_size > old_size && !is_allowed(box, new_size - old_size)) return nullptr;
    void* moved = block;
    if (!box.small_.owns(block)) {
      moved = std::realloc(block, new_size);
    } else if (!SmallBlocks::holds(old_size, new_size)) {
      moved = box.small_.take(new_size);
      if (!moved) moved = box.small_.take_new(new_size);
      if (!moved) moved = std::malloc(new_size);
      if (!moved) return nullptr;
      std::memcpy(moved, block, std::min(old_size, new_size));
      (void)box.small_.give_back(block, old_size);
    }
    if (moved) box.bytes_ = box.bytes_ - old_size + new_size;
    return moved;
  }
  static bool is_allowed(Sandbox& box, size_t more) {
    if (box.closing_) return true;
    if (more > box.limits_.bytes || box.bytes_ > box.limits_.bytes - more) return false;
    box.churned_ += static_cast<int64_t>(more);
    return box.churned_ <= look_at_clock_every || box.is_in_budget();
  }

  // Once a budget is used up the hook comes with every instruction, so that code around a `pcall` is hit, too.
  static void hook(lua_State* lua, lua_Debug*) {
    Sandbox& box = Sandbox::of(lua);
    const int step = lua_gethookcount(lua);  // each coroutine has its own
    box.instructions_ -= step;
    box.look_at_clock();
    auto now = Sandbox::Clock::now();
    auto since = now - box.last_hook_;
    box.last_hook_ = now;
    int next = usual_step;
    if (box.is_spent()) {
      next = 1;
    } else if (since > std::chrono::milliseconds(2)) {
      next = std::max(1, step / 10);  // slow instructions: look more often
    }
    if (next != step) {
      lua_sethook(lua, hook, LUA_MASKCOUNT, next);
      box.last_hook_ = Sandbox::Clock::now();  // that takes as long as the stack is deep
    }
    if (box.spent_) raise(lua, std::string(box.spent_));
  }

  static int run(lua_State* lua) {
    const Sandbox::Body& body = *Sandbox::of(lua).body_;
    body.call(body.object, lua);
    return 0;
  }

  // Where it happened: added once, while the stack still stands.
  static int explain(lua_State* lua) {
    std::string frames;
    lua_Debug frame;
    int shown = 0;
    for (int level = 1; shown < most_frames && lua_getstack(lua, level, &frame) != 0; ++level) {
      if (lua_getinfo(lua, "Sl", &frame) == 0 || frame.currentline <= 0) continue;
      frames += std::string(frames.empty() ? "" : "\n") + frame.short_src + ":" + std::to_string(frame.currentline);
      ++shown;
    }
    if (lua_type(lua, 1) != LUA_TSTRING) {  // values keep their identity; error_of looks at them
      Sandbox::of(lua).frames_ = std::move(frames);
      return 1;
    }
    size_t size = 0;
    const char* text = lua_tolstring(lua, 1, &size);
    Value said = Map{{"text", std::string(text, std::min<size_t>(size, 4096))}, {"frames", frames}};
    push_explained(lua, said);
    return 1;
  }
};

Sandbox::Sandbox(ScriptLimits limits) : limits_(limits) {
  lua_ = lua_newstate(&SandboxCallbacks::allocate, this);
  if (!lua_) return;
  *static_cast<Sandbox**>(lua_getextraspace(lua_)) = this;
  lua_gc(lua_, LUA_GCINC, collect_at_percent, 0, 0);
  begin();
  Result<void> opened = protect([](lua_State* lua) { open_libraries(lua); });
  if (opened) return;
  closing_ = true;
  lua_close(lua_);
  lua_ = nullptr;
}

Sandbox::~Sandbox() {
  closing_ = true;
  if (lua_) lua_close(lua_);
}

// After many bytes that were asked for.
bool Sandbox::is_in_budget() {
  instructions_ -= churned_ / 16;
  churned_ = 0;
  return !is_spent();
}

Sandbox& Sandbox::of(lua_State* lua) { return **static_cast<Sandbox**>(lua_getextraspace(lua)); }

void Sandbox::begin(const std::stop_token* stop) {
  instructions_ = limits_.instructions;
  churned_ = charged_ = 0;
  is_timed_ = false;
  stop_ = stop;
  spent_ = nullptr;
  stopped_ = false;
  if (lua_ && lua_gethookcount(lua_) != usual_step)
    lua_sethook(lua_, &SandboxCallbacks::hook, LUA_MASKCOUNT, usual_step);
}

void Sandbox::look_at_clock() {
  if (is_timed_) return;
  is_timed_ = true;
  last_hook_ = Clock::now();
  deadline_ = last_hook_ + std::chrono::microseconds(limits_.time.us);
}

void Sandbox::pause() {
  if (is_timed_) paused_at_ = Clock::now();
}
void Sandbox::resume() {
  if (!is_timed_) return;
  auto now = Clock::now();
  deadline_ += now - paused_at_;
  last_hook_ = now;
}

bool Sandbox::is_spent() {
  if (spent_) return true;
  look_at_clock();
  if (instructions_ <= 0) {
    spent_ = "the script has used up its budget of instructions";
  } else if (Clock::now() > deadline_) {
    spent_ = "the script has used up its time";
  } else if (stop_ && stop_->stop_requested()) {
    spent_ = "the script was asked to stop";
    stopped_ = true;
  }
  return spent_ != nullptr;
}

void Sandbox::charge(lua_State* lua, int64_t cost) {
  Sandbox& box = of(lua);
  box.instructions_ -= cost;
  box.charged_ += cost;
  if (box.instructions_ > 0 && box.charged_ < look_at_clock_after && !box.spent_) return;
  box.charged_ = 0;
  if (box.is_spent()) {
    lua_sethook(lua, &SandboxCallbacks::hook, LUA_MASKCOUNT, 1);
    raise(lua, std::string(box.spent_));
  }
}

Result<void> Sandbox::guard(const Body& body) {
  if (!lua_ || lua_checkstack(lua_, 8) == 0) return fail(ErrorCode::storage, "there is no memory for Lua");
  const Body* around = std::exchange(body_, &body);
  lua_pushcfunction(lua_, &SandboxCallbacks::explain);
  lua_pushcfunction(lua_, &SandboxCallbacks::run);
  if (!frames_.empty()) frames_.clear();
  const int status = lua_pcall(lua_, 0, 0, -2);
  body_ = around;
  if (status != LUA_OK) return failure(status);
  lua_pop(lua_, 1);
  return {};
}

Result<void> Sandbox::failure(int status) {
  Error error = error_of(lua_);
  if (status == LUA_ERRMEM && !spent_) {
    error.message = "the script has used up its memory of " + std::to_string(limits_.bytes >> 20) + " MB";
  } else if (spent_ && error.message.find(spent_) == std::string::npos) {
    error.message = error.message.empty() ? spent_ : std::string(spent_) + " (" + error.message + ")";
  }
  if (stopped_) error.code = ErrorCode::interrupted;
  lua_pop(lua_, 2);  // what was raised, and the handler
  return pass(std::move(error));
}

// Looks at what was raised without calling anything of it: a metamethod could raise again.
Error Sandbox::error_of(lua_State* lua) {
  Error error;
  error.code = ErrorCode::expression;
  if (const Error* ours = raised_error(lua, -1)) return *ours;
  if (std::optional<Map> said = raised_text(lua, -1)) {
    error.message = text_of(*said, "text");
    error.cause = text_of(*said, "frames");
  } else {
    error = raised_value(lua, -1);
    error.cause = frames_;
    if (error.code != ErrorCode::expression) return error;  // it has a message, whose words are the author's
  }
  // `error("x", 0)`, errors of the libraries, and bare values say no place: the innermost line of Lua is it.
  const std::string place = error.cause.substr(0, error.cause.find('\n'));
  const std::string file = place.substr(0, place.rfind(':'));
  if (!place.empty() && error.message.rfind(file + ":", 0) != 0) error.message = place + ": " + error.message;
  return error;
}

}  // namespace muster
