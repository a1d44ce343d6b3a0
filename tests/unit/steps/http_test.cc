#include <gtest/gtest.h>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/world/curl.h"
#include "steps/steps.h"
#include "tests/world/loopback_server.h"
#include "tests/world/step_stage.h"

namespace muster {
namespace {

using step_stage::StepStage;

constexpr const char* url = "http://svc/health";

std::string header_of(const HttpRequest& request, const std::string& name) {
  for (const auto& [header, value] : request.headers) {
    const Secret* secret = value.find<Secret>();
    if (header == name)
      return secret ? "secret " + std::string(secret->reveal(SecretSink::http_header)) : to_text(value);
  }
  return "";
}

std::string body_of(const HttpRequest& request) {
  const Secret* secret = request.body.find<Secret>();
  return secret ? "secret " + std::string(secret->reveal(SecretSink::http_body)) : to_text(request.body);
}

Map service(Map more = {}) {
  Map connection{{"name", "svc"}, {"kind", "http"}, {"url", "http://svc/api/"}};
  for (auto& [name, value] : more) connection[name] = value;
  return connection;
}

TEST(Http, GivesStatusHeadersBodyAndParsedValue) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 200, R"({"status":"ok","n":3})", "application/json; charset=utf-8");
  Result<StepOutput> output = stage.look(http_action(), {{"get", url}});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->fields.at("status").get<int64_t>(), 200);
  EXPECT_EQ(member(output->fields.at("value"), "n")->get<int64_t>(), 3);
  EXPECT_EQ(text_of(output->fields.at("headers").get<Map>(), "content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(stage.streams.kept.at("body").head, R"({"status":"ok","n":3})");
  EXPECT_EQ(stage.streams.kept.at("body").sha256, sha256_hex(R"({"status":"ok","n":3})"));
  EXPECT_TRUE(stage.http.sent.empty()) << "a read is fetched";
}

// B39: an answer that was cut and calls itself a success has no value that a claim could find.
TEST(Http, ABodyThatIsNoJsonHasNoValueAndSaysSo) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 200, R"({"status":"o)");
  Result<StepOutput> output = stage.verify(http_action(), {{"get", url}});
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->fields.at("value").is_null());
  ASSERT_EQ(output->notes.size(), 1u);
  stage.http.answer("GET http://svc/text", 200, "{}", "text/plain");
  EXPECT_TRUE(stage.look(http_action(), {{"get", "http://svc/text"}})->fields.at("value").is_null());
  EXPECT_EQ(stage.look(http_action(), {{"get", "http://svc/text"}})->fields.at("body").get<std::string>(), "{}");
}

TEST(Http, AStatusThatIsNotAcceptedFailsTheStep) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 503, "down for repair", "text/plain");
  Result<StepOutput> output = stage.look(http_action(), {{"get", url}});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::failed);
  EXPECT_EQ(output.error().message, "GET http://svc/health answered 503 Service Unavailable");
  EXPECT_EQ(output.error().status, 503);
  EXPECT_EQ(output.error().effect, Certainty::no_effect) << "a read has none";
  EXPECT_EQ(output.error().cause, "down for repair");
  EXPECT_EQ(stage.streams.kept.at("body").head, "down for repair") << "kept whether it fails or not";
  stage.http.answer("POST http://svc/health", 503);
  EXPECT_EQ(stage.act(http_action(), {{"post", url}}).error().effect, Certainty::maybe);
}

TEST(Http, WithinVerifyAnyStatusIsAResultUnlessAcceptIsGiven) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 503);
  Result<StepOutput> output = stage.verify(http_action(), {{"get", url}});
  ASSERT_TRUE(output);
  EXPECT_EQ(output->fields.at("status").get<int64_t>(), 503);
  EXPECT_FALSE(stage.verify(http_action(), {{"get", url}, {"accept", List{"200"}}}));
}

TEST(Http, AcceptsWhatTheStepSays) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 404);
  EXPECT_TRUE(stage.look(http_action(), {{"get", url}, {"accept", List{"200..299", "404"}}}));
  EXPECT_TRUE(stage.look(http_action(), {{"get", url}, {"accept", List{"400..410"}}}));
  EXPECT_FALSE(stage.look(http_action(), {{"get", url}, {"accept", List{"200"}}}));
  for (const char* odd : {"2xx", "200..", "299..200", "99", "600", "..299", ""}) {
    Result<StepOutput> output = stage.look(http_action(), {{"get", url}, {"accept", List{odd}}});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code, ErrorCode::invalid) << odd;
  }
}

TEST(Http, GetAndHeadAreReadsAndTheOthersWrite) {
  Action action = http_action();
  EXPECT_EQ(action.effect({{"get", url}}), Effect::read);
  EXPECT_EQ(action.effect({{"head", url}}), Effect::read);
  for (const char* verb : {"post", "put", "patch", "delete"}) EXPECT_EQ(action.effect({{verb, url}}), Effect::write);
  EXPECT_TRUE(action.effect_may_be_declared);
}

TEST(Http, EveryWriteCarriesItsIdempotencyKey) {
  StepStage stage;
  stage.http.answer("POST http://svc/pay", 201);
  ASSERT_TRUE(stage.act(http_action(), {{"post", "http://svc/pay"}}));
  EXPECT_EQ(header_of(stage.http.sent.at(0), "Idempotency-Key"), "key-1");
  ASSERT_TRUE(stage.act(http_action(), {{"post", "http://svc/pay"}, {"headers", Map{{"idempotency-key", "mine"}}}}));
  EXPECT_EQ(header_of(stage.http.sent.at(1), "idempotency-key"), "mine");
  EXPECT_EQ(header_of(stage.http.sent.at(1), "Idempotency-Key"), "");
  ASSERT_TRUE(stage.look(http_action(), {{"post", "http://svc/pay"}}));
  EXPECT_EQ(header_of(stage.http.fetched.at(0), "Idempotency-Key"), "") << "declared to be a read";
}

TEST(Http, SendsJsonFormsAndPlainBodies) {
  StepStage stage;
  stage.http.answer("POST http://svc/x", 200);
  ASSERT_TRUE(
      stage.act(http_action(), {{"post", "http://svc/x"}, {"json", Map{{"b", List{1, true, Null{}}}, {"a", "text"}}}}));
  EXPECT_EQ(body_of(stage.http.sent[0]), R"({"a":"text","b":[1,true,null]})");
  EXPECT_EQ(header_of(stage.http.sent[0], "Content-Type"), "application/json");
  ASSERT_TRUE(stage.act(http_action(), {{"post", "http://svc/x"},
                                        {"form", Map{{"a", "b&c=d"}, {"n", 1}, {"l", List{1, 2}}, {"no", Null{}}}}}));
  EXPECT_EQ(body_of(stage.http.sent[1]), "a=b%26c%3Dd&l=1&l=2&n=1");
  EXPECT_EQ(header_of(stage.http.sent[1], "Content-Type"), "application/x-www-form-urlencoded");
  ASSERT_TRUE(stage.act(http_action(),
                        {{"post", "http://svc/x"}, {"body", "<x/>"}, {"headers", Map{{"Content-Type", "text/xml"}}}}));
  EXPECT_EQ(body_of(stage.http.sent[2]), "<x/>");
  EXPECT_EQ(header_of(stage.http.sent[2], "Content-Type"), "text/xml");
  EXPECT_EQ(stage.act(http_action(), {{"post", "http://svc/x"}, {"body", "x"}, {"json", 1}}).error().code,
            ErrorCode::invalid);
  EXPECT_EQ(stage.look(http_action(), {{"get", url}, {"body", "x"}}).error().code, ErrorCode::invalid);
}

TEST(Http, SecretsLeaveInBodiesHeadersAndAuthAndStaySecretOnTheWay) {
  StepStage stage;
  stage.http.answer("POST http://svc/x", 200);
  Secret token("token", "tok-12345");
  ASSERT_TRUE(stage.act(http_action(), {{"post", "http://svc/x"},
                                        {"json", Map{{"deep", List{Map{{"token", token}}}}}},
                                        {"headers", Map{{"X-Token", token}}},
                                        {"auth", Map{{"bearer", token}}}}));
  EXPECT_EQ(body_of(stage.http.sent[0]), R"(secret {"deep":[{"token":"tok-12345"}]})");
  EXPECT_EQ(header_of(stage.http.sent[0], "X-Token"), "secret tok-12345");
  EXPECT_EQ(header_of(stage.http.sent[0], "Authorization"), "secret Bearer tok-12345");
  ASSERT_TRUE(stage.act(http_action(), {{"post", "http://svc/x"},
                                        {"form", Map{{"pin", Secret("pin", "4 7")}}},
                                        {"auth", Map{{"basic", Map{{"user", "alice"}, {"password", token}}}}}}));
  EXPECT_EQ(body_of(stage.http.sent[1]), "secret pin=4%207");
  EXPECT_EQ(stage.http.sent[1].user, "alice");
  EXPECT_TRUE(stage.http.sent[1].password.is<Secret>());
  EXPECT_EQ(stage.act(http_action(), {{"post", "http://svc/x"}, {"query", Map{{"t", token}}}}).error().code,
            ErrorCode::invalid);
}

TEST(Http, TakesSecretsOfOtherStepsOutOfAnswersAndErrors) {
  StepStage stage;
  stage.opened = {Secret("token", "tok-12345")};
  stage.http.answer("GET http://svc/a", 200, R"({"token":"tok-12345"})");
  stage.http.answer("GET http://svc/b", 500, std::string(296, 'x') + "tok-12345");
  stage.http.answer("GET http://svc/c", fail(ErrorCode::unreachable, "no route to tok-12345"));
  Result<StepOutput> output = stage.look(http_action(), {{"get", "http://svc/a"}});
  ASSERT_TRUE(output);
  EXPECT_EQ(print_json(output->fields.at("value")), R"({"token":"***"})");
  Result<StepOutput> refused = stage.look(http_action(), {{"get", "http://svc/b"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().cause, std::string(296, 'x') + "***") << "taken out before it is cut";
  Result<StepOutput> lost = stage.look(http_action(), {{"get", "http://svc/c"}});
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().message, "no route to ***");
}

TEST(Http, TakesItsOwnSecretsOutOfAnEcho) {
  StepStage stage;
  HttpResponse echo;
  echo.status = 200;
  echo.body = R"({"you":"sent tok-12345","b64":"dG9rLTEyMzQ1"})";
  echo.headers = {{"content-type", "application/json"}, {"x-echo", "tok-12345"}};
  stage.http.answer("GET http://svc/health", echo);
  Result<StepOutput> output =
      stage.look(http_action(), {{"get", url}, {"headers", Map{{"X-Token", Secret("token", "tok-12345")}}}});
  ASSERT_TRUE(output);
  EXPECT_EQ(text_of(output->fields.at("value").get<Map>(), "you"), "sent ***");
  EXPECT_EQ(text_of(output->fields.at("headers").get<Map>(), "x-echo"), "***");
  std::string kept = stage.streams.kept.at("body").head + print_json(Value(output->fields));
  EXPECT_EQ(kept.find("tok-12345"), std::string::npos);
  EXPECT_EQ(kept.find("dG9rLTEyMzQ1"), std::string::npos);
}

TEST(Http, AConnectionGivesBaseHeadersAuthAndFiles) {
  StepStage stage;
  stage.http.answer("GET http://svc/api/v1/users?a=1", 200);
  Map connection = service({{"headers", Map{{"X-Env", "test"}, {"X-Team", "a"}}},
                            {"auth", Map{{"bearer", Secret("token", "abc")}}},
                            {"ca", "/etc/ca.pem"},
                            {"cert", "/etc/me.pem"},
                            {"key", "/etc/me.key"}});
  Result<StepOutput> output = stage.look(
      http_action(),
      {{"connection", connection}, {"get", "/v1/users"}, {"query", Map{{"a", 1}}}, {"headers", Map{{"x-team", "b"}}}});
  ASSERT_TRUE(output) << output.error().message;
  const HttpRequest& request = stage.http.fetched.at(0);
  EXPECT_EQ(header_of(request, "X-Env"), "test");
  EXPECT_EQ(header_of(request, "X-Team"), "") << "the step's own wins";
  EXPECT_EQ(header_of(request, "x-team"), "b");
  EXPECT_EQ(header_of(request, "Authorization"), "secret Bearer abc");
  EXPECT_EQ(request.ca_file, "/etc/ca.pem");
  EXPECT_EQ(request.cert_file, "/etc/me.pem");
  EXPECT_EQ(request.key_file, "/etc/me.key");
}

TEST(Http, APathBesideAConnectionLeadsNowhereElse) {
  StepStage stage;
  for (const char* path : {"http://evil/x", "//evil/x", "../admin", "/v1/../../admin", "v1/%2e%2e/admin", "v1/.%2E/x",
                           "\\\\evil\\x", "ftp://x"}) {
    Result<StepOutput> output = stage.look(http_action(), {{"connection", service()}, {"get", path}});
    ASSERT_FALSE(output) << path;
    EXPECT_EQ(output.error().code, ErrorCode::invalid) << path;
  }
  EXPECT_TRUE(stage.http.fetched.empty());
  stage.http.answer("GET http://svc/api/@evil/x", 200);
  stage.http.answer("GET http://svc/api/a..b?next=http://x/../y", 200);
  stage.http.answer("GET http://svc/api", 200);
  EXPECT_TRUE(stage.look(http_action(), {{"connection", service()}, {"get", "@evil/x"}}));
  EXPECT_TRUE(stage.look(http_action(), {{"connection", service()}, {"get", "a..b?next=http://x/../y"}}));
  EXPECT_TRUE(stage.look(http_action(), {{"connection", service()}, {"get", ""}}));
}

TEST(Http, AddsTheQueryEncodedAndBeforeAFragment) {
  StepStage stage;
  stage.http.answer("GET http://svc/x?a=1&q=a%20b%26c&z=1&z=2#top", 200);
  Result<StepOutput> output = stage.look(
      http_action(),
      {{"get", "http://svc/x?a=1#top"}, {"query", Map{{"q", "a b&c"}, {"z", List{1, 2}}, {"none", Null{}}}}});
  EXPECT_TRUE(output) << output.error().message;
}

TEST(Http, PassesTimeoutRedirectsAndStopOn) {
  StepStage stage;
  stage.http.answer("GET http://svc/health", 200);
  ASSERT_TRUE(stage.look(http_action(), {{"get", url}}));
  EXPECT_EQ(stage.http.fetched[0].timeout, Duration::seconds(30));
  EXPECT_EQ(stage.http.fetched[0].redirects, 0);
  stage.timeout = Duration::seconds(5);
  ASSERT_TRUE(stage.look(http_action(), {{"get", url}, {"redirects", 3}}));
  EXPECT_EQ(stage.http.fetched[1].timeout, Duration::seconds(5));
  EXPECT_EQ(stage.http.fetched[1].redirects, 3);
  EXPECT_EQ(stage.look(http_action(), {{"get", url}, {"redirects", 21}}).error().code, ErrorCode::invalid);
  stage.stop.request_stop();
  EXPECT_EQ(stage.look(http_action(), {{"get", url}}).error().code, ErrorCode::interrupted);
}

TEST(Http, AReadThatFailedMayBeRepeatedAndAWriteMayNot) {
  StepStage stage;
  Error cut;
  cut.code = ErrorCode::bad_reply;
  cut.effect = Certainty::maybe;
  stage.http.answer("GET http://svc/health", Result<HttpResponse>(pass(cut)));
  stage.http.answer("POST http://svc/health", Result<HttpResponse>(pass(cut)));
  EXPECT_EQ(stage.look(http_action(), {{"get", url}}).error().effect, Certainty::no_effect);
  EXPECT_EQ(stage.act(http_action(), {{"post", url}}).error().effect, Certainty::maybe);
}

TEST(Http, ThePreviewShowsTheRequestWithoutItsSecrets) {
  StepStage stage;
  Result<Preview> preview =
      stage.preview(http_action(), {{"post", "http://svc/pay"},
                                    {"headers", Map{{"X-Token", Secret("token", "tok-12345")}}},
                                    {"json", Map{{"amount", 5}, {"pin", Secret("pin", "4711-4711")}}}});
  ASSERT_TRUE(preview);
  EXPECT_EQ(preview->lines,
            (std::vector<std::string>{"POST http://svc/pay", "X-Token: ***", "Content-Type: application/json",
                                      R"({"amount":5,"pin":"***"})"}));
  EXPECT_TRUE(stage.http.sent.empty());
  EXPECT_TRUE(stage.http.fetched.empty());
  Result<Preview> later = stage.preview(http_action(), {{"post", url}, {"json", Unknown{"known after restored"}}});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->unknown, "known after restored");
}

TEST(Http, KeepsOnlyHeadAndTailOfALargeBody) {
  StepStage stage;
  std::string large = std::string(100'000, 'a') + std::string(200'000, 'b') + std::string(100'000, 'c');
  stage.http.answer("GET http://svc/health", 200, large, "text/plain");
  ASSERT_TRUE(stage.look(http_action(), {{"get", url}}));
  const CapturedStream& body = stage.streams.kept.at("body");
  EXPECT_EQ(body.bytes, large.size());
  EXPECT_EQ(body.head, large.substr(0, 64 << 10));
  EXPECT_EQ(body.tail, large.substr(large.size() - (192 << 10)));
  stage.http.answer("GET http://svc/small", 200, large.substr(0, 150'000), "text/plain");
  ASSERT_TRUE(stage.look(http_action(), {{"get", "http://svc/small"}}));
  EXPECT_TRUE(stage.streams.kept.at("body").is_whole());
}

TEST(Http, SpeaksToARealServer) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest& request) {
    connection.answer(200, R"({"got":)" + std::to_string(request.body.size()) + "}");
  });
  RealHttp real;
  StepStage stage;
  stage.real_http = &real;
  Result<StepOutput> output = stage.act(http_action(), {{"put", server.url("/x")}, {"json", Map{{"a", 1}}}});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(member(output->fields.at("value"), "got")->get<int64_t>(), 7);
  EXPECT_EQ(server.requests().at(0).headers["idempotency-key"], "key-1");
  Result<StepOutput> split =
      stage.act(http_action(), {{"put", server.url("/x")}, {"headers", Map{{"X-Id", "a\r\nX-Admin: yes"}}}});
  ASSERT_FALSE(split);
  EXPECT_EQ(split.error().effect, Certainty::no_effect);
  EXPECT_EQ(server.requests().size(), 1u);
}

}  // namespace
}  // namespace muster
