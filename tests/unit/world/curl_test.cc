#include "interpreter/world/curl.h"

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/world/loopback_server.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

HttpRequest get(const std::string& url) {
  HttpRequest request;
  request.url = url;
  request.timeout = Duration::seconds(10);
  return request;
}

HttpRequest post(const std::string& url, Value body) {
  HttpRequest request = get(url);
  request.method = "POST";
  request.body = std::move(body);
  return request;
}

LoopbackServer::Handler always(int status, std::string body) {
  return [=](ServedConnection& connection, const ReceivedRequest&) { connection.answer(status, body); };
}

std::string header_of(const HttpResponse& response, const std::string& name) {
  for (const auto& [header, value] : response.headers)
    if (header == name) return value;
  return "";
}

TEST(Curl, GivesStatusHeadersAndBody) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest&) {
    connection.answer(200, R"({"status":"ok"})", "Content-Type: application/json\r\nX-Shard: A\r\nx-shard: B\r\n");
  });
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url("/health?deep=1")), {});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, R"({"status":"ok"})");
  EXPECT_EQ(header_of(*response, "content-type"), "application/json");
  EXPECT_EQ(response->headers.size(), 4u);
  EXPECT_EQ(response->effective_url, server.url("/health?deep=1"));
  EXPECT_EQ(server.requests().at(0).target, "/health?deep=1");
  EXPECT_EQ(server.requests().at(0).method, "GET");
}

TEST(Curl, AStatusOf503IsAnAnswerAndNoError) {
  LoopbackServer server(always(503, "{}"));
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url()), {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 503);
}

TEST(Curl, ReusesAConnectionForTheNextRead) {
  LoopbackServer server(always(200, "{}"));
  RealHttp http;
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(http.fetch(get(server.url()), {}));
  EXPECT_EQ(server.connections(), 1);
}

// B41: libcurl would send a request again by itself when a kept connection is found closed.
TEST(Curl, TakesAFreshConnectionForWhatMayChangeSomething) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest& request) {
    if (request.method == "GET") {
      connection.answer(200, "{}");
    } else {
      connection.reset();
    }
  });
  RealHttp http;
  ASSERT_TRUE(http.fetch(get(server.url()), {}));
  Result<HttpResponse> response = http.send(post(server.url("/pay"), "x"), {});
  ASSERT_FALSE(response);
  int posts = 0;
  for (const ReceivedRequest& request : server.requests()) posts += request.method == "POST";
  EXPECT_EQ(posts, 1);
  EXPECT_EQ(server.connections(), 2);
}

TEST(Curl, ConnectionResetAfterTheRequestIsMaybe) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest&) { connection.reset(); });
  RealHttp http;
  Result<HttpResponse> response = http.send(post(server.url(), "x"), {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::bad_reply);
  EXPECT_EQ(response.error().effect, Certainty::maybe);
}

TEST(Curl, ARefusedConnectionIsUnreachableWithoutEffect) {
  int port = 0;
  {
    LoopbackServer server(always(200, ""));
    port = server.port();
  }
  RealHttp http;
  Result<HttpResponse> response = http.send(post("http://127.0.0.1:" + std::to_string(port) + "/", "x"), {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::unreachable);
  EXPECT_EQ(response.error().effect, Certainty::no_effect);
}

// B35
TEST(Curl, TheTotalDeadlineEndsAServerThatDrips) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest&) {
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (connection.wait(5) && connection.send("x")) continue;
  });
  RealHttp http;
  HttpRequest request = get(server.url());
  request.timeout = Duration::milliseconds(80);
  auto began = std::chrono::steady_clock::now();
  Result<HttpResponse> response = http.fetch(request, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::timeout);
  EXPECT_EQ(response.error().effect, Certainty::maybe);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(3));
}

TEST(Curl, AStopEndsARequestAtOnce) {
  std::stop_source stop;
  LoopbackServer server([&](ServedConnection& connection, const ReceivedRequest&) {
    stop.request_stop();
    connection.wait(-1);
  });
  RealHttp http;
  auto began = std::chrono::steady_clock::now();
  Result<HttpResponse> response = http.send(post(server.url(), "x"), stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::interrupted);
  EXPECT_EQ(response.error().effect, Certainty::maybe);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
}

TEST(Curl, AStopBeforeTheRequestSendsNothing) {
  LoopbackServer server(always(200, "{}"));
  std::stop_source stop;
  stop.request_stop();
  RealHttp http;
  Result<HttpResponse> response = http.send(post(server.url(), "x"), stop.get_token());
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::interrupted);
  EXPECT_EQ(response.error().effect, Certainty::no_effect);
  EXPECT_TRUE(server.requests().empty());
}

// B37
TEST(Curl, CutsABodyAtTheLimitAndClosesTheConnection) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest&) {
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    std::string chunk = "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
    while (connection.send(chunk)) continue;
  });
  RealHttp http;
  HttpRequest request = get(server.url());
  request.max_body_bytes = 100'000;
  Result<HttpResponse> response = http.fetch(request, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::bad_reply);
  EXPECT_NE(response.error().message.find("larger than 100000 bytes"), std::string::npos);
}

TEST(Curl, LeavesACompressedBodyAsItIsAndAsksForNone) {
  std::string squeezed("\x1f\x8b\x08\0bomb", 8);
  LoopbackServer server([&](ServedConnection& connection, const ReceivedRequest&) {
    connection.answer(200, squeezed, "Content-Encoding: gzip\r\n");
  });
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url()), {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, squeezed);
  EXPECT_EQ(server.requests().at(0).headers.count("accept-encoding"), 0u);
}

TEST(Curl, RefusesAnAnswerWithEndlessHeaders) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest&) {
    connection.send("HTTP/1.1 200 OK\r\n");
    while (connection.send("X-More: " + std::string(1000, 'x') + "\r\n")) continue;
  });
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url()), {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::bad_reply);
}

// B38
TEST(Curl, ABodyShorterThanItsLengthIsABadReplyThatMayHaveHadAnEffect) {
  for (std::string head : {"Content-Length: 100\r\n\r\nshort", "Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n"}) {
    LoopbackServer server([&](ServedConnection& connection, const ReceivedRequest&) {
      connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n" + head);
      connection.reset();
    });
    RealHttp http;
    Result<HttpResponse> response = http.send(post(server.url(), "x"), {});
    ASSERT_FALSE(response) << head;
    EXPECT_EQ(response.error().code, ErrorCode::bad_reply);
    EXPECT_EQ(response.error().effect, Certainty::maybe);
  }
}

// S31
TEST(Curl, SpeaksHttpAndHttpsOnly) {
  RealHttp http;
  for (const char* url : {"ftp://127.0.0.1/x", "gopher://127.0.0.1/x", "dict://127.0.0.1/x", "scp://127.0.0.1/x",
                          "file:///etc/passwd", "FILE:///etc/passwd", "/etc/passwd", "localhost:80", ""}) {
    Result<HttpResponse> response = http.fetch(get(url), {});
    ASSERT_FALSE(response) << url;
    EXPECT_EQ(response.error().code, ErrorCode::refused) << url;
    EXPECT_EQ(response.error().effect, Certainty::no_effect) << url;
  }
}

// B43
TEST(Curl, RefusesControlCharactersBeforeAnythingIsSent) {
  LoopbackServer server(always(200, "{}"));
  RealHttp http;
  using namespace std::string_literals;
  for (const std::string& bad : {"a\r\nX: y"s, "a\nb"s, "a\0b"s, "a\rb"s}) {
    HttpRequest in_url = get(server.url("/" + bad));
    HttpRequest in_header = get(server.url());
    in_header.headers.emplace_back("X-Id", bad);
    HttpRequest in_secret = get(server.url());
    in_secret.headers.emplace_back("X-Id", Secret("token", bad));
    HttpRequest in_name = get(server.url());
    in_name.headers.emplace_back(bad, "x");
    HttpRequest in_method = get(server.url());
    in_method.method = bad;
    for (const HttpRequest& request : {in_url, in_header, in_secret, in_name, in_method}) {
      Result<HttpResponse> response = http.fetch(request, {});
      ASSERT_FALSE(response);
      EXPECT_EQ(response.error().effect, Certainty::no_effect);
    }
  }
  HttpRequest huge = get(server.url());
  huge.headers.emplace_back("X-Id", std::string(1 << 20, 'x'));
  EXPECT_EQ(http.fetch(huge, {}).error().code, ErrorCode::refused);
  for (const char* framing : {"Content-Length", "transfer-encoding"}) {
    HttpRequest framed = get(server.url());
    framed.headers.emplace_back(framing, "5");
    EXPECT_EQ(http.fetch(framed, {}).error().code, ErrorCode::refused);
  }
  EXPECT_EQ(server.connections(), 0);
}

TEST(Curl, RefusesAPasswordInAUrl) {
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get("http://user:secret@127.0.0.1:1/"), {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::refused);
  EXPECT_EQ(response.error().message.find("secret"), std::string::npos);
}

TEST(Curl, SendsBodyHeadersAndSecrets) {
  LoopbackServer server(always(201, "{}"));
  RealHttp http;
  HttpRequest request = post(server.url("/orders"), Secret("body", "{\"pin\":\"4711\"}"));
  request.headers = {
      {"Authorization", Secret("token", "Bearer abc")}, {"Content-Type", "application/json"}, {"X-Empty", ""}};
  ASSERT_TRUE(http.send(request, {}));
  ReceivedRequest seen = server.requests().at(0);
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.body, "{\"pin\":\"4711\"}");
  EXPECT_EQ(seen.headers["authorization"], "Bearer abc");
  EXPECT_EQ(seen.headers["content-type"], "application/json");
  EXPECT_EQ(seen.headers.count("x-empty"), 1u);
  EXPECT_EQ(seen.headers.count("expect"), 0u);
}

TEST(Curl, KnowsEveryMethod) {
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest& request) {
    connection.answer(200, request.method == "HEAD" ? "" : "{}");
  });
  RealHttp http;
  for (const char* method : {"HEAD", "PUT", "PATCH", "DELETE", "POST"}) {
    HttpRequest request = get(server.url());
    request.method = method;
    Result<HttpResponse> response = http.send(request, {});
    ASSERT_TRUE(response) << method << ": " << response.error().message;
    EXPECT_EQ(server.requests().back().method, method);
    EXPECT_EQ(server.requests().back().headers.count("content-type"), 0u);
  }
}

TEST(Curl, SendsUserAndPasswordAsBasicAuth) {
  LoopbackServer server(always(200, "{}"));
  RealHttp http;
  HttpRequest request = get(server.url());
  request.user = "alice";
  request.password = Secret("password", "wonder");
  ASSERT_TRUE(http.fetch(request, {}));
  EXPECT_EQ(server.requests().at(0).headers["authorization"], "Basic YWxpY2U6d29uZGVy");
}

LoopbackServer::Handler redirecting_to(const std::string& location, int status) {
  return [=](ServedConnection& connection, const ReceivedRequest& request) {
    if (request.target == "/end") {
      connection.answer(200, R"({"end":true})");
    } else {
      connection.answer(status, "moved", "Location: " + location + "\r\n");
    }
  };
}

// B36
TEST(Curl, FollowsNoRedirectUnlessAsked) {
  LoopbackServer server(redirecting_to("/end", 302));
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url()), {});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST(Curl, FollowsAsManyRedirectsAsAsked) {
  LoopbackServer server(redirecting_to("/end", 302));
  RealHttp http;
  HttpRequest request = get(server.url());
  request.redirects = 1;
  request.headers.emplace_back("X-Api-Token", "abc");
  Result<HttpResponse> response = http.fetch(request, {});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->body, R"({"end":true})");
  EXPECT_EQ(response->effective_url, server.url("/end"));
  EXPECT_EQ(server.requests().at(1).headers["x-api-token"], "abc") << "the same host may see it";
}

TEST(Curl, ALoopOfRedirectsEndsAtTheLimit) {
  LoopbackServer server(redirecting_to("/again", 302));
  RealHttp http;
  HttpRequest request = get(server.url());
  request.redirects = 5;
  Result<HttpResponse> response = http.fetch(request, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::refused);
  EXPECT_EQ(server.requests().size(), 6u);
}

TEST(Curl, NeverFollowsToAnotherScheme) {
  RealHttp http;
  for (const char* target : {"file:///etc/passwd", "gopher://127.0.0.1/x", "https://127.0.0.1/x"}) {
    LoopbackServer server(redirecting_to(target, 302));
    HttpRequest request = get(server.url());
    request.redirects = 3;
    Result<HttpResponse> response = http.fetch(request, {});
    ASSERT_FALSE(response) << target;
    EXPECT_EQ(response.error().code, ErrorCode::refused) << target;
  }
}

TEST(Curl, HeadersAndCredentialsDoNotFollowToAnotherHost) {
  LoopbackServer other(always(200, "{}"));
  LoopbackServer server(redirecting_to(other.url("/landing"), 302));
  RealHttp http;
  HttpRequest request = get(server.url());
  request.redirects = 1;
  request.headers.emplace_back("X-Api-Token", Secret("token", "abc"));
  request.user = "alice";
  request.password = "wonder";
  ASSERT_TRUE(http.fetch(request, {}));
  ReceivedRequest seen = other.requests().at(0);
  EXPECT_EQ(seen.headers.count("x-api-token"), 0u);
  EXPECT_EQ(seen.headers.count("authorization"), 0u);
}

TEST(Curl, ABodyDoesNotFollowToAnotherHost) {
  LoopbackServer other(always(200, "{}"));
  LoopbackServer server(redirecting_to(other.url("/landing"), 307));
  RealHttp http;
  HttpRequest request = post(server.url(), "people's data");
  request.redirects = 1;
  Result<HttpResponse> response = http.send(request, {});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, ErrorCode::refused);
  EXPECT_EQ(response.error().effect, Certainty::maybe);
  EXPECT_EQ(other.connections(), 0);
}

TEST(Curl, IgnoresAProxyOfTheEnvironment) {
  LoopbackServer server(always(200, "{}"));
  LoopbackServer proxy(always(418, "proxy"));
  ::setenv("http_proxy", proxy.url("").c_str(), 1);
  ::setenv("ALL_PROXY", proxy.url("").c_str(), 1);
  RealHttp http;
  Result<HttpResponse> response = http.fetch(get(server.url()), {});
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(proxy.connections(), 0);
}

TEST(Curl, SavesABodyToANewFileAndLeavesNoneOfAFailure) {
  TempDirectory directory;
  std::string path = directory.path() + "/saved";
  LoopbackServer server([](ServedConnection& connection, const ReceivedRequest& request) {
    if (request.target == "/cut") {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
      connection.reset();
    } else if (request.target == "/moved") {
      connection.answer(302, "moved", "Location: /\r\n");
    } else {
      connection.answer(200, "content");
    }
  });
  RealHttp http;
  HttpRequest request = get(server.url("/cut"));
  request.save_to = path;
  EXPECT_FALSE(http.send(request, {}));
  EXPECT_FALSE(std::filesystem::exists(path));
  request.url = server.url("/moved");
  request.redirects = 1;
  ASSERT_TRUE(http.send(request, {}));
  std::ostringstream saved;
  saved << std::ifstream(path).rdbuf();
  EXPECT_EQ(saved.str(), "content");
  EXPECT_EQ(http.send(request, {}).error().code, ErrorCode::refused) << "the file exists";
  EXPECT_EQ(http.fetch(request, {}).error().code, ErrorCode::refused) << "a read saves nothing";
}

TEST(Curl, ServesSeveralThreadsAtOnce) {
  LoopbackServer server(always(200, "{}"));
  RealHttp http;
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) answered += http.fetch(get(server.url()), {}).has_value() ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(answered, 80);
  EXPECT_LE(server.connections(), 4);
}

}  // namespace
}  // namespace muster
