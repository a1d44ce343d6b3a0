// `notify`: a message to a channel of the organisation's configuration.
//
// After a crash it is sent again: a message twice is better than none, and its key is the same.
// Source: docs/language.md; docs/configuration.md, "Channels".
#include "steps/steps.h"

namespace muster {

Action notify_action() {
  Action action;
  action.name = "notify";
  action.summary = "sends a message to a channel";
  Field channel;
  channel.name = "channel";
  channel.required = true;
  channel.meaning = "a channel of the configuration";
  Field message;
  message.name = "message";
  message.required = true;
  message.meaning = "what to say";
  Field fields;
  fields.name = "fields";
  fields.type = FieldType::map;
  fields.meaning = "names and values beside the message";
  action.fields = {channel, message, fields};
  action.results = {{"sent", FieldType::boolean, "true: the channel took it"}};
  action.effect = [](const Map&) { return Effect::write; };
  action.continues_after_crash = true;
  action.act = [](const StepInput& input, Touch& touch) -> Result<StepOutput> {
    if (!touch.channels)
      return fail(ErrorCode::not_found, "no channel is called `" + text_of(input.args, "channel") + "`",
                  "declare it under `channels` of the configuration");
    Message said;
    said.text = text_of(input.args, "message");
    if (const Value* more = member(input.args, "fields"); more && more->is<Map>()) said.fields = more->get<Map>();
    said.run = input.run;
    said.key = input.idempotency_key;
    Result<void> told = touch.channels->tell(text_of(input.args, "channel"), said, input.stop);
    if (!told) return pass(told.error());
    StepOutput output;
    output.fields["sent"] = true;
    return output;
  };
  action.preview = [](const StepInput& input, Look&, Trial&) -> Result<Preview> {
    Preview preview;
    auto said = [&](std::string_view name) {
      const Value* value = member(input.args, name);
      return value ? to_text(*value) : std::string();
    };
    preview.lines.push_back("tell " + said("channel") + ": " + said("message"));
    for (const auto& [name, value] : input.args)
      if (const Unknown* unknown = find_unknown(value); unknown && !preview.unknown) preview.unknown = unknown->why;
    return preview;
  };
  return action;
}

}  // namespace muster
