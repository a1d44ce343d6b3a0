// A folder of an S3 bucket, as files that can be listed and read.
//
// Units:  bytes. S3 gives whole seconds: a file's time here is the end of its second, so that no moment includes what
//         was written after it. Reading fetches pieces of 4 MiB.
// Errors: `unreachable` for a store that does not answer or has no such bucket, `refused` for keys that it does not
//         take, `corrupt` for an object that was replaced while it was read, `bad_reply` for an answer that no S3
//         gives.
// Threads: one thread uses it; a stop may come from any.
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html; docs/actions/restore.md.
#pragma once

#include <map>
#include <stop_token>

#include "interpreter/world/clock.h"
#include "interpreter/world/http.h"
#include "interpreter/world/sql.h"

namespace muster {

struct S3Folder {
  std::string bucket, prefix;  // of `s3://bucket/prefix`, without `/` at its end
};
// `invalid` for what is no s3:// URL.
// What the URL of a folder in S3 begins with.
inline constexpr std::string_view s3_scheme = "s3://";
[[nodiscard]] Result<S3Folder> parse_s3_url(const std::string& url);

struct S3Object {
  std::string key, etag;
  uint64_t size = 0;
  Timestamp modified;
};
struct S3Listing {
  std::vector<S3Object> objects;
  std::string next;  // the token of the next page; empty: there is none
};
// One page of ListObjectsV2.
[[nodiscard]] Result<S3Listing> parse_s3_listing(const std::string& xml, Timestamp now);
// By RFC 3986: everything but letters, digits and -._~ as %XX; `/` stays where it separates.
[[nodiscard]] std::string s3_encoded(std::string_view text, bool keeps_slashes);

class S3Files final : public FilesRead {
 public:
  // A stop ends the request that is under way: `interrupted`.
  S3Files(HttpRead& http, Clock& clock, Connection connection, S3Folder folder, std::stop_token stop)
      : http_(http),
        clock_(clock),
        connection_(std::move(connection)),
        folder_(std::move(folder)),
        stop_(std::move(stop)) {}

  Result<std::optional<FileStatus>> status(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Result<std::string> read(const std::string& path, uint64_t limit_bytes) override;
  Result<std::unique_ptr<ReadFile>> open(const std::string& path) override;
  Result<std::string> canonical(const std::string& path) override;
  Result<uint64_t> free_bytes(const std::string& directory) override;
  Result<std::vector<Holder>> holders(const std::vector<std::string>& paths) override;
  bool is_writable(const std::string& directory) override;

  // What the next list() and status() say is asked anew.
  void forget() { is_listed_ = false; }

 private:
  friend class S3ReadFile;
  [[nodiscard]] Result<void> load();
  [[nodiscard]] Result<HttpResponse> get(const std::string& path_and_query, const std::string& range) const;
  [[nodiscard]] std::string key_of(const std::string& path) const;

  HttpRead& http_;
  Clock& clock_;
  Connection connection_;
  S3Folder folder_;
  std::stop_token stop_;
  bool is_listed_ = false;
  std::map<std::string, S3Object> objects_;  // by key
};

}  // namespace muster
