// Mail by SMTP, through libcurl.
//
// Errors: as in http.h; a server that refuses an address or a password is `refused`.
// Threads: blocking; safe from several threads.
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/secret.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"

namespace muster {

struct Mail {
  std::string
      server;  // `smtps://HOST[:PORT]`, or `smtp://HOST[:PORT]`: with STARTTLS, which is required beside a password
  std::string from;
  std::vector<std::string> to;
  std::string user;
  Value password;       // Secret
  std::string ca_file;  // empty: the system's
  std::string text;     // headers and body, lines ended by CR LF
  Duration timeout{30'000'000};
};

[[nodiscard]] Result<void> send_mail(const Mail& mail, std::stop_token stop);

// A whole message: subject and body are encoded so that no text of theirs can become a header or an end.
[[nodiscard]] std::string mail_text(const std::string& from, const std::vector<std::string>& to,
                                    const std::string& subject, const std::string& body, const std::string& message_id,
                                    Timestamp at);

}  // namespace muster
