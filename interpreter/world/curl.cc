#include "interpreter/world/curl.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <vector>

#include "interpreter/base/unique_fd.h"
#include "interpreter/world/curl_functions.h"
#include "interpreter/world/http_rules.h"
#include "interpreter/world/system_error.h"

namespace muster {

namespace {

using Moment = std::chrono::steady_clock::time_point;

constexpr size_t most_response_header_bytes = 256 << 10;
constexpr size_t most_idle_transfers = 8;
constexpr int most_redirects = 20;

// One transfer and the connections that it keeps.
class Transfer {
 public:
  explicit Transfer(const CurlFunctions& curl) : curl_(curl), multi(curl.multi_init()), easy(curl.easy_init()) {}
  ~Transfer() {
    if (easy) curl_.easy_cleanup(easy);
    if (multi) curl_.multi_cleanup(multi);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

 private:
  const CurlFunctions& curl_;

 public:
  CURLM* const multi;
  CURL* const easy;
};

class HeaderList {
 public:
  explicit HeaderList(const CurlFunctions& curl) : curl_(curl) {}
  ~HeaderList() { curl_.slist_free_all(list_); }
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  void add(const std::string& line) {
    if (curl_slist* longer = curl_.slist_append(list_, line.c_str())) list_ = longer;
  }
  [[nodiscard]] curl_slist* get() const { return list_; }

 private:
  const CurlFunctions& curl_;
  curl_slist* list_ = nullptr;
};

// A new file for a body, removed again unless it was kept.
class SavedBody {
 public:
  [[nodiscard]] static Result<SavedBody> create(const std::string& path) {
    SavedBody body;
    body.fd_ = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!body.fd_) return system_error(errno, "create", path);
    body.path_ = path;
    return body;
  }
  SavedBody(SavedBody&& other) noexcept : fd_(std::move(other.fd_)), path_(std::exchange(other.path_, {})) {}
  ~SavedBody() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  [[nodiscard]] bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  // What a redirect said is not the body.
  void start_over() {
    if (::ftruncate(fd_.get(), 0) == 0) ::lseek(fd_.get(), 0, SEEK_SET);
  }
  [[nodiscard]] Result<void> keep() {
    if (::fdatasync(fd_.get()) != 0) return system_error(errno, "sync", path_, Certainty::maybe);
    path_.clear();
    return {};
  }

 private:
  SavedBody() = default;
  UniqueFd fd_;
  std::string path_;
};

// What one exchange of a request and a response gathers.
struct Exchange {
  HttpResponse response;
  uint64_t max_body_bytes = 0;
  uint64_t body_bytes = 0;
  size_t header_bytes = 0;
  SavedBody* saved = nullptr;
  std::string broken;  // why we ended it ourselves
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r' || text.back() == '\n')) {
    text.remove_suffix(1);
  }
  return text;
}

size_t take_header(char* bytes, size_t, size_t count, void* self) {
  Exchange& exchange = *static_cast<Exchange*>(self);
  exchange.header_bytes += count;
  if (exchange.header_bytes > most_response_header_bytes) {
    exchange.broken = "the answer's headers are larger than 256 KiB";
    return 0;
  }
  std::string_view line(bytes, count);
  auto& headers = exchange.response.headers;
  if (line.starts_with("HTTP/")) {  // a new answer: what came before was an interim one
    headers.clear();
  } else if ((line.starts_with(' ') || line.starts_with('\t')) && !headers.empty()) {  // a folded line
    headers.back().second += " " + std::string(trimmed(line));
  } else if (size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string name(line.substr(0, colon));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    headers.emplace_back(std::move(name), trimmed(line.substr(colon + 1)));
  }
  return count;
}

size_t take_body(char* bytes, size_t, size_t count, void* self) {
  Exchange& exchange = *static_cast<Exchange*>(self);
  exchange.body_bytes += count;
  if (exchange.body_bytes > exchange.max_body_bytes) {
    exchange.broken = "the answer is larger than " + std::to_string(exchange.max_body_bytes) + " bytes";
    return 0;
  }
  if (!exchange.saved) {
    exchange.response.body.append(bytes, count);
  } else if (!exchange.saved->write({bytes, count})) {
    exchange.broken = "the answer could not be saved: " + system_word(errno);
    return 0;
  }
  return count;
}

std::string secret_or_text(const Value& value, SecretSink sink) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(sink));
  return value.is_null() ? std::string() : to_text(value);
}

bool is_safe(const std::string& method) { return method == "GET" || method == "HEAD" || method == "OPTIONS"; }

bool is_redirect(int64_t status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

// The library and the transfers that are idle.
class RealHttp::Pool {
 public:
  Result<HttpResponse> request(const HttpRequest& request, const std::stop_token& stop);

 private:
  Result<HttpResponse> exchange(Transfer& transfer, const HttpRequest& request, const std::string& body,
                                Moment deadline, SavedBody* saved, const std::stop_token& stop, std::string& next_url);
  void set_up(CURL* easy, const HttpRequest& request, const std::string& body, const curl_slist* headers,
              Exchange& exchange, std::chrono::milliseconds left);
  Error error_of(CURL* easy, CURLcode code, const HttpRequest& request, const Exchange& exchange);
  std::unique_ptr<Transfer> take();
  void give_back(std::unique_ptr<Transfer> transfer);
  template <class T>
  void set(CURL* easy, CURLoption option, T value) {
    curl_->easy_setopt(easy, option, value);
  }

  std::mutex mutex_;
  const CurlFunctions* curl_ = nullptr;          // from the first request on
  std::vector<std::unique_ptr<Transfer>> idle_;  // after the functions: it goes first
};

std::unique_ptr<Transfer> RealHttp::Pool::take() {
  std::lock_guard lock(mutex_);
  if (idle_.empty()) return std::make_unique<Transfer>(*curl_);
  std::unique_ptr<Transfer> transfer = std::move(idle_.back());
  idle_.pop_back();
  return transfer;
}

void RealHttp::Pool::give_back(std::unique_ptr<Transfer> transfer) {
  std::lock_guard lock(mutex_);
  if (idle_.size() < most_idle_transfers) idle_.push_back(std::move(transfer));
}

void RealHttp::Pool::set_up(CURL* easy, const HttpRequest& request, const std::string& body, const curl_slist* headers,
                            Exchange& exchange, std::chrono::milliseconds left) {
  set(easy, CURLOPT_URL, request.url.c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);  // redirects are followed by our own rules
  set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  set(easy, CURLOPT_QUICK_EXIT, 1L);  // a resolver that hangs is left behind
  set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(easy, CURLOPT_PROXY, "");  // and none from the environment
  set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!request.ca_file.empty()) set(easy, CURLOPT_CAINFO, request.ca_file.c_str());
  if (!request.cert_file.empty()) set(easy, CURLOPT_SSLCERT, request.cert_file.c_str());
  if (!request.key_file.empty()) set(easy, CURLOPT_SSLKEY, request.key_file.c_str());
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(left.count()));
  set(easy, CURLOPT_HTTPHEADER, headers);
  set(easy, CURLOPT_HEADERFUNCTION, &take_header);
  set(easy, CURLOPT_HEADERDATA, &exchange);
  set(easy, CURLOPT_WRITEFUNCTION, &take_body);
  set(easy, CURLOPT_WRITEDATA, &exchange);
  if (!request.user.empty()) {
    std::string password = secret_or_text(request.password, SecretSink::http_header);
    // Signing takes the whole authorization over; a kind beside it would be asked for as well.
    if (request.sigv4.empty()) {
      set(easy, CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BASIC));
    } else {
      set(easy, CURLOPT_AWS_SIGV4, ("aws:amz:" + request.sigv4).c_str());
    }
    set(easy, CURLOPT_USERNAME, request.user.c_str());
    set(easy, CURLOPT_PASSWORD, password.c_str());
  }
  if (!is_safe(request.method)) set(easy, CURLOPT_FRESH_CONNECT, 1L);
  if (request.method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  // An empty body is told as such where the method has one, or servers would wait for it.
  bool has_body = !request.body.is_null() || (!is_safe(request.method) && request.method != "DELETE");
  if (has_body) {
    set(easy, CURLOPT_POSTFIELDS, body.data());
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (request.method != "GET" || has_body) set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Error RealHttp::Pool::error_of(CURL* easy, CURLcode code, const HttpRequest& request, const Exchange& exchange) {
  long sent = 0;
  curl_->easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent);
  Error error;
  error.cause = curl_->easy_strerror(code);
  error.effect = sent > 0 ? Certainty::maybe : Certainty::no_effect;
  std::string what = request.method + " " + request.url + ": ";
  error.message = what + error.cause;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      error.code = ErrorCode::timeout;
      error.message = what + (sent > 0 ? "no whole answer in time" : "no connection in time");
      break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
      error.code = ErrorCode::unreachable;
      break;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_LOGIN_DENIED:
      error.code = ErrorCode::refused;
      break;
    case CURLE_URL_MALFORMAT:
      error.code = ErrorCode::invalid;
      break;
    case CURLE_OUT_OF_MEMORY:
      error.code = ErrorCode::storage;
      break;
    default:
      // A connection that ended before anything was asked is nobody there; afterwards it is a bad answer.
      error.code = sent > 0 ? ErrorCode::bad_reply : ErrorCode::unreachable;
  }
  if (!exchange.broken.empty()) {
    error.code =
        exchange.broken.starts_with("the answer could not be saved") ? ErrorCode::storage : ErrorCode::bad_reply;
    error.message = what + exchange.broken;
  }
  return error;
}

Result<HttpResponse> RealHttp::Pool::exchange(Transfer& transfer, const HttpRequest& request, const std::string& body,
                                              Moment deadline, SavedBody* saved, const std::stop_token& stop,
                                              std::string& next_url) {
  auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  if (left.count() <= 0) return fail(ErrorCode::timeout, request.method + " " + request.url + ": its time was up");
  HeaderList headers(*curl_);
  bool has_agent = false, has_type = false;
  for (const auto& [name, value] : request.headers) {
    if (value.is_null()) continue;
    has_agent = has_agent || is_same_header(name, "User-Agent");
    has_type = has_type || is_same_header(name, "Content-Type");
    headers.add(header_line(name, value));
  }
  if (!has_agent) headers.add("User-Agent: muster");
  // A header that is to be left out would be signed all the same, and no server finds it in what it gets.
  if (request.sigv4.empty()) {
    if (!has_type) headers.add("Content-Type:");  // libcurl would call every body a form
    headers.add("Expect:");                       // and wait a second for a `100 Continue`
  }

  Exchange exchange;
  exchange.max_body_bytes = request.max_body_bytes;
  exchange.saved = saved;
  if (saved) saved->start_over();
  set_up(transfer.easy, request, body, headers.get(), exchange, left);
  curl_->multi_add_handle(transfer.multi, transfer.easy);
  std::optional<CURLcode> ended;
  {
    std::stop_callback wake(stop, [&] { curl_->multi_wakeup(transfer.multi); });
    while (!ended && !stop.stop_requested()) {
      int running = 0;
      if (curl_->multi_perform(transfer.multi, &running) != CURLM_OK) ended = CURLE_OUT_OF_MEMORY;
      int queued = 0;
      while (CURLMsg* message = curl_->multi_info_read(transfer.multi, &queued)) {
        if (message->msg == CURLMSG_DONE) ended = message->data.result;
      }
      if (!ended) curl_->multi_poll(transfer.multi, nullptr, 0, 1000, nullptr);
    }
  }
  // Asked before the handle leaves: afterwards the answers are still there, the connection is not.
  Result<HttpResponse> result = std::move(exchange.response);
  if (!ended) {
    Error error = error_of(transfer.easy, CURLE_ABORTED_BY_CALLBACK, request, Exchange{});
    error.code = ErrorCode::interrupted;
    error.message = request.method + " " + request.url + ": stopped before it was answered";
    result = pass(std::move(error));
  } else if (*ended != CURLE_OK) {
    result = pass(error_of(transfer.easy, *ended, request, exchange));
  } else {
    long status = 0;
    curl_->easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    result->status = status;
    const char* url = nullptr;
    curl_->easy_getinfo(transfer.easy, CURLINFO_EFFECTIVE_URL, &url);
    result->effective_url = url ? url : request.url;
    curl_->easy_getinfo(transfer.easy, CURLINFO_REDIRECT_URL, &url);
    next_url = url ? url : "";
  }
  curl_->multi_remove_handle(transfer.multi, transfer.easy);
  curl_->easy_reset(transfer.easy);  // forgets the request; the connections are kept
  return result;
}

namespace {

// The request that a redirect asks for. Nothing of ours goes to another host, and nothing to another scheme.
Result<HttpRequest> redirected(HttpRequest request, int64_t status, const std::string& url) {
  Certainty effect = is_safe(request.method) ? Certainty::no_effect : Certainty::maybe;
  std::string what = request.method + " " + request.url + " was redirected to `" + url + "`: ";
  if (scheme_of(url) != scheme_of(request.url)) return fail(ErrorCode::refused, what + "another scheme", {}, effect);
  // As browsers do: only 307 and 308 keep the method and the body of what was not safe.
  if (status < 307 && !is_safe(request.method)) {
    request.method = "GET";
    request.body = Null{};
    std::erase_if(request.headers, [](const auto& header) { return is_same_header(header.first, "Content-Type"); });
  }
  if (origin_of(url) != origin_of(request.url)) {
    if (!is_safe(request.method) || !request.body.is_null()) {
      return fail(ErrorCode::refused, what + "the request would go to another host", {}, effect);
    }
    request.headers.clear();
    request.user.clear();
    request.sigv4.clear();
    request.password = Null{};
    request.cert_file.clear();
    request.key_file.clear();
  }
  request.url = url;
  if (Result<void> valid = check_request(request); !valid)
    return fail(ErrorCode::refused, what + valid.error().message, {}, effect);
  return request;
}

}  // namespace

Result<HttpResponse> RealHttp::Pool::request(const HttpRequest& asked, const std::stop_token& stop) {
  if (Result<void> valid = check_request(asked); !valid) return pass(valid.error());
  if (asked.redirects < 0 || asked.redirects > most_redirects) {
    return fail(ErrorCode::invalid, "`redirects` is " + std::to_string(asked.redirects) + ", at most 20 are followed");
  }
  {
    std::lock_guard lock(mutex_);
    if (!curl_) {
      Result<const CurlFunctions*> loaded = curl_functions();
      if (!loaded) return pass(loaded.error());
      curl_ = *loaded;
    }
  }
  std::optional<SavedBody> saved;
  if (!asked.save_to.empty()) {
    Result<SavedBody> created = SavedBody::create(asked.save_to);
    if (!created) return pass(created.error());
    saved.emplace(std::move(*created));
  }
  Moment deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(asked.timeout.us);
  std::unique_ptr<Transfer> transfer = take();
  if (!transfer->easy || !transfer->multi) return fail(ErrorCode::storage, "libcurl has no memory left");
  HttpRequest request = asked;
  bool was_sent = false;  // something that may have had an effect
  Result<HttpResponse> response;
  for (int followed = 0;; ++followed) {
    std::string body = secret_or_text(request.body, SecretSink::http_body);
    std::string next_url;
    response = exchange(*transfer, request, body, deadline, saved ? &*saved : nullptr, stop, next_url);
    if (!response && was_sent) response.error().effect = Certainty::maybe;
    was_sent = was_sent || !is_safe(request.method);
    bool is_asked_on = response && asked.redirects > 0 && is_redirect(response->status) && !next_url.empty();
    if (!is_asked_on) break;
    if (followed == asked.redirects) {
      response = fail(
          ErrorCode::refused,
          asked.method + " " + asked.url + " was redirected more than " + std::to_string(asked.redirects) + " times",
          {}, was_sent ? Certainty::maybe : Certainty::no_effect);
      break;
    }
    Result<HttpRequest> next = redirected(std::move(request), response->status, next_url);
    if (!next) {
      response = pass(next.error());
      break;
    }
    request = std::move(*next);
  }
  give_back(std::move(transfer));
  if (response && saved) {
    if (Result<void> kept = saved->keep(); !kept) return pass(kept.error());
  }
  return response;
}

RealHttp::RealHttp() : pool_(std::make_unique<Pool>()) {}
RealHttp::~RealHttp() = default;

Result<HttpResponse> RealHttp::fetch(const HttpRequest& request, std::stop_token stop) {
  if (!request.save_to.empty()) return fail(ErrorCode::refused, "a read leaves no file behind");
  return pool_->request(request, stop);
}

Result<HttpResponse> RealHttp::send(const HttpRequest& request, std::stop_token stop) {
  return pool_->request(request, stop);
}

}  // namespace muster
