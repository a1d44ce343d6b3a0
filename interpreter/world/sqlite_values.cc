#include "interpreter/world/sqlite_values.h"

#include <sqlite3.h>

#include "interpreter/base/digest.h"
#include "interpreter/base/utf8.h"

namespace muster {

namespace {

Value blob_value(const void* bytes, int size) {
  std::string_view raw(static_cast<const char*>(bytes), bytes ? static_cast<size_t>(size) : 0);
  return first_invalid_utf8(raw) ? Value(to_hex(raw)) : Value(std::string(raw));
}

Result<void> bind_text(sqlite3_stmt* statement, int index, std::string_view name, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) {
    return fail(ErrorCode::invalid,
                "`bind." + std::string(name) + "` holds a NUL byte, at which SQLite's functions would cut it");
  }
  if (std::optional<size_t> at = first_invalid_utf8(text)) {
    return fail(ErrorCode::invalid, "`bind." + std::string(name) + "` is not UTF-8: see byte " + std::to_string(*at));
  }
  int rc = sqlite3_bind_text64(statement, index, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (rc == SQLITE_TOOBIG) {
    return fail(ErrorCode::invalid,
                "`bind." + std::string(name) + "` is too big for SQLite: " + std::to_string(text.size()) + " bytes");
  }
  if (rc != SQLITE_OK) return fail(ErrorCode::storage, "`bind." + std::string(name) + "`: " + sqlite3_errstr(rc));
  return {};
}

}  // namespace

Value column_value(sqlite3_stmt* statement, int column) {
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_column_int64(statement, column)};
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_column_text(statement, column);
      int size = sqlite3_column_bytes(statement, column);
      return std::string(reinterpret_cast<const char*>(text), text ? static_cast<size_t>(size) : 0);
    }
    case SQLITE_BLOB: {
      const void* bytes = sqlite3_column_blob(statement, column);
      return blob_value(bytes, sqlite3_column_bytes(statement, column));
    }
    default:
      return Null{};
  }
}

int64_t column_size(sqlite3_stmt* statement, int column) {
  int type = sqlite3_column_type(statement, column);
  // Asking a number for its bytes would turn it into text.
  return type == SQLITE_TEXT || type == SQLITE_BLOB ? sqlite3_column_bytes(statement, column) : 8;
}

Value value_of(sqlite3_value* value) {
  switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
      return int64_t{sqlite3_value_int64(value)};
    case SQLITE_FLOAT:
      return sqlite3_value_double(value);
    case SQLITE_TEXT: {
      const unsigned char* text = sqlite3_value_text(value);
      int size = sqlite3_value_bytes(value);
      return std::string(reinterpret_cast<const char*>(text), text ? static_cast<size_t>(size) : 0);
    }
    case SQLITE_BLOB: {
      const void* bytes = sqlite3_value_blob(value);
      return blob_value(bytes, sqlite3_value_bytes(value));
    }
    default:
      return Null{};
  }
}

Result<void> bind_value(sqlite3_stmt* statement, int index, std::string_view name, const Value& value) {
  auto number = [&](int64_t n) -> Result<void> {
    sqlite3_bind_int64(statement, index, n);
    return {};
  };
  auto real = [&](double d) -> Result<void> {
    sqlite3_bind_double(statement, index, d);
    return {};
  };
  auto cannot = [&](std::string why) -> Result<void> {
    return fail(ErrorCode::invalid, "`bind." + std::string(name) + "` " + why);
  };
  return std::visit(
      overloaded{
          [&](Null) -> Result<void> {
            sqlite3_bind_null(statement, index);
            return {};
          },
          [&](bool b) { return number(b ? 1 : 0); },
          [&](int64_t n) { return number(n); },
          [&](double d) { return real(d); },
          [&](const std::string& text) { return bind_text(statement, index, name, text); },
          [&](Timestamp at) { return bind_text(statement, index, name, to_text(at)); },
          [&](Duration d) { return d.us % 1'000'000 == 0 ? number(d.us / 1'000'000) : real(d.as_seconds()); },
          [&](const Secret& secret) { return bind_text(statement, index, name, secret.reveal(SecretSink::sql_bind)); },
          [&](const List&) { return cannot("is a list: bind its items one by one, or its `to_json(...)`"); },
          [&](const Map&) { return cannot("is a map: bind its members one by one, or its `to_json(...)`"); },
          [&](const Unknown& unknown) { return cannot("is not known: " + unknown.why); },
      },
      value.data);
}

}  // namespace muster
