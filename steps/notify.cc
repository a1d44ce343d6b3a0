// `notify`: a message to a channel of the organisation's configuration.
//
// This version knows no channels: the fields are read and checked, and the step says that nothing was sent.
// Source: docs/language.md.
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
  action.results = {{"sent", FieldType::boolean, "whether anybody was told"}};
  action.effect = [](const Map&) { return Effect::write; };
  action.act = [](const StepInput& input, Touch&) -> Result<StepOutput> {
    StepOutput output;
    output.fields["sent"] = false;
    output.notes.push_back("not sent: no channel called `" + text_of(input.args, "channel") + "` is configured");
    return output;
  };
  action.preview = [](const StepInput& input, Look&, Trial&) -> Result<Preview> {
    Preview preview;
    preview.lines.push_back("tell " + text_of(input.args, "channel") + ": " + text_of(input.args, "message"));
    return preview;
  };
  return action;
}

}  // namespace muster
