#include "steps/restore/candidates.h"

namespace muster {

namespace {

constexpr size_t most_candidates = 50;

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

}  // namespace

List kept_candidates(const std::vector<FoundBackup>& found) {
  List kept;
  for (const FoundBackup& one : found) {
    kept.emplace_back(Map{{"record", one.record},
                          {"id", one.id},
                          {"source", one.source},
                          {"at", one.at.us},
                          {"bytes", one.bytes},
                          {"notes", List(one.notes.begin(), one.notes.end())}});
    if (kept.size() == most_candidates) break;
  }
  return kept;
}

std::vector<FoundBackup> candidates_in(const Map& chosen) {
  std::vector<FoundBackup> out;
  const Value* kept = member(chosen, "candidates");
  if (!kept || !kept->is<List>()) return out;
  for (const Value& value : kept->get<List>()) {
    if (!value.is<Map>()) continue;
    const Map& map = value.get<Map>();
    FoundBackup one;
    if (const Value* record = member(map, "record"); record && record->is<Map>()) one.record = record->get<Map>();
    one.id = text_of(map, "id");
    one.source = text_of(map, "source");
    one.at = Timestamp{integer_in(map, "at")};
    one.bytes = static_cast<uint64_t>(integer_in(map, "bytes"));
    if (const Value* notes = member(map, "notes"); notes && notes->is<List>())
      for (const Value& note : notes->get<List>()) one.notes.push_back(to_text(note));
    out.push_back(std::move(one));
  }
  return out;
}

Result<void> check_age(const FoundBackup& found, std::optional<Duration> max_age, Timestamp now) {
  if (!max_age || now - found.at <= *max_age) return {};
  return fail(ErrorCode::too_old, "the newest state that can be restored is of " + to_text(found.at) + ", " +
                                      to_text(now - found.at) + " ago; at most " + to_text(*max_age) + " is allowed");
}

bool is_fault_of_the_backup(ErrorCode code) {
  return code == ErrorCode::corrupt || code == ErrorCode::schema_mismatch || code == ErrorCode::wrong_key ||
         code == ErrorCode::refused || code == ErrorCode::no_backup || code == ErrorCode::invalid;
}

Value refusal_of(const Error& error) {
  return Map{{"refused", Map{{"code", std::string(name_of(error.code))},
                             {"message", error.message},
                             {"hint", error.hint},
                             {"cause", error.cause}}}};
}

std::optional<Error> refusal_in(const Value& kept) {
  const Value* refused = member(kept, "refused");
  if (!refused || !refused->is<Map>()) return std::nullopt;
  const Map& map = refused->get<Map>();
  Error error;
  error.code = error_code_of(text_of(map, "code")).value_or(ErrorCode::failed);
  error.message = text_of(map, "message");
  error.hint = text_of(map, "hint");
  error.cause = text_of(map, "cause");
  return error;
}

}  // namespace muster
