#include "interpreter/world/redaction.h"

#include "interpreter/base/digest.h"
#include "interpreter/world/secret_forms.h"

namespace muster {

Redaction::Redaction(const Map& args, const std::vector<Secret>& besides) {
  for (const auto& [name, value] : args) gather(value);
  for (const Secret& secret : besides) know(secret);
}

void Redaction::know(const Secret& secret) { know(secret.reveal(SecretSink::redactor)); }

void Redaction::know(std::string_view secret) { redactor_.know(secret_forms(secret)); }

void Redaction::gather(const Value& value) {
  if (const Secret* secret = value.find<Secret>()) {
    know(*secret);
  } else if (const List* list = value.find<List>()) {
    for (const Value& item : *list) gather(item);
  } else if (const Map* map = value.find<Map>()) {
    for (const auto& [name, item] : *map) gather(item);
  }
}

Value Redaction::value(Value value) const {
  if (is_idle()) return value;
  if (std::string* found = value.find<std::string>()) return text(std::move(*found));
  if (List* list = value.find<List>()) {
    for (Value& item : *list) item = this->value(std::move(item));
  } else if (Map* inner = value.find<Map>()) {
    return map(std::move(*inner));
  } else if (value.is<int64_t>() || value.is<double>()) {
    std::string written = to_text(value);
    if (std::string left = text(written); left != written) return left;
  }
  return value;
}

Map Redaction::map(Map map) const {
  if (is_idle()) return map;
  Map out;
  for (auto& [name, item] : map) out.insert_or_assign(text(name), value(std::move(item)));
  return out;
}

Error Redaction::error(Error error) const {
  for (std::string* part : {&error.message, &error.hint, &error.cause}) *part = text(std::move(*part));
  return error;
}

CapturedStream Redaction::stream(CapturedStream stream) const {
  if (is_idle()) return stream;
  bool is_whole = stream.is_whole();
  // A secret may lie across the place where head and tail meet, if nothing is left out between them.
  std::string head = is_whole ? stream.head + stream.tail : stream.head, tail = is_whole ? "" : stream.tail;
  std::string new_head = text(head), new_tail = text(tail);
  if (new_head == head && new_tail == tail) return stream;
  uint64_t left_out = is_whole ? 0 : stream.bytes - head.size() - tail.size();
  stream.head = std::move(new_head);
  stream.tail = std::move(new_tail);
  stream.bytes = left_out + stream.head.size() + stream.tail.size();
  stream.sha256 = sha256_hex(stream.head + stream.tail);
  return stream;
}

}  // namespace muster
