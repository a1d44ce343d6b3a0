#include "interpreter/cli/real_channels.h"

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/engine/secrets.h"
#include "interpreter/world/mail.h"
#include "interpreter/world/redaction.h"

namespace muster {
namespace {

constexpr Duration longest = Duration::seconds(30);

// Text that may be kept elsewhere, as a secret: a webhook's address lets whoever knows it speak.
Result<Secret> opened(const std::string& name, const KeptText& kept, World& world, std::stop_token stop) {
  if (kept.text) return Secret(name, *kept.text);
  SecretSource source;
  source.name = name;
  if (kept.env) {
    source.words.push_back(kept.env->text);
  } else {
    source.from = SecretSource::From::file;
    source.words.push_back(*kept.file);
  }
  Result<OpenedSecret> answer = open_secret(source, world, stop);
  if (!answer) return pass(answer.error());
  return Secret(name, std::move(answer->text));
}

std::string in_lines(const Message& message) {
  std::string text = message.text;
  for (const auto& [name, value] : message.fields) text += "\n" + name + ": " + to_text(value);
  if (!message.run.empty())
    text += "\nrun " + message.run + (message.playbook.empty() ? "" : " of " + message.playbook);
  return text;
}

Result<void> judged(const std::string& channel, const Result<HttpResponse>& answer) {
  if (!answer) return pass(answer.error());
  if (answer->status >= 200 && answer->status < 300) return {};
  Error error;
  error.code = ErrorCode::refused;
  error.message = "channel `" + channel + "` answered " + std::to_string(answer->status);
  error.effect = answer->status >= 500 ? Certainty::maybe : Certainty::no_effect;
  error.status = answer->status;
  return pass(std::move(error));
}

}  // namespace

Result<const Channel*> RealChannels::find(const std::string& name) const {
  const Channel* channel = configuration_ ? configuration_->channel(name) : nullptr;
  if (channel) return channel;
  return fail(ErrorCode::not_found, "no channel is called `" + name + "`",
              "declare it under `channels` of the configuration");
}

Result<std::string> RealChannels::describe(const std::string& name) {
  Result<const Channel*> channel = find(name);
  if (!channel) return pass(channel.error());
  if ((*channel)->slack) return "a message to " + name;
  if ((*channel)->webhook) return "JSON to " + name;
  std::string to;
  for (const Name& address : (*channel)->to) to += (to.empty() ? "" : ", ") + address.text;
  return "mail to " + to;
}

Result<void> RealChannels::tell(const std::string& name, const Message& message, std::stop_token stop) {
  Result<const Channel*> found = find(name);
  if (!found) return pass(found.error());
  const Channel& channel = **found;
  Redaction redaction;
  auto without_secrets = [&](Result<void> result) -> Result<void> {
    if (!result) return pass(redaction.error(std::move(result.error())));
    return result;
  };
  if (channel.smtp) {
    Mail mail;
    mail.server = *channel.smtp;
    mail.from = *channel.from;
    for (const Name& address : channel.to) mail.to.push_back(address.text);
    mail.user = channel.user.value_or("");
    if (channel.password) {
      Result<Secret> password = opened(name, *channel.password, world_, stop);
      if (!password) return pass(password.error());
      redaction.know(*password);
      mail.password = std::move(*password);
    }
    mail.ca_file = channel.ca.value_or("");
    mail.timeout = longest;
    const std::string subject = message.text.substr(0, message.text.find('\n'));
    mail.text = mail_text(mail.from, mail.to, subject, in_lines(message),
                          sha256_hex(message.key + name).substr(0, 32) + "@muster", world_.clock.now());
    return without_secrets(send_mail(mail, stop));
  }
  Result<Secret> url = opened(name, channel.slack ? *channel.slack : *channel.webhook, world_, stop);
  if (!url) return pass(url.error());
  redaction.know(*url);
  HttpRequest request;
  request.method = "POST";
  request.url = url->reveal(SecretSink::connection);
  request.headers = {{"Content-Type", "application/json"}, {"Idempotency-Key", message.key}};
  for (const KeptHeader& header : channel.headers) {
    Result<Secret> value = opened(name, header.value, world_, stop);
    if (!value) return pass(value.error());
    redaction.know(*value);
    request.headers.emplace_back(header.name.text, std::move(*value));
  }
  request.ca_file = channel.ca.value_or("");
  request.timeout = longest;
  request.body = print_json(channel.slack ? Value(Map{{"text", in_lines(message)}})
                                          : Value(Map{{"text", message.text},
                                                      {"fields", message.fields},
                                                      {"run", message.run},
                                                      {"playbook", message.playbook},
                                                      {"key", message.key}}));
  return without_secrets(judged(name, world_.http.send(request, stop)));
}

}  // namespace muster
