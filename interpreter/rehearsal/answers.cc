#include "interpreter/rehearsal/answers.h"

#include <algorithm>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/shell_quote.h"

namespace muster {
namespace {

constexpr uint64_t most_read = 16 << 20;

std::vector<std::string> split(std::string_view text, char by) {
  std::vector<std::string> out;
  size_t at = 0;
  while (true) {
    const size_t end = std::min(text.find(by, at), text.size());
    if (end > at || by != ' ') out.emplace_back(text.substr(at, end - at));
    if (end == text.size()) return out;
    at = end + 1;
  }
}

std::string base_of(const std::string& program) {
  const size_t slash = program.rfind('/');
  return slash == std::string::npos ? program : program.substr(slash + 1);
}

std::string decoded(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 && digit(text[i + 2]) >= 0) {
      out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

struct Url {
  std::string site, path;  // `https://api.example`, `/v1/stores`
  Map query;
};

Url parts_of(const std::string& url) {
  Url out;
  std::string rest = url.substr(0, url.find('#'));
  const size_t scheme = rest.find("://");
  const size_t begin = rest.find_first_of("/?", scheme == std::string::npos ? 0 : scheme + 3);
  out.site = rest.substr(0, begin);
  rest = begin == std::string::npos ? "" : rest.substr(begin);
  const size_t question = rest.find('?');
  out.path = rest.substr(0, question);
  if (out.path.empty()) out.path = "/";
  if (question == std::string::npos) return out;
  for (const std::string& pair : split(std::string_view(rest).substr(question + 1), '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    out.query[decoded(pair.substr(0, equals))] =
        equals == std::string::npos ? std::string() : decoded(pair.substr(equals + 1));
  }
  return out;
}

// How many of its letters are no places; nothing where it does not fit.
std::optional<size_t> fits(const std::string& pattern, const std::string& text, Map& params) {
  const std::vector<std::string> wanted = split(pattern, '/'), given = split(text, '/');
  size_t letters = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "*" && i + 1 == wanted.size()) return letters;
    if (i >= given.size()) return std::nullopt;
    const bool is_place = wanted[i].size() > 2 && wanted[i].front() == '{' && wanted[i].back() == '}';
    if (is_place && !given[i].empty()) {
      params[wanted[i].substr(1, wanted[i].size() - 2)] = decoded(given[i]);
    } else if (wanted[i] == given[i]) {
      letters += wanted[i].size() + 1;
    } else {
      return std::nullopt;
    }
  }
  if (given.size() != wanted.size()) return std::nullopt;
  return letters;
}

std::string text_argument(const Map& args, const char* name) { return text_of(args, name); }

}  // namespace

std::string command_key(const std::vector<std::string>& keys, const std::vector<std::string>& argv,
                        const std::string& host) {
  std::string best;
  size_t most = 0;
  for (const std::string& key : keys) {
    std::string_view rest = key;
    const size_t colon = key.find(": ");
    const bool on_host = colon != std::string::npos && key.find(' ') > colon;
    if (on_host) {
      if (key.substr(0, colon) != host) continue;
      rest = rest.substr(colon + 2);
    }
    const std::vector<std::string> words = split(rest, ' ');
    if (words.empty() || words.size() > argv.size()) continue;
    const bool whole = words[0].find('/') != std::string::npos;
    if (words[0] != (whole ? argv[0] : base_of(argv[0]))) continue;
    if (!std::equal(words.begin() + 1, words.end(), argv.begin() + 1)) continue;
    const size_t weight = words.size() * 4 + (on_host ? 2 : 0) + (whole ? 1 : 0);
    if (weight <= most) continue;
    most = weight;
    best = key;
  }
  return best;
}

std::string endpoint_key(const std::vector<std::string>& keys, const std::string& method, const std::string& url,
                         Map& params) {
  const Url asked = parts_of(url);
  std::string best;
  size_t most = 0;
  for (const std::string& key : keys) {
    const size_t space = key.find(' ');
    if (space != std::string::npos && key.substr(0, space) != method) continue;
    const std::string pattern = space == std::string::npos ? key : key.substr(space + 1);
    Map found;
    const bool any_host = pattern.starts_with('/');
    std::string wanted = pattern.substr(0, pattern.find('?'));
    if (!any_host &&
        wanted.find('/', wanted.find("://") == std::string::npos ? 0 : wanted.find("://") + 3) == std::string::npos)
      wanted += '/';
    std::optional<size_t> letters = fits(wanted, any_host ? asked.path : asked.site + asked.path, found);
    if (!letters) continue;
    const size_t weight = 1 + *letters * 2 + (space == std::string::npos ? 0 : 1);
    if (weight <= most) continue;
    most = weight;
    best = key;
    params = std::move(found);
  }
  return best;
}

Result<Duration> takes_of(const Map& answer) {
  const Value* takes = member(answer, "takes");
  if (!takes || takes->is_null()) return Duration{0};
  if (const Duration* duration = takes->find<Duration>()) return *duration;
  if (const int64_t* seconds = takes->find<int64_t>(); seconds && *seconds >= 0) return Duration::seconds(*seconds);
  if (const double* seconds = takes->find<double>(); seconds && *seconds >= 0)
    return Duration{static_cast<int64_t>(*seconds * 1e6)};
  if (const std::string* text = takes->find<std::string>())
    if (std::optional<Duration> duration = parse_duration(*text)) return *duration;
  return fail(ErrorCode::invalid, "`takes` of an answer is a number of seconds, or text as in `30s`, and `" +
                                      to_text(*takes) + "` is neither");
}

Result<void> only_keys(const Map& answer, const std::vector<std::string_view>& keys, std::string_view what) {
  for (const auto& [key, value] : answer) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const std::string_view near = nearest(key, keys);
    std::string all;
    for (std::string_view one : keys) all += (all.empty() ? "`" : ", `") + std::string(one) + "`";
    return fail(ErrorCode::invalid, "`" + key + "` is no part of " + std::string(what),
                near.empty() ? "it may have " + all : "did you mean `" + std::string(near) + "`?");
  }
  return {};
}

const std::vector<std::string>& WorldAnswers::commands() const {
  static const std::vector<std::string> none;
  return world_ ? world_->commands() : none;
}

Result<Value> WorldAnswers::ask(bool http, const std::string& key, const Map& call) {
  Result<Value> answer = world_->answer(http, key, call, *this);
  if (answer || answer.error().code != ErrorCode::expression) return answer;
  findings.push_back("the answer of `" + key + "` raised: " + answer.error().message);
  return answer;
}

Result<Value> WorldAnswers::command(const std::vector<std::string>& argv, const std::string& host, Map call) {
  if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
  const std::string key = command_key(commands(), argv, host);
  if (!key.empty()) return ask(false, key, call);
  const std::string line = shell_line(argv);
  findings.push_back("nobody answers the command `" + line + "`" + (host.empty() ? "" : " on " + host));
  const std::string program = argv.empty() ? "" : base_of(argv[0]);
  return fail(ErrorCode::not_started, "nobody in the scenario answers `" + line + "`",
              "write `commands = {[\"" + program + "\"] = function(call) ... end}` into its world");
}

Result<Value> WorldAnswers::request(const std::string& method, const std::string& url, Map call) {
  if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
  Map params;
  const Url parts = parts_of(url);
  const std::string key = world_ ? endpoint_key(world_->endpoints(), method, url, params) : std::string();
  if (key.empty()) {
    const std::string pattern = method + " " + parts.site + parts.path;
    findings.push_back("nobody answers the request `" + pattern + "`");
    return fail(ErrorCode::unreachable, "nobody in the scenario answers `" + pattern + "`",
                "write `http = {[\"" + pattern + "\"] = function(request) ... end}` into its world");
  }
  call["path"] = parts.path;
  call["query"] = parts.query;
  call["params"] = std::move(params);
  return ask(true, key, call);
}

Result<void> WorldAnswers::after() {
  if (!world_) return {};
  return world_->after(*this);
}

Result<Value> WorldAnswers::state() {
  if (!world_) return Value(Map{});
  return world_->state();
}

Result<Value> WorldAnswers::call(std::string_view what, const Map& args) {
  const std::string path = text_argument(args, "path");
  auto needs_path = [&]() -> Result<void> {
    if (!path.empty()) return {};
    return fail(ErrorCode::invalid, "`ctx." + std::string(what) + "` needs `path`");
  };
  if (what == "read" || what == "exists" || what == "write" || what == "remove" || what == "list") {
    if (Result<void> given = needs_path(); !given) return pass(given.error());
  }
  if (what == "exists") {
    Result<std::optional<FileStatus>> status = files_.status(path);
    if (!status) return pass(status.error());
    return Value(status->has_value());
  }
  if (what == "read") {
    Result<std::optional<FileStatus>> status = files_.status(path);
    if (status && !*status) return Value();
    Result<std::string> content = files_.read(path, most_read);
    if (!content) return pass(content.error());
    return Value(std::move(*content));
  }
  if (what == "list") {
    Result<std::vector<DirectoryEntry>> entries = files_.list(path);
    if (!entries) return pass(entries.error());
    List names;
    for (const DirectoryEntry& entry : *entries) names.emplace_back(entry.name);
    return Value(std::move(names));
  }
  if (what == "write") {
    Result<void> done = files_.put(path, text_argument(args, "content"));
    if (!done) return pass(done.error());
    return Value(true);
  }
  if (what == "remove") {
    Result<std::optional<FileStatus>> status = files_.status(path);
    if (!status) return pass(status.error());
    if (!*status) return Value(false);
    Result<void> done = (*status)->kind == FileKind::directory ? files_.remove_tree(path) : files_.remove(path);
    if (!done) return pass(done.error());
    return Value(true);
  }
  if (what == "sql") {
    const std::string name = text_argument(args, "database");
    auto it = databases_.find(name);
    std::string at = path;
    if (it != databases_.end()) at = it->second;
    if (at.empty())
      return fail(ErrorCode::invalid, "`ctx.sql` needs `database`, which the scenario declares, or `path`, and `" +
                                          name + "` is none of its databases");
    Connection connection{name, "sqlite", Map{{"path", at}}, {}};
    SqlText sql;
    if (const Value* bind = member(args, "bind"); bind && bind->is<Map>()) sql.bind = bind->get<Map>();
    const Value* query = member(args, "query");
    sql.text = text_argument(args, query ? "query" : "execute");
    if (sql.text.empty()) return fail(ErrorCode::invalid, "`ctx.sql` needs `query` or `execute`");
    Result<SqlResult> done = query ? sql_.query(connection, sql, {}, {}) : sql_.execute(connection, sql, {}, {});
    if (!done) return pass(done.error());
    List rows;
    for (Map& row : done->rows) rows.emplace_back(std::move(row));
    Map out{{"rows", rows}, {"row_count", done->row_count}, {"changes", done->changes}};
    if (!done->rows.empty() && !done->columns.empty()) {
      const Map& first = rows.front().get<Map>();
      out["row"] = first;
      if (const Value* value = member(first, done->columns.front())) out["value"] = *value;
    }
    return Value(std::move(out));
  }
  return fail(ErrorCode::invalid, "`ctx." + std::string(what) + "` is not there",
              "a world has `ctx.read`, `exists`, `list`, `write`, `remove`, `sql` and `now`");
}

}  // namespace muster
