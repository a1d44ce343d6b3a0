#include "steps/saved_rows.h"

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"

namespace muster {

namespace {

constexpr size_t buffer_bytes = 256 << 10;
constexpr int64_t rows_between_reports = 1000;

std::string csv_cell(std::string_view text) {
  bool is_plain = !text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos && text.front() != ' ' &&
                  text.back() != ' ';
  if (is_plain) return std::string(text);
  std::string out = "\"";
  for (char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

std::string csv_line(const SqlRow& row) {
  std::string line;
  for (size_t i = 0; i < row.columns().size(); ++i) {
    if (i > 0) line += ',';
    // Bytes that are no text are shown as `rows` shows them.
    if (!row.is_null(i)) line += csv_cell(row.is_binary(i) ? to_text(row.value(i)) : row.text(i));
  }
  return line + "\n";
}

std::string json_line(const SqlRow& row) {
  std::string line = "{";
  for (size_t i = 0; i < row.columns().size(); ++i)
    line += (i > 0 ? "," : "") + print_json(Value(row.columns()[i])) + ":" + print_json(row.value(i));
  return line + "}\n";
}

class RowFile {
 public:
  RowFile(Files& files, std::string path) : files_(files), path_(std::move(path)) {}

  [[nodiscard]] Result<void> open() {
    // Of an attempt that was killed.
    if (Result<void> removed = files_.remove(path_); !removed) return removed;
    Result<std::unique_ptr<WriteFile>> made = files_.create(path_);
    if (!made) return pass(made.error());
    file_ = std::move(*made);
    return {};
  }
  [[nodiscard]] Result<void> add(std::string_view line) {
    buffer_ += line;
    return buffer_.size() < buffer_bytes ? Result<void>() : flush();
  }
  [[nodiscard]] Result<void> flush() {
    if (Result<void> put = file_->write_at(written_, buffer_); !put) return put;
    digest_.add(buffer_);
    written_ += buffer_.size();
    buffer_.clear();
    return {};
  }
  [[nodiscard]] Result<void> end(const std::string& name, const std::string& directory) {
    if (Result<void> put = flush(); !put) return put;
    if (Result<void> synced = file_->sync(); !synced) return synced;
    file_.reset();
    if (Result<void> named = files_.rename(path_, name); !named) return named;
    return files_.sync_directory(directory);
  }
  [[nodiscard]] int64_t bytes() const { return static_cast<int64_t>(written_); }
  [[nodiscard]] std::string sha256() { return digest_.hex(); }
  void remove() {
    file_.reset();
    (void)files_.remove(path_).has_value();
  }

 private:
  Files& files_;
  std::string path_;
  std::unique_ptr<WriteFile> file_;
  std::string buffer_;
  uint64_t written_ = 0;
  Sha256 digest_;
};

}  // namespace

Result<SavedRows> save_rows_to_file(const RowsToSave& wanted, const StepInput& input, Touch& touch,
                                    const Redaction& redaction) {
  bool is_csv = wanted.path.ends_with(".csv");
  if (!is_csv && !wanted.path.ends_with(".jsonl"))
    return fail(ErrorCode::invalid, "`save` is `" + wanted.path + "`, and ends neither with `.csv` nor with `.jsonl`");
  size_t slash = wanted.path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : wanted.path.substr(0, slash);
  std::string name = wanted.path.substr(slash == std::string::npos ? 0 : slash + 1);
  Result<std::optional<FileStatus>> there = touch.look.files.status(wanted.path);
  if (!there) return pass(there.error());
  if (*there && (*there)->kind != FileKind::file)
    return fail(ErrorCode::refused, "`" + wanted.path + "` is no plain file, and is not replaced");

  Result<std::unique_ptr<SqlSession>> session =
      touch.look.sql.open_to_read(wanted.connection, wanted.limits, input.stop);
  if (!session) return pass(session.error());
  if (Result<void> begun = (*session)->begin(); !begun) return pass(begun.error());
  RowFile file(touch.files, directory + "/.muster-save-" + input.run + "-" + name);
  if (Result<void> opened = file.open(); !opened) return pass(opened.error());
  SavedRows saved;
  auto take = [&](const SqlRow& row) -> Result<void> {
    if (saved.rows == 0) {
      Map first;
      std::string names;
      for (size_t i = 0; i < row.columns().size(); ++i) {
        first[row.columns()[i]] = row.value(i);
        names += (i > 0 ? "," : "") + csv_cell(row.columns()[i]);
      }
      if (!row.columns().empty()) saved.value = row.value(0);
      saved.first = std::move(first);
      if (is_csv) {
        if (Result<void> added = file.add(names + "\n"); !added) return added;
      }
    }
    if (++saved.rows % rows_between_reports == 0) input.progress.at(saved.rows, 0, "rows");
    std::string line = is_csv ? csv_line(row) : json_line(row);
    return file.add(redaction.is_idle() ? line : redaction.text(std::move(line)));
  };
  Result<void> read = (*session)->each(wanted.sql, take);
  (*session)->roll_back();
  Result<void> done = read ? file.end(wanted.path, directory) : read;
  if (!done) {
    file.remove();
    Error error = done.error();
    error.effect = Certainty::no_effect;
    return pass(std::move(error));
  }
  saved.bytes = file.bytes();
  saved.sha256 = file.sha256();
  return saved;
}

}  // namespace muster
