#include "interpreter/world/mail.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "interpreter/world/curl_functions.h"

namespace muster {
namespace {

struct Unsent {
  const std::string& text;
  size_t at = 0;
};

size_t hand_out(char* buffer, size_t size, size_t count, void* self) {
  Unsent& unsent = *static_cast<Unsent*>(self);
  size_t length = std::min(size * count, unsent.text.size() - unsent.at);
  std::memcpy(buffer, unsent.text.data() + unsent.at, length);
  unsent.at += length;
  return length;
}

int asked_to_stop(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::stop_token*>(self)->stop_requested() ? 1 : 0;
}

Error error_of(CURLcode code, const char* words, long answer, bool was_handed_over) {
  Error error;
  error.cause = words;
  error.message = std::string("the mail was not taken: ") + words;
  if (answer > 0) error.message += " (the server said " + std::to_string(answer) + ")";
  // Refused before the text was handed over: nobody got it.
  error.effect = was_handed_over ? Certainty::maybe : Certainty::no_effect;
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_SSL_CONNECT_ERROR:
      error.code = ErrorCode::unreachable;
      break;
    case CURLE_OPERATION_TIMEDOUT:
      error.code = ErrorCode::timeout;
      break;
    case CURLE_ABORTED_BY_CALLBACK:
      error.code = ErrorCode::interrupted;
      break;
    default:
      error.code = ErrorCode::refused;
  }
  return error;
}

std::string base64(std::string_view bytes, size_t line) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  size_t in_line = 0;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    size_t have = std::min<size_t>(3, bytes.size() - i);
    for (size_t k = 0; k < 3; ++k) three = three << 8 | (k < have ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += k <= have ? letters[three >> (18 - 6 * k) & 63] : '=';
    in_line += 4;
    if (line > 0 && in_line >= line) {
      out += "\r\n";
      in_line = 0;
    }
  }
  return out;
}

}  // namespace

Result<void> send_mail(const Mail& mail, std::stop_token stop) {
  Result<const CurlFunctions*> loaded = curl_functions();
  if (!loaded) return pass(loaded.error());
  const CurlFunctions* curl = *loaded;
  CURL* easy = curl->easy_init();
  if (!easy) return fail(ErrorCode::storage, "libcurl has no memory left");
  std::string password;
  if (const Secret* secret = mail.password.find<Secret>()) password = secret->reveal(SecretSink::connection);
  curl_slist* to = nullptr;
  for (const std::string& address : mail.to) to = curl->slist_append(to, ("<" + address + ">").c_str());
  const std::string from = "<" + mail.from + ">";
  Unsent unsent{mail.text};
  auto set = [&](CURLoption option, auto value) { curl->easy_setopt(easy, option, value); };
  set(CURLOPT_URL, mail.server.c_str());
  set(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(CURLOPT_PROXY, "");
  // A password is never said in the clear.
  set(CURLOPT_USE_SSL, static_cast<long>(password.empty() ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!mail.ca_file.empty()) set(CURLOPT_CAINFO, mail.ca_file.c_str());
  if (!mail.user.empty()) {
    set(CURLOPT_USERNAME, mail.user.c_str());
    set(CURLOPT_PASSWORD, password.c_str());
  }
  set(CURLOPT_MAIL_FROM, from.c_str());
  set(CURLOPT_MAIL_RCPT, to);
  set(CURLOPT_UPLOAD, 1L);
  set(CURLOPT_READFUNCTION, &hand_out);
  set(CURLOPT_READDATA, &unsent);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(mail.timeout.us / 1000));
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &asked_to_stop);
  set(CURLOPT_XFERINFODATA, &stop);
  CURLcode code = curl->easy_perform(easy);
  long answer = 0;
  curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer);
  curl->slist_free_all(to);
  curl->easy_cleanup(easy);
  if (code == CURLE_OK) return {};
  return pass(error_of(code, curl->easy_strerror(code), answer, unsent.at > 0));
}

std::string mail_text(const std::string& from, const std::vector<std::string>& to, const std::string& subject,
                      const std::string& body, const std::string& message_id, Timestamp at) {
  std::string all;
  for (const std::string& address : to) all += (all.empty() ? "" : ", ") + address;
  std::time_t seconds = static_cast<std::time_t>(at.us / 1'000'000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  char date[64];
  std::snprintf(date, sizeof date, "%s, %02d %s %04d %02d:%02d:%02d +0000", days[static_cast<size_t>(utc.tm_wday)],
                utc.tm_mday, months[static_cast<size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min,
                utc.tm_sec);
  // A header line is at most 998 characters, an encoded word at most 75.
  std::string words;
  for (size_t i = 0; i < subject.size();) {
    size_t end = std::min(subject.size(), i + 42);
    while (end > i + 1 && end < subject.size() && (static_cast<unsigned char>(subject[end]) & 0xC0) == 0x80) --end;
    words += (words.empty() ? "" : "\r\n ") +
             ("=?UTF-8?B?" + base64(std::string_view(subject).substr(i, end - i), 0) + "?=");
    i = end;
  }
  return "From: " + from + "\r\nTo: " + all + "\r\nDate: " + date + "\r\nSubject: " + words + "\r\nMessage-ID: <" +
         message_id + ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n" +
         "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n" + base64(body, 76) + "\r\n";
}

}  // namespace muster
