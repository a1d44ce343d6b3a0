#include "steps/redaction.h"

#include <algorithm>

#include "interpreter/world/secret_forms.h"

namespace muster {

Redaction::Redaction(const Map& args) {
  for (const auto& [name, value] : args) gather(value);
  std::ranges::sort(forms_, [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
}

void Redaction::gather(const Value& value) {
  if (const Secret* secret = value.find<Secret>()) {
    for (std::string& form : secret_forms(secret->reveal(SecretSink::redactor))) forms_.push_back(std::move(form));
  } else if (const List* list = value.find<List>()) {
    for (const Value& item : *list) gather(item);
  } else if (const Map* map = value.find<Map>()) {
    for (const auto& [name, item] : *map) gather(item);
  }
}

std::string Redaction::text(std::string text) const {
  for (const std::string& form : forms_) {
    for (size_t at = text.find(form); at != std::string::npos; at = text.find(form, at + 3))
      text.replace(at, form.size(), "***");
  }
  return text;
}

Value Redaction::value(Value value) const {
  if (forms_.empty()) return value;
  if (std::string* found = value.find<std::string>()) return text(std::move(*found));
  if (List* list = value.find<List>()) {
    for (Value& item : *list) item = this->value(std::move(item));
  } else if (Map* map = value.find<Map>()) {
    Map out;
    for (auto& [name, item] : *map) out.insert_or_assign(text(name), this->value(std::move(item)));
    return out;
  }
  return value;
}

}  // namespace muster
