// Where secrets come in: a variable, a file, a program's output.
#include <algorithm>
#include <cstdio>

#include "interpreter/base/shell_quote.h"
#include "interpreter/base/utf8.h"
#include "interpreter/engine/secrets.h"

namespace muster {
namespace {

constexpr uint64_t most_bytes = 64 << 10;
// A shorter one would stand in ordinary text by chance, and could not be kept out of it without blotting that out.
constexpr size_t least_bytes = 8;
constexpr Duration longest_command = Duration::seconds(30);
constexpr size_t most_shown_bytes = 200;

Result<std::string> from_variable(const std::string& name, SecretPorts& world) {
  std::optional<std::string> value = world.variables.find(name);
  if (!value) return fail(ErrorCode::not_found, "the environment variable `" + name + "` is not set");
  if (value->empty()) return fail(ErrorCode::not_found, "the environment variable `" + name + "` is empty");
  return std::move(*value);
}

std::string octal(uint32_t mode) {
  char text[16];
  std::snprintf(text, sizeof text, "%04o", mode & 07777);
  return text;
}

bool is_same_file(const FileStatus& a, const FileStatus& b) {
  return a.device == b.device && a.inode == b.inode && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid;
}

Result<std::string> from_file(const std::string& path, SecretPorts& world) {
  Result<std::string> place = world.files.canonical(path);
  if (!place) return pass(place.error());
  Result<std::optional<FileStatus>> before = world.files.status(*place);
  if (!before) return pass(before.error());
  if (!*before) return fail(ErrorCode::not_found, "the file `" + path + "` is not there");
  const FileStatus& status = **before;
  if (status.kind != FileKind::file) return fail(ErrorCode::refused, "`" + path + "` is not a regular file");
  if ((status.mode & 077) != 0)
    return fail(ErrorCode::refused,
                "others than its owner may use the file `" + path + "` (mode " + octal(status.mode) + ")",
                "`chmod 600 " + shell_quote(path) + "`");
  if (status.size > most_bytes) return fail(ErrorCode::refused, "the file `" + path + "` is larger than 64 KiB");
  Result<std::string> text = world.files.read(*place, most_bytes);
  if (!text) return text;
  Result<std::optional<FileStatus>> after = world.files.status(*place);
  if (!after || !*after || !is_same_file(status, **after))
    return fail(ErrorCode::refused, "the file `" + path + "` was changed while it was read");
  return text;
}

std::string last_line(const CapturedStream& stream) {
  std::string text = stream.is_whole() ? stream.head + stream.tail : stream.tail;
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  if (size_t end = text.rfind('\n'); end != std::string::npos) text.erase(0, end + 1);
  if (text.size() > most_shown_bytes) text.resize(most_shown_bytes);
  return escape_for_terminal(text, false);
}

Result<std::string> from_command(const std::vector<std::string>& argv, SecretPorts& world, std::stop_token stop) {
  Command command;
  command.argv = argv;
  command.timeout = longest_command;
  command.head_bytes = most_bytes;
  command.tail_bytes = 4 << 10;
  Result<ProcessEnd> end = world.commands.observe(command, std::move(stop));
  if (!end) return pass(end.error());
  std::string program = "`" + escape_for_terminal(argv.front(), false) + "`";
  switch (end->kind) {
    case EndKind::timed_out:
      return fail(ErrorCode::timeout, program + " was not done within " + to_text(longest_command));
    case EndKind::stopped:
      return fail(ErrorCode::interrupted, program + " was stopped");
    case EndKind::signalled:
      return fail(ErrorCode::failed, program + " was killed by signal " + std::to_string(end->code));
    case EndKind::exited:
      break;
  }
  if (end->code != 0) {
    std::string said = last_line(end->err);
    return fail(ErrorCode::failed,
                program + " ended with exit code " + std::to_string(end->code) + (said.empty() ? "" : ": " + said));
  }
  if (end->out.bytes > most_bytes) return fail(ErrorCode::refused, program + " printed more than 64 KiB");
  std::string text = end->out.head + end->out.tail;
  if (text.empty()) return fail(ErrorCode::not_found, program + " printed nothing");
  return text;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::optional<std::string> from_hex(const std::string& text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (text.size() % 2 != 0) return std::nullopt;
  std::string out;
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = digit(text[i]), low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high << 4 | low));
  }
  return out;
}

// Both alphabets; the `=` at the end may be left out.
std::optional<std::string> from_base64(std::string text) {
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.pop_back();
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (char c : text) {
    uint32_t six = 0;
    if (c >= 'A' && c <= 'Z') {
      six = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      six = static_cast<uint32_t>(c - 'a' + 26);
    } else if (c >= '0' && c <= '9') {
      six = static_cast<uint32_t>(c - '0' + 52);
    } else if (c == '+' || c == '-') {
      six = 62;
    } else if (c == '/' || c == '_') {
      six = 63;
    } else {
      return std::nullopt;
    }
    bits = bits << 6 | six;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out.push_back(static_cast<char>(bits >> held & 0xFF));
  }
  return out;
}

Result<OpenedSecret> decoded(std::string text, const std::string& encoding) {
  OpenedSecret opened;
  if (encoding == "hex" || encoding == "base64") {
    std::string compact = text;
    std::erase_if(compact, is_space);
    std::optional<std::string> bytes = encoding == "hex" ? from_hex(compact) : from_base64(compact);
    if (!bytes) return fail(ErrorCode::bad_reply, "what was read is not " + encoding);
    opened.text = std::move(*bytes);
    opened.written = std::move(compact);
  } else {
    if (encoding.empty() && text.ends_with('\n')) text.pop_back();
    if (encoding.empty() && text.ends_with('\r')) text.pop_back();
    opened.text = std::move(text);
  }
  if (opened.text.empty()) return fail(ErrorCode::not_found, "what was read is empty");
  if (opened.text.size() < least_bytes)
    return fail(ErrorCode::refused,
                "it has fewer than 8 bytes, and could not be kept out of ordinary text that happens to hold the same",
                "take a longer one, or let the program read it from a file by itself");
  return opened;
}

}  // namespace

Result<OpenedSecret> open_secret(const SecretSource& source, SecretPorts world, std::stop_token stop) {
  Result<std::string> text;
  switch (source.from) {
    case SecretSource::From::variable:
      text = from_variable(source.words.front(), world);
      break;
    case SecretSource::From::file:
      text = from_file(source.words.front(), world);
      break;
    case SecretSource::From::command:
      text = from_command(source.words, world, std::move(stop));
      break;
  }
  if (!text) return pass(text.error());
  return decoded(std::move(*text), source.encoding);
}

DeclaredSource source_as_declared(const SecretDeclaration& declared, std::string key) {
  DeclaredSource out;
  out.source.name = declared.name.text;
  out.source.key = std::move(key);
  out.source.encoding = declared.encoding ? declared.encoding->text : "";
  if (declared.env) {
    out.source.words.push_back(declared.env->text);
  } else if (declared.file) {
    out.source.from = SecretSource::From::file;
    out.words.push_back(*declared.file);
  } else {
    out.source.from = SecretSource::From::command;
    out.words = declared.command.value_or(std::vector<Template>{});
  }
  return out;
}

}  // namespace muster
