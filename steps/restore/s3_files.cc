#include "steps/restore/s3_files.h"

#include <algorithm>
#include <charconv>

#include "interpreter/base/digest.h"

namespace muster {

namespace {

constexpr size_t window_bytes = 4 << 20;
constexpr uint64_t most_page_bytes = 16 << 20;
constexpr size_t most_objects = 1'000'000;
constexpr Duration patience = Duration::seconds(60);

std::string setting(const Connection& connection, std::string_view name) {
  const Value* value = member(connection.settings, name);
  if (!value) return "";
  if (const Secret* secret = value->find<Secret>()) return std::string(secret->reveal(SecretSink::connection));
  return value->is<std::string>() ? value->get<std::string>() : "";
}

std::string unescaped(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t end = text.starts_with('&') ? text.find(';') : std::string_view::npos;
    std::string_view entity = end != std::string_view::npos ? text.substr(1, end - 1) : std::string_view();
    constexpr std::pair<std::string_view, char> known[] = {{"amp", '&'},   {"lt", '<'},  {"gt", '>'},  {"quot", '"'},
                                                           {"apos", '\''}, {"#34", '"'}, {"#39", '\''}};
    const auto* found = std::ranges::find(known, entity, &std::pair<std::string_view, char>::first);
    if (!entity.empty() && found != std::end(known)) {
      out += found->second;
      text.remove_prefix(end + 1);
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return out;
}

// The text of the first element of this name; nothing where there is none.
std::optional<std::string> element(std::string_view xml, const std::string& name) {
  size_t begin = xml.find("<" + name + ">");
  if (begin == std::string_view::npos) return std::nullopt;
  begin += name.size() + 2;
  size_t end = xml.find("</" + name + ">", begin);
  if (end == std::string_view::npos) return std::nullopt;
  return unescaped(xml.substr(begin, end - begin));
}

std::string header_of(const HttpResponse& response, std::string_view name) {
  for (const auto& [header, value] : response.headers)
    if (header == name) return value;
  return {};
}

tl::unexpected<Error> no_write() { return fail(ErrorCode::refused, "a bucket is only read here"); }

}  // namespace

Result<S3Folder> parse_s3_url(const std::string& url) {
  std::string_view rest = url;
  if (!rest.starts_with(s3_scheme)) return fail(ErrorCode::invalid, "`" + url + "` is no s3:// URL");
  rest.remove_prefix(s3_scheme.size());
  while (rest.ends_with('/')) rest.remove_suffix(1);
  size_t slash = std::min(rest.find('/'), rest.size());
  S3Folder folder{std::string(rest.substr(0, slash)), std::string(rest.substr(std::min(slash + 1, rest.size())))};
  bool is_plain = !folder.bucket.empty() &&
                  folder.bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-") == std::string::npos;
  if (!is_plain || rest.find_first_of("?#") != std::string_view::npos) {
    return fail(ErrorCode::invalid, "`" + url + "` does not name a bucket and a folder in it",
                "write s3://BUCKET/FOLDER; region, endpoint and keys belong to the connection");
  }
  return folder;
}

std::string s3_encoded(std::string_view text, bool keeps_slashes) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '.' || c == '_' || c == '~' || (c == '/' && keeps_slashes);
    if (is_plain) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
  return out;
}

Result<S3Listing> parse_s3_listing(const std::string& xml, Timestamp now) {
  if (xml.find("<ListBucketResult") == std::string::npos || xml.find("</ListBucketResult>") == std::string::npos)
    return fail(ErrorCode::bad_reply, "the store's listing is not one of S3");
  S3Listing listing;
  constexpr std::string_view open = "<Contents>", close = "</Contents>";
  size_t at = 0;
  while ((at = xml.find(open, at)) != std::string::npos) {
    size_t end = xml.find(close, at);
    if (end == std::string::npos) return fail(ErrorCode::bad_reply, "the store's listing is cut");
    std::string_view entry = std::string_view(xml).substr(at, end - at);
    std::optional<std::string> key = element(entry, "Key"), size = element(entry, "Size"),
                               time = element(entry, "LastModified");
    std::optional<Timestamp> modified = time ? parse_timestamp(*time) : std::nullopt;
    S3Object object;
    if (!key || !size || !modified)
      return fail(ErrorCode::bad_reply, "the store's listing has an entry without key, size or time");
    auto [last, error] = std::from_chars(size->data(), size->data() + size->size(), object.size);
    if (error != std::errc() || last != size->data() + size->size())
      return fail(ErrorCode::bad_reply, "the store's listing has the size `" + *size + "`");
    object.key = std::move(*key);
    object.etag = element(entry, "ETag").value_or("");
    // Written at some point of that second, and not later than now.
    object.modified = *modified;
    if (modified->us % 1'000'000 == 0)
      object.modified = std::max(*modified, std::min(now, *modified + Duration{999'999}));
    listing.objects.push_back(std::move(object));
    at = end;
  }
  if (element(xml, "IsTruncated") == "true") {
    listing.next = element(xml, "NextContinuationToken").value_or("");
    if (listing.next.empty())
      return fail(ErrorCode::bad_reply, "the store's listing goes on, and it does not say where");
  }
  return listing;
}

Result<HttpResponse> S3Files::get(const std::string& path_and_query, const std::string& range) const {
  std::string region = setting(connection_, "region"), endpoint = setting(connection_, "endpoint");
  if (region.empty()) region = "us-east-1";
  if (endpoint.empty()) endpoint = "https://s3." + region + ".amazonaws.com";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  HttpRequest request;
  request.url = endpoint + "/" + folder_.bucket + path_and_query;
  request.timeout = patience;
  request.max_body_bytes = most_page_bytes;
  if (!range.empty()) request.headers.emplace_back("Range", range);
  request.user = setting(connection_, "access_key");
  if (!request.user.empty()) {
    const Value* key = member(connection_.settings, "secret_key");
    request.password = key ? *key : Value();
    request.sigv4 = region + ":s3";
    // libcurl signs this header only where it is given; it is the digest of no body.
    request.headers.emplace_back("x-amz-content-sha256", sha256_hex(""));
  }
  Result<HttpResponse> response;
  for (int attempt = 0; attempt < 3; ++attempt) {
    response = http_.fetch(request, stop_);
    if ((response && response->status < 500) || stop_.stop_requested()) break;
  }
  if (!response) return response;
  std::string where = "`s3://" + folder_.bucket + "/" + folder_.prefix + "`";
  std::string code = element(response->body, "Code").value_or("");
  if (response->status == 200 || response->status == 206) return response;
  std::string said = "the store answered " + std::to_string(response->status) + (code.empty() ? "" : " " + code);
  if (response->status == 403 || response->status == 401) {
    return fail(ErrorCode::refused, where + ": " + said,
                "check `access_key`, `secret_key` and `region` of the connection");
  }
  if (response->status == 404 && code == "NoSuchKey") return fail(ErrorCode::not_found, where + ": " + said);
  return fail(ErrorCode::unreachable, where + ": " + said, "check `endpoint` and `bucket` of the connection");
}

std::string S3Files::key_of(const std::string& path) const {
  std::string root = std::string(s3_scheme) + folder_.bucket + "/";
  return path.starts_with(root) ? path.substr(root.size()) : path;
}

Result<void> S3Files::load() {
  if (is_listed_) return {};
  std::map<std::string, S3Object> found;
  std::string token;
  std::string prefix = folder_.prefix.empty() ? "" : folder_.prefix + "/";
  do {
    // Sorted by name: libcurl signs the query as it stands.
    std::string query = "?";
    if (!token.empty()) query += "continuation-token=" + s3_encoded(token, false) + "&";
    query += "list-type=2&prefix=" + s3_encoded(prefix, false);
    Result<HttpResponse> page = get(query, {});  // no slash behind the bucket: some stores sign it as none
    if (!page) return pass(page.error());
    Result<S3Listing> listing = parse_s3_listing(page->body, clock_.now());
    if (!listing) return pass(listing.error());
    if (listing->next == token && !token.empty()) return fail(ErrorCode::bad_reply, "the store's listing does not end");
    token = listing->next;
    for (S3Object& object : listing->objects) {
      std::string key = object.key;
      found.emplace(std::move(key), std::move(object));
    }
    if (found.size() > most_objects) return fail(ErrorCode::refused, "the folder holds more than a million objects");
  } while (!token.empty());
  objects_ = std::move(found);
  is_listed_ = true;
  return {};
}

Result<std::optional<FileStatus>> S3Files::status(const std::string& path) {
  if (Result<void> loaded = load(); !loaded) return pass(loaded.error());
  std::string key = key_of(path);
  FileStatus status;
  if (auto object = objects_.find(key); object != objects_.end()) {
    status.size = object->second.size;
    status.modified = object->second.modified;
    return std::optional<FileStatus>(status);
  }
  auto below = objects_.lower_bound(key + "/");
  if (below == objects_.end() || !below->first.starts_with(key + "/")) return std::optional<FileStatus>();
  status.kind = FileKind::directory;
  return std::optional<FileStatus>(status);
}

Result<std::vector<DirectoryEntry>> S3Files::list(const std::string& directory) {
  if (Result<void> loaded = load(); !loaded) return pass(loaded.error());
  std::string prefix = key_of(directory) + "/";
  std::vector<DirectoryEntry> entries;
  for (auto object = objects_.lower_bound(prefix); object != objects_.end() && object->first.starts_with(prefix);
       ++object) {
    std::string rest = object->first.substr(prefix.size());
    size_t slash = rest.find('/');
    std::string name = rest.substr(0, slash);
    if (name.empty() || (!entries.empty() && entries.back().name == name)) continue;
    DirectoryEntry entry{name, {}};
    if (slash == std::string::npos) {
      entry.status.size = object->second.size;
      entry.status.modified = object->second.modified;
    } else {
      entry.status.kind = FileKind::directory;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

class S3ReadFile final : public ReadFile {
 public:
  S3ReadFile(S3Files& files, S3Object object) : files_(files), object_(std::move(object)) {}

  Result<std::string> read(size_t size) override {
    Result<std::string> bytes = read_at(at_, size);
    if (bytes) at_ += bytes->size();
    return bytes;
  }

  Result<std::string> read_at(uint64_t offset, size_t size) override {
    std::string out;
    while (out.size() < size && offset + out.size() < object_.size) {
      uint64_t at = offset + out.size();
      if (at < window_begin_ || at >= window_begin_ + window_.size()) {
        if (Result<void> fetched = fetch(at); !fetched) return pass(fetched.error());
      }
      out += window_.substr(at - window_begin_, size - out.size());
    }
    return out;
  }

 private:
  Result<void> fetch(uint64_t at) {
    uint64_t end = std::min<uint64_t>(at + window_bytes, object_.size);
    std::string path = "/" + s3_encoded(object_.key, true);
    Result<HttpResponse> part = files_.get(path, "bytes=" + std::to_string(at) + "-" + std::to_string(end - 1));
    if (!part && part.error().code == ErrorCode::not_found) return changed("was removed");
    if (!part) return pass(part.error());
    std::string etag = header_of(*part, "etag");
    if (!etag.empty() && !object_.etag.empty() && etag != object_.etag) return changed("was replaced");
    // A store that knows no ranges sends all of it.
    if (part->status == 200) {
      if (part->body.size() != object_.size) return changed("has another length");
      window_begin_ = 0;
    } else {
      if (part->body.size() != end - at) return changed("has another length");
      window_begin_ = at;
    }
    window_ = std::move(part->body);
    return {};
  }
  tl::unexpected<Error> changed(const std::string& how) const {
    return fail(ErrorCode::corrupt, "`" + object_.key + "` " + how + " while it was read",
                "start the step again to choose anew");
  }

  S3Files& files_;
  S3Object object_;
  uint64_t at_ = 0;
  std::string window_;
  uint64_t window_begin_ = 0;
};

Result<std::unique_ptr<ReadFile>> S3Files::open(const std::string& path) {
  if (Result<void> loaded = load(); !loaded) return pass(loaded.error());
  auto object = objects_.find(key_of(path));
  if (object == objects_.end()) return fail(ErrorCode::not_found, "there is no object `" + path + "`");
  return std::make_unique<S3ReadFile>(*this, object->second);
}

Result<std::string> S3Files::read(const std::string& path, uint64_t limit_bytes) {
  Result<std::unique_ptr<ReadFile>> file = open(path);
  if (!file) return pass(file.error());
  uint64_t size = objects_.at(key_of(path)).size;
  if (size > limit_bytes)
    return fail(ErrorCode::refused, "`" + path + "` is larger than " + std::to_string(limit_bytes));
  return (*file)->read(static_cast<size_t>(size));
}

Result<std::string> S3Files::canonical(const std::string& path) {
  std::string out = path;
  while (out.ends_with('/')) out.pop_back();
  return out;
}

Result<uint64_t> S3Files::free_bytes(const std::string&) { return no_write(); }
Result<std::vector<Holder>> S3Files::holders(const std::vector<std::string>&) { return no_write(); }
bool S3Files::is_writable(const std::string&) { return false; }

}  // namespace muster
