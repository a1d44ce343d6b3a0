#include "steps/archive/manifest.h"

#include "interpreter/base/json.h"

namespace muster {

namespace {

constexpr size_t id_digits = 16;

uint64_t number_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  const int64_t* number = value ? value->find<int64_t>() : nullptr;
  return number && *number >= 0 ? static_cast<uint64_t>(*number) : 0;
}

Map map_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<Map>() ? value->get<Map>() : Map{};
}

}  // namespace

std::string print_manifest(const Manifest& manifest) {
  Map all{{"format", 1},
          {"kind", manifest.kind},
          {"name", manifest.name},
          {"created_at", manifest.created_at},
          {"record_counts", manifest.records},
          {"bytes", static_cast<int64_t>(manifest.bytes)}};
  if (!manifest.payload.empty()) all["payload"] = manifest.payload;
  if (!manifest.sha256.empty()) all["sha256"] = manifest.sha256;
  if (manifest.schema_version) all["schema_version"] = *manifest.schema_version;
  if (!manifest.rows.empty()) all["rows"] = manifest.rows;
  if (!manifest.file.empty()) {
    all["file"] = manifest.file;
    all["file_sha256"] = manifest.file_sha256;
    all["file_bytes"] = static_cast<int64_t>(manifest.file_bytes);
  }
  return print_json_pretty(all) + "\n";
}

Result<Manifest> parse_manifest(const std::string& text) {
  Result<Value> parsed = parse_json(text);
  if (!parsed || !parsed->is<Map>()) {
    return fail(ErrorCode::corrupt,
                "its manifest is not a JSON object" + (parsed ? std::string() : ": " + parsed.error().message));
  }
  const Map& map = parsed->get<Map>();
  if (const Value* format = member(map, "format"); format && !same(*format, 1))
    return fail(ErrorCode::corrupt, "its manifest is of format " + to_text(*format) + ", and this version reads 1");
  Manifest manifest;
  manifest.kind = text_of(map, "kind");
  manifest.name = text_of(map, "name");
  manifest.payload = text_of(map, "payload");
  manifest.sha256 = text_of(map, "sha256");
  manifest.records = map_in(map, "record_counts");
  manifest.bytes = number_in(map, "bytes");
  manifest.rows = map_in(map, "rows");
  manifest.file = text_of(map, "file");
  manifest.file_sha256 = text_of(map, "file_sha256");
  manifest.file_bytes = number_in(map, "file_bytes");
  if (std::string at = text_of(map, "created_at"); !at.empty()) {
    std::optional<Timestamp> time = parse_timestamp(at);
    if (!time) return fail(ErrorCode::corrupt, "its manifest has the time `" + at + "`, which is none");
    manifest.created_at = *time;
  }
  if (const Value* version = member(map, "schema_version"); version && version->is<int64_t>())
    manifest.schema_version = version->get<int64_t>();
  return manifest;
}

std::string artifact_id(const std::string& path, const std::string& file_sha256) {
  return path + "#" + file_sha256.substr(0, id_digits);
}

Result<ArtifactId> parse_artifact_id(const std::string& text) {
  size_t hash = text.rfind('#');
  bool is_id = hash != std::string::npos && hash > 0 && text.size() - hash - 1 == id_digits &&
               text.find_first_not_of("0123456789abcdef", hash + 1) == std::string::npos;
  if (!is_id)
    return fail(ErrorCode::invalid, "`" + text + "` is no artifact",
                "an artifact is what the result of a `backup` calls so: a path, `#` and 16 hexadecimal digits");
  return ArtifactId{text.substr(0, hash), text.substr(hash + 1)};
}

}  // namespace muster
