// `notify` written a second time, in Lua: by its outside nobody can tell which of the two it is.
#include <gtest/gtest.h>

#include "interpreter/cli/real_world.h"
#include "interpreter/engine/engine.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"
#include "tests/unit/conformance/every_action.h"
#include "tests/world/loopback_server.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

// A name as long as the other, so that carets stand at the same places.
constexpr const char* inform = R"lua(
local addresses = {oncall = "SERVER/oncall", strict = "SERVER/strict", broken = "SERVER/broken"}
action "inform" {
  summary = "sends a message to a channel",
  effect = "write",
  fields = {
    channel = {type = "string", required = true, description = "a channel of the configuration"},
    message = {type = "string", required = true, description = "what to say"},
    fields = {type = "map", of = {type = "string"}, description = "names and values beside the message"},
  },
  results = {sent = {type = "boolean", description = "true: the channel took it"}},
  preview = function(args, ctx) return "tell " .. args.channel .. ": " .. args.message end,
  run = function(args, ctx)
    local address = addresses[args.channel]
    if not address then
      error({code = "not_found", effect = "none", message = "no channel is called `" .. args.channel .. "`",
             hint = "declare it under `channels` of the configuration"})
    end
    local answer = ctx.http{
      post = address, headers = {["Idempotency-Key"] = ctx.key}, accept = {"100..599"},
      json = {text = args.message, fields = args.fields or json.decode("{}"), run = ctx.run, playbook = "", key = ctx.key},
    }
    if answer.status >= 200 and answer.status < 300 then return {sent = true} end
    error({code = "refused", effect = answer.status >= 500 and "maybe" or "none",
           message = "channel `" .. args.channel .. "` answered " .. answer.status})
  end,
}
)lua";

class PlainMarks final : public Marks {
 public:
  Result<Value> once(std::string_view, Effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>&) override {
    return body();
  }
};

void answer(ServedConnection& connection, const ReceivedRequest& request) {
  const bool strict = request.target == "/strict", broken = request.target == "/broken";
  (void)connection.answer(strict ? 403 : broken ? 503 : 200, strict ? "no" : "ok");
}

struct Twice : testing::Test {
  Twice() : server(answer), lua(inform) {
    for (size_t at; (at = lua.find("SERVER")) != std::string::npos;) lua.replace(at, 6, server.url(""));
    SourceFiles files;
    files.add({"inform.lua", lua, ""});
    Diagnostics problems;
    std::optional<ScriptSet> set = read_extension(files, no_more_sources(), builtin_actions(), problems);
    EXPECT_TRUE(set.has_value()) << render_all(problems, files);
    if (set) actions = all_actions(builtin_actions(), std::move(set->actions));
    for (const char* name : {"oncall", "strict", "broken"}) {
      Channel channel;
      channel.name.text = name;
      channel.webhook.emplace();
      channel.webhook->text = server.url("/" + std::string(name));
      configuration.channels.push_back(std::move(channel));
    }
    invocation.environment["TMPDIR"] = folder.path();
    world = std::make_unique<RealWorld>(invocation, folder.path() + "/muster.db", &configuration);
  }
  const Action& action(std::string_view name) const { return *find_action(actions, name); }

  template <class F>
  auto with_input(const Map& args, F body) {
    Parts parts;
    parts.actions = &actions;
    parts.world = &world->world();
    StepActions others(parts, Effect::write);
    PlainMarks marks;
    SilentProgress progress;
    SilentStreams streams;
    const std::string run = "run-7";
    const OpId op{"only/told"};
    StepInput input{args, run, op, 1, "key-7", Duration::seconds(20), {}, marks, others, progress, streams};
    others.stand_in(input);
    return body(input);
  }
  Result<StepOutput> act(std::string_view name, const Map& args) {
    return with_input(args, [&](const StepInput& input) {
      Touch touch = world->world().touch();
      return action(name).act(input, touch);
    });
  }
  // All that the checker says of a playbook, with its lines and carets.
  std::string said_of(const std::string& name, const std::string& args) const {
    SourceFiles files;
    files.add({"p.muster.yaml",
               "muster: 1\nplaybook: p\nextensions: [inform.lua]\nphases:\n  - id: only\n    steps:\n      - id: "
               "told\n        " +
                   name + ": " + args +
                   "\n      - set: {x: \"${{ steps.told.sent }}\", y: \"${{ steps.told.sentt }}\"}\n",
               ""});
    auto open = [&](const std::string&) -> tl::expected<std::string, std::string> { return lua; };
    Extended extended;
    Diagnostics problems;
    (void)read_and_check(files, open, builtin_actions(), extended, problems).has_value();
    std::string text = render_all(problems, files);
    for (size_t at; (at = text.find("inform:")) != std::string::npos;) text.replace(at, 6, "notify");
    for (size_t at; (at = text.find("`inform`")) != std::string::npos;) text.replace(at + 1, 6, "notify");
    return text;
  }

  LoopbackServer server;
  std::string lua;
  TempDirectory folder;
  Configuration configuration;
  Invocation invocation;
  std::vector<Action> actions;
  std::unique_ptr<RealWorld> world;
};

TEST_F(Twice, IsCheckedInTheSameWords) {
  for (const char* args :
       {"{}", "{channel: oncall}", "{chanel: oncall, message: hello}", "{channel: oncall, message: [a]}",
        "{channel: oncall, message: hello, fields: text}", "{channel: oncall, message: \"${{ secrets.none }}\"}",
        "{channel: , message: hello}", "[a, b]", "text"}) {
    SCOPED_TRACE(args);
    const std::string wanted = said_of("notify", args);
    EXPECT_NE(wanted.find("error"), std::string::npos) << "nothing is wrong with it";
    EXPECT_EQ(said_of("inform", args), wanted);
  }
}

TEST_F(Twice, DescribesItselfInTheSameWords) {
  const Action& one = action("notify");
  const Action& other = action("inform");
  EXPECT_EQ(other.summary, one.summary);
  ASSERT_EQ(other.fields.size(), one.fields.size());
  for (const Field& field : one.fields) {
    auto same =
        std::find_if(other.fields.begin(), other.fields.end(), [&](const Field& f) { return f.name == field.name; });
    ASSERT_NE(same, other.fields.end()) << field.name;
    EXPECT_EQ(same->type, field.type) << field.name;
    EXPECT_EQ(same->required, field.required) << field.name;
    EXPECT_EQ(same->meaning, field.meaning);
  }
  ASSERT_EQ(other.results.size(), one.results.size());
  EXPECT_EQ(other.results[0].name, one.results[0].name);
  EXPECT_EQ(other.results[0].meaning, one.results[0].meaning);
}

TEST_F(Twice, PreviewsTheSameLines) {
  const Map args{{"channel", "oncall"}, {"message", "the database is back"}};
  std::vector<std::vector<std::string>> lines;
  for (const char* name : {"notify", "inform"}) {
    Result<Preview> preview = with_input(args, [&](const StepInput& input) {
      Look look = world->world().look();
      Trial trial = world->world().trial();
      return action(name).preview(input, look, trial);
    });
    ASSERT_TRUE(preview.has_value()) << preview.error().message;
    lines.push_back(preview->lines);
  }
  EXPECT_EQ(lines[1], lines[0]);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Twice, SendsTheSameBytesAndGivesTheSameResult) {
  const std::vector<Map> calls = {
      {{"channel", "oncall"}, {"message", "it is \"back\"\n\xC3\xBC"}, {"fields", Map{{"rows", "7"}, {"by", "ada"}}}},
      {{"channel", "oncall"}, {"message", "no fields"}}};
  for (const Map& args : calls) {
    const size_t before = server.requests().size();
    Result<StepOutput> one = act("notify", args), other = act("inform", args);
    ASSERT_TRUE(one.has_value()) << one.error().message;
    ASSERT_TRUE(other.has_value()) << other.error().message;
    EXPECT_EQ(to_text(Value(other->fields)), to_text(Value(one->fields)));
    std::vector<ReceivedRequest> requests = server.requests();
    ASSERT_EQ(requests.size(), before + 2);
    const ReceivedRequest &first = requests[before], &second = requests[before + 1];
    EXPECT_EQ(second.method + " " + second.target, first.method + " " + first.target);
    EXPECT_EQ(second.body, first.body);
    for (const char* header : {"content-type", "idempotency-key"})
      EXPECT_EQ(second.headers.at(header), first.headers.at(header)) << header;
  }
}

TEST_F(Twice, FailsInTheSameWords) {
  for (const char* channel : {"strict", "broken", "nobody"}) {
    const Map args{{"channel", channel}, {"message", "hello"}};
    Result<StepOutput> one = act("notify", args), other = act("inform", args);
    ASSERT_FALSE(one.has_value()) << channel;
    ASSERT_FALSE(other.has_value()) << channel;
    EXPECT_EQ(other.error().message, one.error().message);
    EXPECT_EQ(other.error().hint, one.error().hint);
    EXPECT_EQ(name_of(other.error().code), name_of(one.error().code));
    EXPECT_EQ(name_of(other.error().effect), name_of(one.error().effect)) << channel;
  }
}

}  // namespace
}  // namespace muster
