// The canary test: P9, B28, S7 and S8 of docs/reliability.md. Secrets are planted, every action uses them in success,
// failure and time-out, everything that can be printed is printed; then nothing of them may be anywhere.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "interpreter/base/digest.h"
#include "tests/live/canary.h"
#include "tests/live/program.h"
#include "tests/world/loopback_server.h"

namespace muster {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

// Sends back all that it got, in the body and in a header.
void echo(ServedConnection& connection, const ReceivedRequest& request) {
  std::string header;
  for (const char* name : {"x-token", "authorization"})
    if (auto found = request.headers.find(name); found != request.headers.end()) header += found->second + " ";
  std::string headers = "Content-Type: application/json\r\nX-Echo: " + header + "\r\n";
  std::string body = print_json(Map{{"head", request.head}, {"body", request.body}});
  if (request.target == "/fail") {
    connection.answer(500, body, headers);
  } else if (request.target == "/reset") {
    connection.send("HTTP/1.1 200 X\r\nX-Echo: " + header + "\r\nContent-Length: 100000\r\n\r\n" + body);
    connection.reset();
  } else if (request.target == "/slow") {
    while (connection.wait(1000)) {
    }
  } else {
    connection.answer(200, body, headers);
  }
}

// Somebody who speaks no TLS: answers whatever comes with a line of text.
class PlainSpeaker {
 public:
  PlainSpeaker() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_.get(), 8);
    socklen_t size = sizeof address;
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      while (true) {
        UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!socket) return;
        (void)!::write(socket.get(), "this is no TLS\r\n\r\n", 18);
      }
    });
  }
  ~PlainSpeaker() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] int port() const { return port_; }

 private:
  UniqueFd listener_;
  int port_ = 0;
  std::thread thread_;
};

class Secrets : public ::testing::Test {
 protected:
  Secrets() : server(echo) {
    for (const char* name : {"given", "temporary", "working", "store"}) std::filesystem::create_directory(at(name));
    std::filesystem::permissions(at("store"), std::filesystem::perms::owner_all);
    home.working_folder = at("working");
    home.variables = {"TMPDIR=" + at("temporary"), "MUSTER_STORE=sqlite:" + at("store") + "/muster.db",
                      "CANARY_BY_ENV=" + by_env.text()};
    std::ofstream(at("working/app.db")) << "";
    give("file", by_file.text() + "\n");
    give("command", "436F6D6D616E647E43616E6172797E32333432\n");
  }
  std::string at(const std::string& name) const { return outside.path() + "/" + name; }
  void give(const std::string& name, const std::string& text, mode_t mode = 0600) {
    std::ofstream(at("given/" + name), std::ios::binary) << text;
    EXPECT_EQ(::chmod(at("given/" + name).c_str(), mode), 0);
  }
  Ran run(const std::string& playbook, std::vector<std::string> more = {}) {
    give("canaries.muster.yaml", playbook);
    std::vector<std::string> words{
        "run", at("given/canaries.muster.yaml"), "-i", "given=" + at("given"),
        "-i",  "server=" + server.url(""),       "-i", "no_tls=" + std::to_string(no_tls.port())};
    words.insert(words.end(), more.begin(), more.end());
    return home.muster(words);
  }
  // HOME holds what was printed, too.
  std::vector<std::string> found() const {
    return found_in_files({by_env, by_file, by_command}, {home.path("."), at("temporary"), at("working"), at("store")});
  }

  const Canary by_env{"the canary by env", "Env+Canary/4711=\"quoted\" <&>'\xC3\xBC"};
  const Canary by_file{"the canary by file", "File-Canary-0815 \\ first\nsecond-Line-0816"};
  const Canary by_command{"the canary by command", "Command~Canary~2342"};
  LoopbackServer server;
  PlainSpeaker no_tls;
  TempDirectory outside;
  Home home;
};

const char* const head = R"yaml(muster: 1
playbook: canaries
inputs:
  given: {type: path, required: true}
  server: {type: string, required: true}
  no_tls: {type: string, default: "1"}
secrets:
  by_env: {env: CANARY_BY_ENV}
  by_file: {file: "${{ inputs.given }}/file"}
  by_command: {command: [cat, "${{ inputs.given }}/command"], encoding: hex}
connections:
  app: {sqlite: app.db}
  service:
    http: "${{ inputs.server }}"
    headers: {X-Token: "${{ secrets.by_env }}"}
    auth: {basic: {user: me, password: "${{ secrets.by_command }}"}}
defaults: {on_failure: continue}
)yaml";

const char* const body = R"yaml(phases:
  - id: open
    steps:
      - id: says
        shell:
          script: |
            for s in "$GIVEN_ENV" "$GIVEN_COMMAND" "$(cat)"; do
              printf '%s\n' "$s"
              half=${s%????????????}
              printf '%s' "$half" >&2; sleep 0.1; printf '%s\n' "${s#"$half"}" >&2
              printf '%s' "$s" | base64
              printf 'x%s' "$s" | base64 -w 20
              printf 'xy%s' "$s" | base64 -w 0
              printf '%s' "$s" | od -An -v -tx1 | tr -d ' \n'
              printf '%s' "$s" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F
            done
          env: {GIVEN_ENV: "${{ secrets.by_env }}", GIVEN_COMMAND: "Bearer ${{ secrets.by_command }}"}
          stdin: "${{ secrets.by_file }}"
        verify: {that: "result.stdout == 'nothing of this'"}
      - id: finds_it_itself
        shell: {argv: [cat, "${{ inputs.given }}/file", "${{ inputs.given }}/command"], parse: lines}
        outputs: {beginning: "${{ first(split(result.stdout, '0815')) }}"}
      - id: fails
        shell:
          script: 'printf "%s\n" "no: $GIVEN_ENV" >&2; exit 3'
          env: {GIVEN_ENV: "${{ secrets.by_env }}"}
      - id: hangs
        timeout: 1s
        shell: {script: 'printf %s "$GIVEN_ENV"; exec sleep 60', env: {GIVEN_ENV: "${{ secrets.by_env }}"}}
      - id: asked
        http: {connection: service, get: /echo}
        verify: {that: "contains(result.value.head, 'nothing of this')"}
      - id: bearer
        http: {get: "${{ inputs.server }}/echo", auth: {bearer: "${{ secrets.by_command }}"}}
      - id: sent_json
        http: {connection: service, post: /echo, json: {token: "${{ secrets.by_env }}", list: ["${{ secrets.by_file }}"]}}
      - id: sent_form
        http: {connection: service, post: /echo, form: {token: "${{ secrets.by_env }}", text: "${{ secrets.by_file }}"}}
      - id: sent_text
        http: {connection: service, put: /echo, body: "<${{ secrets.by_file }}>"}
      - id: answered_500
        http: {connection: service, post: /fail, body: "${{ secrets.by_env }}"}
      - id: was_cut
        http: {connection: service, post: /reset, body: "${{ secrets.by_env }}"}
      - id: was_late
        timeout: 1s
        http: {connection: service, get: /slow}
      - id: nobody_there
        http: {get: "http://127.0.0.1:1/", headers: {X-Token: "${{ secrets.by_env }}"}}
      - id: no_tls
        http: {get: "https://127.0.0.1:${{ inputs.no_tls }}/", headers: {X-Token: "${{ secrets.by_env }}"}}
      - id: refused_header
        http: {get: "${{ inputs.server }}/echo", headers: {X-Token: "${{ secrets.by_file }}"}}
      - id: made
        sql: {connection: app, execute: "create table counted (n integer, text text); insert into counted values (0, '')"}
      - id: selected
        sql:
          connection: app
          query: "select :a as a, hex(:b) as b, lower(hex(:c)) as c, json_quote(:a) as d, :b || :c as e"
          bind: {a: "${{ secrets.by_env }}", b: "${{ secrets.by_file }}", c: "${{ secrets.by_command }}"}
        verify: {that: "result.row.d == 'nothing of this'"}
      - id: sql_said_it
        sql: {connection: app, query: "select json_extract('{}', :a)", bind: {a: "${{ secrets.by_env }}"}}
  - id: gated
    approval: {message: "Look closely"}
    steps:
      - shell: {argv: [sh, -c, 'printf %s "$GIVEN_ENV"'], env: {GIVEN_ENV: "${{ secrets.by_env }}"}, stdin: "${{ secrets.by_file }}"}
      - http: {connection: service, post: /echo, json: {token: "${{ secrets.by_env }}"}}
      - sql: {connection: app, execute: "update counted set n = length(:a)", bind: {a: "${{ secrets.by_env }}"}}
always:
  - when: is_set(secrets.by_env) and run.status == "succeeded"
    set: {ended: "with ${{ run.status }}"}
)yaml";

TEST_F(Secrets, AreNowhereAfterARunThatUsedThemInEveryWay) {
  Watch watch({by_env, by_file, by_command}, "GIVEN_", MUSTER_RELEASE_DIR "/muster");
  Ran parked = run(std::string(head) + body, {"--verbose", "--detach"});
  EXPECT_EQ(parked.code, 75) << parked.err;
  EXPECT_THAT(parked.err, HasSubstr("GIVEN_ENV=***")) << "the panel shows what would be done";
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"gates"},
                                             {"gates", "--output", "json"},
                                             {"approve", "last", "--verbose", "--output", "json"},
                                             {"show", "last"},
                                             {"show", "last", "--output", "json"},
                                             {"logs", "last"},
                                             {"logs", "last", "--output", "json"},
                                             {"report", "last"},
                                             {"report", "last", "--format", "text"},
                                             {"report", "last", "--format", "json"},
                                             {"audit", "last"},
                                             {"audit", "last", "--output", "jsonl"},
                                             {"audit", "--verify"}}) {
    Ran ran = home.muster(words);
    EXPECT_EQ(ran.code, 0) << words[0] << "\n" << ran.err;
  }
  watch.end();

  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(watch.found(), IsEmpty());

  // The run did use them, and the watch did see its processes.
  std::string received;
  for (const ReceivedRequest& request : server.requests()) received += request.head + request.body + "\n";
  EXPECT_THAT(received, HasSubstr("X-Token: " + by_env.text()));
  EXPECT_THAT(received, HasSubstr("Bearer " + by_command.text()));
  EXPECT_THAT(received, HasSubstr("<" + by_file.text() + ">"));
  EXPECT_THAT(home.muster({"logs", "last", "says"}).out, HasSubstr("***"));
  EXPECT_GT(watch.given_seen(), 0);
  EXPECT_THAT(watch.programs(), Contains(std::string(MUSTER_RELEASE_DIR "/muster-children")));
  const Value shown = home.json({"show", "last"});
  std::map<std::string, std::string> states;
  for (const Value& step : member(shown, "steps")->get<List>())
    states[text_of(step.get<Map>(), "id")] = text_of(step.get<Map>(), "state");
  for (const char* failed : {"says", "fails", "hangs", "asked", "answered_500", "was_cut", "was_late", "nobody_there",
                             "no_tls", "refused_header", "selected", "sql_said_it"})
    EXPECT_EQ(states[failed], "failed") << failed;
  for (const char* done : {"finds_it_itself", "bearer", "sent_json", "sent_form", "sent_text", "made"})
    EXPECT_EQ(states[done], "succeeded") << done;
}

const char* const told_body = R"yaml(phases:
  - id: gated
    approval:
      message: "Look closely"
      approvers: [group:sre]
      notify: [hook, refuses, chat]
      evidence:
        answered: {http: {connection: service, get: /echo}}
        printed: {shell: {script: 'printf "%s\n" "$GIVEN_ENV"; printf %s "$GIVEN_ENV" | base64', env: {GIVEN_ENV: "${{ secrets.by_env }}"}}}
        failed: {http: {get: "${{ inputs.server }}/reset", headers: {X-Token: "${{ secrets.by_env }}"}}}
    steps:
      - shell: {argv: [sh, -c, 'printf %s "$GIVEN_ENV"'], env: {GIVEN_ENV: "${{ secrets.by_env }}"}}
        rollback: [{shell: {argv: [sh, -c, 'printf %s "$GIVEN_ENV"'], env: {GIVEN_ENV: "${{ secrets.by_command }}"}}}]
      - {id: told, notify: {channel: hook, message: "It is done"}}
      - {id: refused, notify: {channel: refuses, message: "It is done"}}
      - {id: undone, shell: {argv: ["false"]}, on_failure: fail}
)yaml";

TEST_F(Secrets, AreNowhereWhereAGateReadsTellsAndIsSigned) {
  const Canary by_url{"the canary in a webhook's address", "Url~Canary~777"};
  give("chat", server.url("/services/" + by_url.text()) + "\n");
  ASSERT_EQ(std::system(("ssh-keygen -q -t ed25519 -N '' -f '" + at("given/key") + "'").c_str()), 0);
  std::string public_key = read_text(at("given/key.pub")), kept = read_text(at("given/key"));
  public_key.pop_back();
  std::vector<std::string> lines;
  std::istringstream text(kept);
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  ASSERT_GT(lines.size(), 4u);
  const Canary key{"the signing key", lines[3]};  // of the private half
  give("config.yaml",
       "people: {me: {users: [" + Home::person() + "], keys: [\"" + public_key +
           "\"]}}\ngroups: {sre: [me]}\ngates: {signatures: required, self_approval: allowed}\nchannels:\n"
           "  hook: {webhook: \"" +
           server.url("/echo") + "\", headers: {Authorization: {env: CANARY_BY_ENV}}}\n  refuses: {webhook: \"" +
           server.url("/fail") + "\", headers: {Authorization: {file: " + at("given/command") +
           "}}}\n  chat: {slack: {file: " + at("given/chat") + "}}\n");
  give("command", by_command.text() + "\n");
  std::string playbook = head;
  playbook.replace(playbook.find(", encoding: hex"), 15, "");
  const std::vector<std::string> with{"--config", at("given/config.yaml")};
  const Canaries all{by_env, by_file, by_command, by_url, key};
  Watch watch(all, "GIVEN_", MUSTER_RELEASE_DIR "/muster");
  Ran parked = run(playbook + told_body, {"--verbose", "--detach", with[0], with[1]});
  ASSERT_EQ(parked.code, 75) << parked.err;
  const std::string gates = home.muster({"gates"}).out;
  EXPECT_THAT(gates, HasSubstr("GIVEN_ENV=***"));
  EXPECT_THAT(gates, HasSubstr("~rollback/"));
  EXPECT_THAT(gates, HasSubstr("evidence printed"));
  EXPECT_EQ(home.muster({"approve", "last", "--verbose", "--sign", at("given/key"), with[0], with[1]}).code, 5);
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"show", "last", "--output", "json"},
                                             {"logs", "last"},
                                             {"report", "last"},
                                             {"report", "last", "--format", "json"},
                                             {"audit", "last", "--output", "jsonl"},
                                             {"audit", "--verify"}}) {
    Ran ran = home.muster(words);
    EXPECT_EQ(ran.code, 0) << words[0] << "\n" << ran.err;
  }
  watch.end();
  EXPECT_THAT(found_in_files(all, {home.path("."), at("temporary"), at("working"), at("store")}), IsEmpty());
  EXPECT_THAT(watch.found(), IsEmpty());
  // They were used, and the signature was made.
  std::string received;
  for (const ReceivedRequest& request : server.requests()) received += request.head + "\n";
  EXPECT_THAT(received, HasSubstr("Authorization: " + by_env.text()));
  EXPECT_THAT(received, HasSubstr("Authorization: " + by_command.text()));
  EXPECT_THAT(received, HasSubstr(by_url.text()));
  const std::string log = home.muster({"audit", "last", "--output", "jsonl"}).out;
  EXPECT_THAT(log, HasSubstr("BEGIN SSH SIGNATURE"));
  EXPECT_THAT(log, HasSubstr("channel `refuses` answered 500"));
}

TEST_F(Secrets, AreNotInWhatAKilledInterpreterLeavesBehind) {
  give("canaries.muster.yaml", std::string(head) + R"yaml(phases:
  - id: only
    steps:
      - id: killed
        shell:
          script: 'printf "%s\n" "$GIVEN_ENV"; printf %s "$GIVEN_ENV" | base64; touch begun; while ! test -e go; do sleep 0.05; done'
          env: {GIVEN_ENV: "${{ secrets.by_env }}"}
          stdin: "${{ secrets.by_file }}"
)yaml");
  std::unique_ptr<Background> running = home.start(
      {"run", at("given/canaries.muster.yaml"), "-i", "given=" + at("given"), "-i", "server=" + server.url("")});
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(at("working/begun")); })) << running->err();
  running->signal(SIGKILL);
  (void)running->wait();
  std::ofstream(at("working/go")) << "";
  auto record = [&] {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(at("store/muster.db.children")))
      if (entry.is_regular_file() && read_text(entry.path().string()).find("***") != std::string::npos) return true;
    return false;
  };
  EXPECT_TRUE(eventually(record)) << "the helper writes down what nobody has taken";
  EXPECT_THAT(found(), IsEmpty());
  Ran resumed = home.muster({"resume", "last", "--verbose"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(home.muster({"logs", "last"}).out, HasSubstr("***"));
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Secrets, AreRefusedFromAFileThatOthersMayRead) {
  give("file", by_file.text(), 0644);
  Ran ran = run(std::string(head) + R"yaml(phases:
  - id: only
    steps:
      - shell: {argv: [cat], stdin: "${{ secrets.by_file }}"}
        on_failure: fail
)yaml");
  EXPECT_EQ(ran.code, 1);
  EXPECT_THAT(ran.err, HasSubstr("chmod 600")) << ran.err;
  EXPECT_THAT(found(), IsEmpty());
}

// An action of one's own, written by somebody who lets a secret into all that it raises, says and gives.
const char* const leaky = R"lua(
local token = {type = "string", required = true, secret = true, description = "a password"}
local function leaky(name, run, preview)
  action(name) {
    summary = "Leak", effect = "write", fields = {token = token},
    preview = preview or function() return "leak" end, run = run,
  }
end
leaky("raises_it", function(args) error(args.token) end)
leaky("raises_text", function(args) error("no: " .. args.token .. "!") end)
leaky("raises_table", function(args) error({message = args.token, code = "leaked", hint = args.token}) end)
leaky("raises_deep", function(args) local function f(n) if n == 0 then error(args.token, 0) end f(n - 1) end f(5) end)
leaky("asserts", function(args) assert(false, args.token) end)
leaky("indexes", function(args) local t = {} return t[args.token].x end)
leaky("formats", function(args) error(string.format("%s %q", args.token, tostring(args.token))) end)
leaky("encodes", function(args) return {a = encoding.base64(args.token), b = encoding.hex(args.token)} end)
leaky("gives", function(args) return {token = args.token, [tostring(args.token)] = 1} end)
leaky("logs", function(args, ctx) ctx.log(args.token) ctx.log("it is " .. args.token) end)
leaky("tells_progress", function(args, ctx) ctx.progress(1, 2, args.token) end)
leaky("previews", function(args) return {} end, function(args) return "curl -H " .. args.token end)
leaky("cannot_preview", function(args) return {} end, function(args) error(args.token) end)
leaky("in_argv", function(args, ctx) ctx.shell{argv = {"echo", args.token}} end)
leaky("unknown_field", function(args, ctx) ctx.shell{argv = {"true"}, envv = args.token} end)
leaky("wrong_type", function(args, ctx) ctx.shell{argv = {"true"}, exit_codes = args.token} end)
leaky("no_action", function(args, ctx) ctx[tostring(args.token)]{} end)
-- By the only way that is meant; what comes back says it again, and the script raises that. It lives long enough to be seen.
leaky("hands_on", function(args, ctx)
  local done = ctx.shell{script = 'printf "%s" "$GIVEN_TOKEN"; printf "%s" "$GIVEN_TOKEN" | base64 -w 0; printf "%s" "$GIVEN_TOKEN" >&2; sleep 0.3',
                         env = {GIVEN_TOKEN = args.token}}
  error("it said " .. done.stdout .. done.stderr)
end)
leaky("passes_on", function(args, ctx)
  ctx.shell{script = 'printf "%s" "$GIVEN_TOKEN" >&2; exit 3', env = {GIVEN_TOKEN = args.token}}
end)
leaky("catches", function(args, ctx)
  local ok, why = pcall(ctx.shell, {script = 'printf "%s" "$GIVEN_TOKEN" >&2; exit 3', env = {GIVEN_TOKEN = args.token}})
  return {why = why.message, all = json.encode(why)}
end)
)lua";

TEST_F(Secrets, AreInNothingThatAnActionOfOnesOwnRaisesSaysOrGives) {
  const std::vector<std::string> names = {
      "raises_it",     "raises_text", "raises_table", "raises_deep",    "asserts",   "indexes",        "formats",
      "encodes",       "gives",       "logs",         "tells_progress", "previews",  "cannot_preview", "in_argv",
      "unknown_field", "wrong_type",  "no_action",    "hands_on",       "passes_on", "catches"};
  give("leaky.lua", leaky);
  std::string playbook = head;
  playbook.insert(playbook.find("inputs:"), "extensions: [leaky.lua]\n");
  playbook += "phases:\n  - id: only\n    approval: {message: Look closely}\n    steps:\n";
  int n = 0;
  for (const std::string& name : names)
    playbook += "      - {id: " + name + "_step, " + name + ": {token: \"${{ secrets." +
                (++n % 2 == 0 ? "by_env" : "by_command") + " }}\"}}\n";
  Watch watch({by_env, by_file, by_command}, "GIVEN_", MUSTER_RELEASE_DIR "/muster");
  Ran parked = run(playbook, {"--verbose", "--detach"});
  ASSERT_EQ(parked.code, 75) << parked.err;
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"gates"},
                                             {"gates", "--output", "json"},
                                             {"approve", "last", "--verbose"},
                                             {"show", "last", "--output", "json"},
                                             {"logs", "last"},
                                             {"report", "last"},
                                             {"report", "last", "--format", "json"},
                                             {"audit", "last", "--output", "jsonl"}}) {
    Ran ran = home.muster(words);
    EXPECT_EQ(ran.code, 0) << words[0] << "\n" << ran.err;
  }
  watch.end();
  EXPECT_THAT(found(), IsEmpty());
  EXPECT_THAT(watch.found(), IsEmpty());
  // They did run, and did raise.
  const Value shown = home.json({"show", "last"});
  std::map<std::string, std::string> states;
  for (const Value& step : member(shown, "steps")->get<List>())
    states[text_of(step.get<Map>(), "id")] = text_of(step.get<Map>(), "state");
  for (const char* failed : {"raises_it", "raises_text", "raises_table", "raises_deep", "asserts", "indexes", "formats",
                             "in_argv", "unknown_field", "wrong_type", "no_action", "hands_on", "passes_on"})
    EXPECT_EQ(states[failed + std::string("_step")], "failed") << failed;
  for (const char* done : {"logs", "previews", "catches"})
    EXPECT_EQ(states[done + std::string("_step")], "succeeded") << done;
  EXPECT_GT(watch.given_seen(), 0) << "the secret was handed to a program";
  const std::string report = home.muster({"audit", "last", "--output", "jsonl"}).out;
  EXPECT_THAT(report, HasSubstr("it said ***"));
}

// docs/language.md shows this playbook.
TEST_F(Secrets, OfTheLanguagesPageDoWhatItSays) {
  home.variables.push_back("SIGNING_PASSWORD=Correct-Horse-17");
  give("signing.key", "0102030405060708090a\n");
  give("account", "release-robot\n");
  give("release", "1.0.0\n");
  Ran ran = home.muster(
      {"run", MUSTER_SOURCE_DIR "/tests/golden/playbooks/secrets.muster.yaml", "-i", "folder=" + at("given")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(home.muster({"logs", "last", "signed"}).out, "== sign/signed, stdout\nsigned by ***\n");
  EXPECT_EQ(read_text(at("given/signature")), sha256_hex("\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a"
                                                         "1.0.0\n") +
                                                  "  -\n")
      << "the key itself was handed over";
  EXPECT_THAT(ran.err, HasSubstr("sign/told  skipped"));
}

// The control: what is not declared is found, by the same eyes.
TEST_F(Secrets, ThatNobodyDeclaredAreFoundByThisTest) {
  const Canary undeclared{"the undeclared canary", "Undeclared-Canary-1234"};
  give("undeclared.muster.yaml", R"yaml(muster: 1
playbook: control
inputs: {token: {type: string, required: true}}
phases:
  - id: only
    steps:
      - shell: {argv: [sh, -c, 'printf %s "$1" | base64; sleep 0.3', it, "${{ inputs.token }}"], env: {TOKEN: "${{ inputs.token }}"}}
)yaml");
  Watch watch({undeclared}, "GIVEN_", MUSTER_RELEASE_DIR "/muster");
  Ran ran = home.muster({"run", at("given/undeclared.muster.yaml"), "-i", "token=" + undeclared.text()});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(home.muster({"logs", "last"}).code, 0);
  watch.end();
  std::string all;
  for (const std::string& line : found_in_files({undeclared}, {home.path("."), at("store")})) all += line + "\n";
  EXPECT_THAT(all, HasSubstr("store/muster.db")) << "stored with the run";
  EXPECT_THAT(all, HasSubstr("/out.")) << "printed";
  std::string seen;
  for (const std::string& line : watch.found()) seen += line + "\n";
  EXPECT_THAT(seen, HasSubstr("command line of")) << "in argv";
  EXPECT_THAT(seen, HasSubstr("environment of")) << "and in an environment that nobody was told of";
}

}  // namespace
}  // namespace muster
