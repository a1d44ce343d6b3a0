#include "interpreter/world/postgres_dump.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "interpreter/world/postgres.h"
#include "interpreter/world/postgres_connection.h"

namespace muster {

namespace {

using Kind = SqlToken::Kind;

constexpr size_t piece_bytes = 1 << 20;
constexpr size_t most_statement_bytes = 64 << 20;
constexpr std::string_view last_line = "-- PostgreSQL database dump complete";

// What one database's dump consists of, by the first word.
constexpr std::array<std::string_view, 13> first_words = {"set",     "select",  "create", "alter",  "copy",
                                                          "insert",  "comment", "grant",  "revoke", "security",
                                                          "refresh", "drop",    "update"};
// Of the server, or of other databases.
constexpr std::array<std::string_view, 6> beyond = {"database", "role", "user", "tablespace", "system", "group"};
constexpr std::array<std::string_view, 11> functions = {"set_config", "setval",    "lo_create",     "lo_open",
                                                        "lo_close",   "lowrite",   "lo_from_bytea", "lo_put",
                                                        "lo_creat",   "lo_unlink", "exists"};

template <size_t N>
bool holds(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }
bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

std::string in_line(uint64_t line) { return "line " + std::to_string(line) + ": "; }

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

// Encodings in which no byte of another character looks like a quote or a backslash.
bool is_plain_encoding(std::string_view text) {
  std::string name;
  for (char c : upper(text))
    if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) name += c;
  constexpr std::array<std::string_view, 9> families = {"UTF",    "SQLASCII", "LATIN",   "WIN125", "WIN866",
                                                        "WIN874", "KOI8",     "ISO8859", "EUC"};
  return std::ranges::any_of(families, [&](std::string_view family) { return name.starts_with(family); });
}

struct Words {
  std::string_view text;
  const std::vector<SqlToken>& tokens;
  [[nodiscard]] std::string word(size_t i) const {
    return i < tokens.size() && tokens[i].kind == Kind::word ? tokens[i].name : std::string();
  }
  [[nodiscard]] bool is_sign(size_t i, char c) const {
    return i < tokens.size() && tokens[i].kind == Kind::sign && text[tokens[i].begin] == c;
  }
  [[nodiscard]] bool is_name(size_t i) const {
    return i < tokens.size() && (tokens[i].kind == Kind::word || tokens[i].kind == Kind::identifier);
  }
};

// `schema.table` or `table` from the i-th token on.
std::string table_at(const Words& words, size_t i) {
  if (!words.is_name(i)) return "";
  if (words.is_sign(i + 1, '.') && words.is_name(i + 2))
    return pg_table_name(words.tokens[i].name, words.tokens[i + 2].name);
  return words.tokens[i].name;
}

// What it is that is refused, as people write it.
std::optional<std::string> refused_in_dump(const Words& words) {
  std::string first = words.word(0), second = words.word(1);
  if (first.empty() || !holds(first_words, first)) {
    std::string what = words.tokens.empty() ? std::string() : std::string(words.text.substr(words.tokens[0].begin, 40));
    return first.empty() ? what : upper(first);
  }
  if ((first == "create" || first == "alter" || first == "drop" || first == "comment") && holds(beyond, second))
    return upper(first) + " " + upper(second);
  if (first == "comment" && second == "on" && holds(beyond, words.word(2))) return "COMMENT ON " + upper(words.word(2));
  if (first == "alter" && second == "default") return std::nullopt;  // ALTER DEFAULT PRIVILEGES FOR ROLE ..
  if (first == "copy") {
    size_t last = words.tokens.size();
    bool is_stdin = last >= 2 && words.word(last - 1) == "stdin" && words.word(last - 2) == "from";
    if (!is_stdin) return "COPY other than `FROM stdin`";
  }
  if (first == "set") {
    bool is_setting = words.is_sign(2, '=') || words.word(2) == "to";
    if (second == "role" || (second == "session" && words.word(2) == "authorization")) return upper("set " + second);
    if (second == "transaction" || second == "local" || second == "session" || second == "constraints")
      return upper("set " + second);
    if (second == "standard_conforming_strings" && is_setting && words.word(3) != "on")
      return "SET standard_conforming_strings = off";
    if (second == "client_encoding" && is_setting && words.tokens.size() > 3) {
      const SqlToken& value = words.tokens[3];
      if (!is_plain_encoding(words.text.substr(value.begin, value.end - value.begin)))
        return "SET client_encoding to an encoding in which bytes of a character look like quotes";
    }
  }
  if (first == "select") {
    for (size_t i = 0; i < words.tokens.size(); ++i) {
      if (words.is_name(i) && words.is_sign(i + 1, '(') && !holds(functions, words.tokens[i].name))
        return "SELECT " + words.tokens[i].name + "()";
    }
    // `--clean` asks whether a large object is there before it removes it.
    if (words.word(1) != "pg_catalog" && words.word(1) != "case") return "SELECT";
    for (size_t i = 0; i < words.tokens.size(); ++i) {
      bool is_large_objects = words.word(i + 1) == "pg_catalog" && words.word(i + 3) == "pg_largeobject_metadata";
      if (words.word(i) == "from" && !is_large_objects) return "SELECT .. FROM";
    }
  }
  return std::nullopt;
}

}  // namespace

std::string pg_table_name(const std::string& schema, const std::string& table) {
  return schema == "public" || schema.empty() ? table : schema + "." + table;
}

Result<bool> PostgresDumpReader::fill() {
  if (at_end_) return false;
  if (begin_ > 0) {
    buffer_.erase(0, begin_);
    begin_ = 0;
  }
  Result<std::string> more = file_.read_at(offset_, piece_bytes);
  if (!more) return pass(more.error());
  offset_ += more->size();
  at_end_ = more->empty();
  buffer_ += *more;
  return !at_end_;
}

// `\restrict WORD` and `\unrestrict WORD`, by which newer versions of pg_dump keep psql from running anything else.
Result<void> PostgresDumpReader::pass_psql_line() {
  size_t end = 0;
  while ((end = buffer_.find('\n', begin_)) == std::string::npos) {
    Result<bool> more = fill();
    if (!more) return pass(more.error());
    if (*more && buffer_.size() < piece_bytes * 2) continue;
    end = buffer_.size();
    break;
  }
  std::string line = buffer_.substr(begin_, end - begin_);
  while (!line.empty() && is_space(line.back())) line.pop_back();
  size_t space = line.find(' ');
  std::string command = line.substr(0, space);
  bool is_fence = command == "\\restrict" || command == "\\unrestrict";
  bool is_plain = space != std::string::npos && space + 1 < line.size() &&
                  std::ranges::all_of(line.substr(space + 1), [](char c) { return is_name_character(c) && c != '$'; });
  if (!is_fence || !is_plain) {
    std::string hint = command == "\\connect" || command == "\\c"
                           ? "a dump of all databases (`pg_dumpall`) is not read; dump the one with `pg_dump`"
                           : "make the dump anew with `pg_dump`, which writes no such line";
    return fail(ErrorCode::refused,
                in_line(line_) + "`" + command.substr(0, 40) + "` is a command of psql, and none is carried out", hint);
  }
  begin_ = end;
  return {};
}

// Passes spaces and comments. True: a statement begins at `begin_`.
Result<bool> PostgresDumpReader::pass_gap() {
  while (true) {
    if (begin_ + 2 > buffer_.size()) {
      Result<bool> more = fill();
      if (!more) return pass(more.error());
      if (!*more && begin_ >= buffer_.size()) return false;
    }
    char c = buffer_[begin_];
    char after = begin_ + 1 < buffer_.size() ? buffer_[begin_ + 1] : '\0';
    if (is_space(c) || c == ';') {
      if (c == '\n') ++line_;
      ++begin_;
    } else if (c == '-' && after == '-') {
      size_t end = 0;
      while ((end = buffer_.find('\n', begin_)) == std::string::npos) {
        Result<bool> more = fill();
        if (!more) return pass(more.error());
        if (*more) continue;
        end = buffer_.size();
        break;
      }
      std::string_view comment(buffer_.data() + begin_, end - begin_);
      while (!comment.empty() && is_space(comment.back())) comment.remove_suffix(1);
      if (comment == last_line) is_complete_ = true;
      begin_ = end;
    } else if (c == '\\') {
      if (Result<void> passed = pass_psql_line(); !passed) return pass(passed.error());
    } else {
      is_complete_ = false;
      return true;
    }
  }
}

Result<std::optional<DumpStatement>> PostgresDumpReader::next() {
  while (in_rows_) {
    Result<std::string> passed = rows();
    if (!passed) return pass(passed.error());
  }
  Result<bool> begins = pass_gap();
  if (!begins) return pass(begins.error());
  if (!*begins) return std::optional<DumpStatement>();

  enum class In { text, line_comment, block_comment, quote, escape_quote, identifier, dollar };
  In in = In::text;
  int depth = 0;
  std::string tag;
  size_t at = begin_;  // moves with the buffer
  auto have = [&](size_t count) -> Result<bool> {
    while (at + count > buffer_.size()) {
      size_t from_begin = at - begin_;
      Result<bool> more = fill();
      if (!more) return pass(more.error());
      at = begin_ + from_begin;
      if (!*more) return false;
      if (buffer_.size() - begin_ > most_statement_bytes)
        return fail(ErrorCode::refused, in_line(line_) + "a statement of more than 64 MiB",
                    "dump the rows with COPY, as `pg_dump` does by itself");
    }
    return true;
  };
  while (true) {
    Result<bool> there = have(1);
    if (!there) return pass(there.error());
    if (!*there) {
      return fail(ErrorCode::corrupt,
                  "the dump ends within the statement that begins in line " + std::to_string(line_) + ": it was cut");
    }
    char c = buffer_[at];
    switch (in) {
      case In::text: {
        if (c == '\'') {
          char before = at > begin_ ? buffer_[at - 1] : ' ';
          bool is_escape = (before == 'E' || before == 'e') && (at < begin_ + 2 || !is_name_character(buffer_[at - 2]));
          in = is_escape ? In::escape_quote : In::quote;
        } else if (c == '"') {
          in = In::identifier;
        } else if (c == '-' || c == '/') {
          if (Result<bool> two = have(2); !two) return pass(two.error());
          char after = at + 1 < buffer_.size() ? buffer_[at + 1] : '\0';
          if (c == '-' && after == '-') in = In::line_comment;
          if (c == '/' && after == '*') {
            in = In::block_comment;
            depth = 1;
            ++at;
          }
        } else if (c == '$' && (at == begin_ || !is_name_character(buffer_[at - 1]))) {
          size_t length = 1;  // of the tag up to here; `at` may move while more is read
          while (true) {
            Result<bool> more = have(length + 1);
            if (!more) return pass(more.error());
            if (!*more || buffer_[at + length] == '$' || !is_name_character(buffer_[at + length])) break;
            ++length;
          }
          bool is_tag = at + length < buffer_.size() && buffer_[at + length] == '$' &&
                        (length == 1 || !(buffer_[at + 1] >= '0' && buffer_[at + 1] <= '9'));
          if (is_tag) {
            tag = buffer_.substr(at, length + 1);
            at += length;
            in = In::dollar;
          }
        } else if (c == '\\') {
          return fail(
              ErrorCode::refused,
              in_line(line_ + static_cast<uint64_t>(std::count(buffer_.begin() + static_cast<long>(begin_),
                                                               buffer_.begin() + static_cast<long>(at), '\n'))) +
                  "a command of psql stands within a statement, and none is carried out");
        } else if (c == ';') {
          Result<DumpStatement> statement = take(at);
          if (!statement) return pass(statement.error());
          // Inside a body of BEGIN ATOMIC .. END a `;` ends nothing.
          if (!statement->text.empty()) return std::optional<DumpStatement>(std::move(*statement));
        }
        break;
      }
      case In::line_comment:
        if (c == '\n') in = In::text;
        break;
      case In::block_comment: {
        if (Result<bool> two = have(2); !two) return pass(two.error());
        char after = at + 1 < buffer_.size() ? buffer_[at + 1] : '\0';
        if (c == '/' && after == '*') {
          ++depth;
          ++at;
        } else if (c == '*' && after == '/') {
          ++at;
          if (--depth == 0) in = In::text;
        }
        break;
      }
      case In::quote:
        if (c == '\'') in = In::text;  // a doubled one begins the next string at once
        break;
      case In::escape_quote:
        if (c == '\\') {
          if (Result<bool> two = have(2); !two) return pass(two.error());
          ++at;
        } else if (c == '\'') {
          if (Result<bool> two = have(2); !two) return pass(two.error());
          if (at + 1 < buffer_.size() && buffer_[at + 1] == '\'') {
            ++at;  // still the same string, with its escapes
          } else {
            in = In::text;
          }
        }
        break;
      case In::identifier:
        if (c == '"') in = In::text;
        break;
      case In::dollar:
        if (c == '$') {
          if (Result<bool> whole = have(tag.size()); !whole) return pass(whole.error());
          if (buffer_.compare(at, tag.size(), tag) == 0) {
            at += tag.size() - 1;
            in = In::text;
          }
        }
        break;
    }
    ++at;
  }
}

// The statement up to the `;` at `end`; empty where it goes on behind it.
Result<DumpStatement> PostgresDumpReader::take(size_t end) {
  DumpStatement statement;
  statement.line = line_;
  std::string text = buffer_.substr(begin_, end - begin_ + 1);
  Result<std::vector<SqlToken>> tokens = tokens_of(text, SqlDialect::postgres);
  if (!tokens) {
    Error error = tokens.error();
    error.code = ErrorCode::corrupt;
    error.message = "in the statement that begins in line " + std::to_string(line_) + ": " + error.message;
    return pass(std::move(error));
  }
  std::vector<SqlRange> ranges = statements_in(*tokens, text, SqlDialect::postgres);
  if (ranges.size() != 1 || (*tokens)[ranges[0].last - 1].kind == Kind::semicolon) return statement;
  std::vector<SqlToken> plain;
  for (size_t i = ranges[0].first; i < ranges[0].last; ++i)
    if ((*tokens)[i].kind != Kind::space) plain.push_back((*tokens)[i]);
  Words words{text, plain};
  bool is_bracket = plain.size() == 1 && (words.word(0) == "begin" || words.word(0) == "commit");
  std::optional<std::string> refused = is_bracket ? std::nullopt : refused_in_dump(words);
  if (refused) {
    return fail(ErrorCode::refused, in_line(line_) + "`" + *refused + "` is not carried out from a dump",
                "restore a dump that `pg_dump` made of this one database");
  }
  statement.is_passed = is_bracket;
  if (words.word(0) == "copy") {
    statement.copied_to = table_at(words, 1);
    if (statement.copied_to.empty()) return fail(ErrorCode::corrupt, in_line(line_) + "COPY names no table");
  }
  line_ += static_cast<uint64_t>(std::count(text.begin(), text.end(), '\n'));
  statement.text = std::move(text);
  begin_ = end + 1;
  if (statement.copied_to.empty()) return statement;
  // The rows begin in the next line.
  size_t newline = 0;
  while ((newline = buffer_.find('\n', begin_)) == std::string::npos) {
    Result<bool> more = fill();
    if (!more) return pass(more.error());
    if (!*more) return fail(ErrorCode::corrupt, "the dump ends before the rows of `" + statement.copied_to + "`");
  }
  begin_ = newline + 1;
  ++line_;
  in_rows_ = true;
  rows_read_ = 0;
  return statement;
}

Result<std::string> PostgresDumpReader::rows() {
  if (!in_rows_) return std::string();
  std::string out;
  while (out.size() < piece_bytes / 2) {
    size_t end = buffer_.find('\n', begin_);
    if (end == std::string::npos) {
      Result<bool> more = fill();
      if (!more) return pass(more.error());
      if (*more) continue;
      bool is_last = buffer_.substr(begin_) == "\\.";
      if (!is_last)
        return fail(ErrorCode::corrupt,
                    "the dump ends within the rows of line " + std::to_string(line_) + ": it was cut");
      end = buffer_.size();
    }
    std::string_view line(buffer_.data() + begin_, end - begin_);
    if (line == "\\." || line == "\\.\r") {
      begin_ = std::min(end + 1, buffer_.size());
      ++line_;
      in_rows_ = false;
      return out;
    }
    out.append(line);
    out += '\n';
    begin_ = end + 1;
    ++line_;
    ++rows_read_;
  }
  return out;
}

Result<DumpSurvey> survey_dump(ReadFile& file, std::stop_token stop) {
  DumpSurvey found;
  PostgresDumpReader reader(file);
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of the dump was stopped");
    Result<std::optional<DumpStatement>> statement = reader.next();
    if (!statement) return pass(statement.error());
    if (!*statement) break;
    ++found.statements;
    const std::string& table = (*statement)->copied_to;
    if (table.empty()) continue;
    while (true) {
      if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of the dump was stopped");
      Result<std::string> rows = reader.rows();
      if (!rows) return pass(rows.error());
      if (rows->empty()) break;
    }
    found.rows[table] += reader.rows_read();
  }
  if (reader.is_complete()) return found;
  return fail(ErrorCode::corrupt,
              "the dump does not end with the line `" + std::string(last_line) +
                  "`, which pg_dump writes last: it was cut, or something was written behind it",
              "take another copy of the dump");
}

Result<std::vector<std::pair<std::string, Value>>> PostgresSql::client_environment(const Connection& connection) {
  return libpq_environment(connection);
}

Result<void> PostgresSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token stop,
                                    const CopyProgress& progress) {
  if (Result<DumpSurvey> sound = survey_dump(dump, stop); !sound) return pass(sound.error());
  SqlLimits unhurried{Duration{0}, 1, 1 << 16};
  Result<PostgresConnection> open = PostgresConnection::open(connection, PostgresFence::transaction, unhurried, stop);
  if (!open) return pass(open.error());
  if (Result<SqlResult> begun = open->run_own("BEGIN TRANSACTION READ WRITE"); !begun) return pass(begun.error());
  PostgresDumpReader reader(dump);
  while (true) {
    Result<std::optional<DumpStatement>> statement = reader.next();
    if (!statement) return pass(statement.error());
    if (!*statement) break;
    if ((*statement)->is_passed) continue;
    progress(static_cast<int64_t>(reader.bytes_read()), 0);
    auto next_piece = [&]() -> Result<std::string> {
      progress(static_cast<int64_t>(reader.bytes_read()), 0);
      return reader.rows();
    };
    Result<void> done;
    if (!(*statement)->copied_to.empty()) {
      done = open->copy_lines((*statement)->text, next_piece);
    } else if (Result<SqlResult> ran = open->run_own((*statement)->text); !ran) {
      done = pass(ran.error());
    }
    if (done) continue;
    Error error = done.error();
    error.message = in_line((*statement)->line) + error.message;
    error.effect = Certainty::no_effect;  // the server rolls back what its client leaves open
    return pass(std::move(error));
  }
  return open->commit();
}

}  // namespace muster
