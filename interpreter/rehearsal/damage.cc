#include "interpreter/rehearsal/damage.h"

#include "interpreter/base/digest.h"

namespace muster {
namespace {

void damage(std::string& bytes) {
  if (!bytes.empty()) bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x20);
}

class DamagedFile final : public ReadFile {
 public:
  explicit DamagedFile(std::unique_ptr<ReadFile> file) : file_(std::move(file)) {}
  Result<std::string> read(size_t size) override {
    Result<std::string> bytes = file_->read(size);
    if (bytes) damage(*bytes);
    return bytes;
  }
  Result<std::string> read_at(uint64_t offset, size_t size) override {
    Result<std::string> bytes = file_->read_at(offset, size);
    if (bytes) damage(*bytes);
    return bytes;
  }

 private:
  std::unique_ptr<ReadFile> file_;
};

Result<HttpResponse> damaged(Result<HttpResponse> response) {
  if (response) damage(response->body);
  return response;
}

Result<ProcessEnd> damaged(Result<ProcessEnd> end) {
  if (!end) return end;
  damage(end->out.head);
  end->out.sha256 = sha256_hex(end->out.head + end->out.tail);
  return end;
}

}  // namespace

Result<std::string> DamagedFiles::read(const std::string& path, uint64_t limit_bytes) {
  Result<std::string> bytes = real_.read(path, limit_bytes);
  if (bytes) damage(*bytes);
  return bytes;
}
Result<std::unique_ptr<ReadFile>> DamagedFiles::open(const std::string& path) {
  Result<std::unique_ptr<ReadFile>> file = real_.open(path);
  if (!file) return file;
  return std::make_unique<DamagedFile>(std::move(*file));
}
Result<HttpResponse> DamagedHttp::fetch(const HttpRequest& request, std::stop_token stop) {
  return damaged(real_.fetch(request, std::move(stop)));
}
Result<HttpResponse> DamagedHttp::send(const HttpRequest& request, std::stop_token stop) {
  return damaged(real_.send(request, std::move(stop)));
}
Result<SqlResult> DamagedSql::query(const Connection& connection, const SqlText& text, const SqlLimits& limits,
                                    std::stop_token stop) {
  Result<SqlResult> result = real_.query(connection, text, limits, std::move(stop));
  if (!result) return result;
  for (Map& row : result->rows)
    for (auto& [column, value] : row) {
      if (std::string* said = value.find<std::string>(); said && !said->empty()) return damage(*said), result;
      if (int64_t* number = value.find<int64_t>()) return *number ^= 0x20, result;
    }
  return result;
}
Result<CheckResult> DamagedSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                      std::stop_token stop) {
  Result<CheckResult> result = real_.check(connection, kind, limits, std::move(stop));
  if (!result) return result;
  result->intact = false;
  result->problems.insert(result->problems.begin(), "a page is not what it was written as");
  return result;
}
Result<ProcessEnd> DamagedProcesses::observe(const Command& command, std::stop_token stop) {
  return damaged(real_.observe(command, std::move(stop)));
}
Result<ProcessEnd> DamagedProcesses::run(const ChildKey& key, const Command& command, std::stop_token stop) {
  return damaged(real_.run(key, command, std::move(stop)));
}

}  // namespace muster
