#include "steps/archive/key_fields.h"

namespace muster {

namespace {

Field secret(std::string name, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.meaning = std::move(meaning);
  out.opens_secrets = true;
  return out;
}

}  // namespace

std::vector<Field> key_fields() {
  return {secret("key", "the key of 32 bytes that it is encrypted with"),
          secret("passphrase", "the passphrase that its key is made of")};
}

Result<std::optional<ArchiveKey>> key_of(const Map& object) {
  for (const char* name : {"key", "passphrase"}) {
    const Value* value = member(object, name);
    if (!value || value->is_null()) continue;
    const Secret* given = value->find<Secret>();
    if (!given) {
      return fail(ErrorCode::invalid,
                  "`" + std::string(name) + "` is written in the playbook, where everybody reads it",
                  "declare it under `secrets:` and write `${{ secrets.NAME }}`");
    }
    ArchiveKey key{*given, std::string_view(name) == "passphrase"};
    if (Result<void> good = check_key(key); !good) return pass(good.error());
    return std::optional<ArchiveKey>(std::move(key));
  }
  return std::optional<ArchiveKey>();
}

}  // namespace muster
