// What interpreter and children helper say to each other, over one stream socket: frames of a 4-byte length and fields.
//
// Both sides are built from this tree, so there is no version; numbers are in the machine's order.
// Files in the spool directory, after the interpreter is gone: NAME.child holds an `ended` frame's body; NAME.running says
// that a helper still runs it; NAME.stop asks it to end; helper-PID.lock is locked while the helper lives and begins with
// `orphaned` once all the others are written.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace muster::children {

enum class Word : uint32_t {
  start = 1,  // to the helper: a command
  stop,       // to the helper: end this child's tree
  forget,     // to the helper: the outcome is committed
  ended,      // from the helper: what became of it
};

struct Start {
  uint64_t id = 0;
  std::string name;     // of its spool files
  std::string program;  // a path, already looked up
  std::vector<std::string> arguments, environment, redact;
  std::string directory;
  std::string input;
  bool has_input = false;
  bool detached = false;
  int64_t timeout_us = 0, grace_us = 0;
  uint64_t head_bytes = 0, tail_bytes = 0;
};

struct Stream {
  std::string head, tail, sha256;
  uint64_t bytes = 0;
};

enum class How : uint32_t { exited, signalled, timed_out, stopped, not_started };

struct Ended {
  uint64_t id = 0;
  How how = How::exited;
  int32_t code = 0;  // exit code, signal, or errno of not_started
  int64_t took_us = 0;
  Stream out, err;
  std::vector<std::string> left_over;
};

class Writer {
 public:
  void number(uint64_t n) { bytes_.append(reinterpret_cast<const char*>(&n), sizeof n); }
  void text(std::string_view t) {
    number(t.size());
    bytes_.append(t);
  }
  void texts(const std::vector<std::string>& all) {
    number(all.size());
    for (const std::string& t : all) text(t);
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : left_(bytes) {}
  uint64_t number() {
    uint64_t n = 0;
    if (left_.size() < sizeof n) {
      good_ = false;
      left_ = {};
      return 0;
    }
    std::memcpy(&n, left_.data(), sizeof n);
    left_.remove_prefix(sizeof n);
    return n;
  }
  std::string text() {
    uint64_t size = number();
    if (size > left_.size()) {
      good_ = false;
      left_ = {};
      return {};
    }
    std::string out(left_.substr(0, size));
    left_.remove_prefix(size);
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (uint64_t n = number(); n > 0 && good_; --n) all.push_back(text());
    return all;
  }
  bool good() const { return good_; }

 private:
  std::string_view left_;
  bool good_ = true;
};

inline std::string frame(Word word, const std::string& body) {
  Writer out;
  out.number(body.size() + sizeof(uint64_t));
  out.number(static_cast<uint64_t>(word));
  return out.take() + body;
}

inline std::string encode(const Start& s) {
  Writer w;
  w.number(s.id);
  w.text(s.name);
  w.text(s.program);
  w.texts(s.arguments);
  w.texts(s.environment);
  w.texts(s.redact);
  w.text(s.directory);
  w.text(s.input);
  w.number(s.has_input);
  w.number(s.detached);
  w.number(static_cast<uint64_t>(s.timeout_us));
  w.number(static_cast<uint64_t>(s.grace_us));
  w.number(s.head_bytes);
  w.number(s.tail_bytes);
  return w.take();
}

inline bool decode(std::string_view bytes, Start& s) {
  Reader r(bytes);
  s.id = r.number();
  s.name = r.text();
  s.program = r.text();
  s.arguments = r.texts();
  s.environment = r.texts();
  s.redact = r.texts();
  s.directory = r.text();
  s.input = r.text();
  s.has_input = r.number() != 0;
  s.detached = r.number() != 0;
  s.timeout_us = static_cast<int64_t>(r.number());
  s.grace_us = static_cast<int64_t>(r.number());
  s.head_bytes = r.number();
  s.tail_bytes = r.number();
  return r.good();
}

inline void put(Writer& w, const Stream& s) {
  w.text(s.head);
  w.text(s.tail);
  w.text(s.sha256);
  w.number(s.bytes);
}

inline void get(Reader& r, Stream& s) {
  s.head = r.text();
  s.tail = r.text();
  s.sha256 = r.text();
  s.bytes = r.number();
}

inline std::string encode(const Ended& e) {
  Writer w;
  w.number(e.id);
  w.number(static_cast<uint64_t>(e.how));
  w.number(static_cast<uint64_t>(static_cast<int64_t>(e.code)));
  w.number(static_cast<uint64_t>(e.took_us));
  put(w, e.out);
  put(w, e.err);
  w.texts(e.left_over);
  return w.take();
}

inline bool decode(std::string_view bytes, Ended& e) {
  Reader r(bytes);
  e.id = r.number();
  e.how = static_cast<How>(r.number());
  e.code = static_cast<int32_t>(static_cast<int64_t>(r.number()));
  e.took_us = static_cast<int64_t>(r.number());
  get(r, e.out);
  get(r, e.err);
  e.left_over = r.texts();
  return r.good();
}

}  // namespace muster::children
