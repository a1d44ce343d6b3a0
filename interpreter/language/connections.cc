#include "interpreter/language/fields.h"

namespace muster {
namespace {

Field field(std::string name, FieldType type, std::string meaning) {
  Field f;
  f.name = std::move(name);
  f.type = type;
  f.meaning = std::move(meaning);
  return f;
}

Field required(Field f) {
  f.required = true;
  return f;
}

Field secret(Field f) {
  f.opens_secrets = true;
  for (Field& inner : f.fields) inner.opens_secrets = true;
  for (Field& inner : f.items) inner.opens_secrets = true;
  return f;
}

std::vector<ConnectionKind> make_kinds() {
  std::vector<ConnectionKind> kinds;
  kinds.push_back(
      {"sqlite", "a SQLite database file", required(field("path", FieldType::path, "the database's file")), {}});
  kinds.push_back({"postgres",
                   "a PostgreSQL database",
                   secret(required(field("url", FieldType::url, "postgres://user@host/database"))),
                   {}});

  Field headers = field("headers", FieldType::map, "headers of every request");
  headers.items = {field("", FieldType::text, "")};
  Field auth = field("auth", FieldType::object, "who is asking");
  Field basic = field("basic", FieldType::object, "user and password");
  basic.fields = {secret(field("user", FieldType::text, "user")),
                  secret(field("password", FieldType::text, "password"))};
  Field sigv4 = field("sigv4", FieldType::map, "AWS signature");
  sigv4.items = {secret(field("", FieldType::text, ""))};
  auth.fields = {std::move(basic), field("bearer", FieldType::text, "a token"), std::move(sigv4)};
  auth.one_of = {{"basic", "bearer", "sigv4"}};
  kinds.push_back({"http",
                   "a service with a base URL",
                   required(field("url", FieldType::url, "the base of all paths")),
                   {secret(std::move(headers)), secret(std::move(auth)),
                    field("ca", FieldType::path, "certificates of authorities to trust"),
                    field("cert", FieldType::path, "client certificate"),
                    secret(field("key", FieldType::path, "the client certificate's key"))}});

  Field s3 = required(field("s3", FieldType::object, "where the bucket is"));
  s3.fields = {required(field("bucket", FieldType::text, "name of the bucket")),
               field("region", FieldType::text, "AWS region"),
               field("endpoint", FieldType::url, "of a store that is not AWS"),
               secret(field("access_key", FieldType::text, "id of the key")),
               secret(field("secret_key", FieldType::text, "the key"))};
  kinds.push_back({"s3", "an object store", std::move(s3), {}});

  Field ssh = required(field("ssh", FieldType::object, "how to log in"));
  ssh.fields = {required(field("host", FieldType::text, "name or address")), field("user", FieldType::text, "login"),
                field("port", FieldType::integer, "port, 22 by default"),
                field("identity", FieldType::path, "file with the private key"),
                field("known_hosts", FieldType::path, "file with the keys of hosts, instead of the user's own")};
  kinds.push_back({"ssh", "a host, through the OpenSSH client", std::move(ssh), {}});
  return kinds;
}

}  // namespace

const std::vector<ConnectionKind>& connection_kinds() {
  static const std::vector<ConnectionKind> kinds = make_kinds();
  return kinds;
}

const ConnectionKind* find_connection_kind(std::string_view name) {
  for (const ConnectionKind& kind : connection_kinds())
    if (kind.name == name) return &kind;
  return nullptr;
}

const std::vector<std::string_view>& input_types() {
  static const std::vector<std::string_view> types = {"string", "integer", "number", "boolean", "duration", "timestamp",
                                                      "date",   "path",    "url",    "enum",    "list",     "map"};
  return types;
}

}  // namespace muster
