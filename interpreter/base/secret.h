// A value that must never be shown. It has no printing, no comparison and no JSON: `***` is all that anybody sees.
//
// Only the sinks named below open it, so that a search for `reveal(` lists every place where a secret leaves this type.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace muster {

enum class SecretSink {
  child_environment,  // `env:` of a process
  child_stdin,        // `stdin:` of a process
  http_header,        // `headers:` and `auth:` of a request
  http_body,          // a request's body
  sql_bind,           // a bound parameter
  connection,         // keys and passwords of a connection
  key,                // encryption keys and passphrases
  concatenation,      // joined with other text into a longer secret
  redactor,           // the second fence: knows what to replace
};

class Secret {
 public:
  Secret(std::string name, std::string text)
      : name_(std::move(name)), text_(std::make_shared<const std::string>(std::move(text))) {}
  const std::string& name() const { return name_; }
  std::string_view reveal(SecretSink) const { return *text_; }

 private:
  std::string name_;
  std::shared_ptr<const std::string> text_;
};

}  // namespace muster
