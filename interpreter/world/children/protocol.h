// What interpreter and children helper say to each other: frames of a size, a word and fields, over a stream socket.
//
// One socket pair joins a helper to its interpreter. Beside it the helper listens on `helper-PID.socket` in the spool
// directory, where a later interpreter asks for a child by name; NAME.child there holds what nobody has committed.
// Units:  numbers are 64 bits in the machine's order; both sides are built from one tree and run on one machine.
// Errors: decode() is false for bytes that are cut or longer than they say.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace muster::children {

enum class Word : uint64_t {
  start = 1,  // to the helper: Start
  stop,       // to the helper: an id; its whole tree is ended
  forget,     // to the helper: an id; its outcome is committed
  ask,        // to the helper: a name; answered by `ended`, or by `running` and later `ended`, or by `unknown`
  ended,      // from the helper: Ended
  running,    // from the helper: an id
  unknown,    // from the helper
  unfit,      // from the helper: an errno; it cannot work and has started nothing
};

struct Start {
  uint64_t id = 0;
  std::string name;     // of its spool file; empty: a read, which nobody asks for after a crash
  std::string program;  // a path, already looked up; relative to `directory`
  std::vector<std::string> arguments, environment, redact;
  std::string directory;  // empty: the helper's own
  std::string input;
  bool has_input = false;  // else /dev/null
  bool detached = false;   // what it leaves behind lives on
  int64_t timeout_us = 0;  // 0: none
  int64_t grace_us = 0;
  uint64_t head_bytes = 0, tail_bytes = 0;
};

struct Stream {
  std::string head, tail, sha256;
  uint64_t bytes = 0;
};

enum class How : uint64_t { exited, signalled, timed_out, stopped, not_started };
enum class Stage : uint64_t { none, setup, directory, exec };  // where not_started came from

// A process that lives on behind its child.
struct Survivor {
  uint64_t pid = 0;
  uint64_t began_us = 0;  // since the machine was started, as the kernel counts it
  std::string name;
};

struct Ended {
  uint64_t id = 0;
  How how = How::exited;
  Stage stage = Stage::none;
  int64_t code = 0;  // exit code; signal; for timed_out and stopped the signal it took; errno of not_started
  int64_t took_us = 0;
  Stream out, err;
  std::vector<std::string> left_over;
  std::vector<Survivor> survivors;
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
    if (left_.size() < sizeof n) return cut(), 0;
    std::memcpy(&n, left_.data(), sizeof n);
    left_.remove_prefix(sizeof n);
    return n;
  }
  std::string text() {
    uint64_t size = number();
    if (size > left_.size()) return cut(), std::string();
    std::string out(left_.substr(0, size));
    left_.remove_prefix(size);
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all;
    for (uint64_t n = number(); n > 0 && good_; --n) all.push_back(text());
    return all;
  }
  bool is_done() const { return good_ && left_.empty(); }
  bool is_good() const { return good_; }

 private:
  void cut() {
    good_ = false;
    left_ = {};
  }
  std::string_view left_;
  bool good_ = true;
};

inline std::string encode(uint64_t id) {
  Writer w;
  w.number(id);
  return w.take();
}

inline std::string encode(const Start& s) {
  Writer w;
  w.number(s.id);
  for (const std::string* t : {&s.name, &s.program, &s.directory, &s.input}) w.text(*t);
  for (const std::vector<std::string>* t : {&s.arguments, &s.environment, &s.redact}) w.texts(*t);
  w.number(s.has_input);
  w.number(s.detached);
  w.number(static_cast<uint64_t>(s.timeout_us));
  w.number(static_cast<uint64_t>(s.grace_us));
  w.number(s.head_bytes);
  w.number(s.tail_bytes);
  return w.take();
}

[[nodiscard]] inline bool decode(std::string_view bytes, Start& s) {
  Reader r(bytes);
  s.id = r.number();
  for (std::string* t : {&s.name, &s.program, &s.directory, &s.input}) *t = r.text();
  for (std::vector<std::string>* t : {&s.arguments, &s.environment, &s.redact}) *t = r.texts();
  s.has_input = r.number() != 0;
  s.detached = r.number() != 0;
  s.timeout_us = static_cast<int64_t>(r.number());
  s.grace_us = static_cast<int64_t>(r.number());
  s.head_bytes = r.number();
  s.tail_bytes = r.number();
  return r.is_done();
}

inline std::string encode(const Ended& e) {
  Writer w;
  w.number(e.id);
  w.number(static_cast<uint64_t>(e.how));
  w.number(static_cast<uint64_t>(e.stage));
  w.number(static_cast<uint64_t>(e.code));
  w.number(static_cast<uint64_t>(e.took_us));
  for (const Stream* s : {&e.out, &e.err}) {
    for (const std::string* t : {&s->head, &s->tail, &s->sha256}) w.text(*t);
    w.number(s->bytes);
  }
  w.texts(e.left_over);
  w.number(e.survivors.size());
  for (const Survivor& s : e.survivors) {
    w.number(s.pid);
    w.number(s.began_us);
    w.text(s.name);
  }
  return w.take();
}

[[nodiscard]] inline bool decode(std::string_view bytes, Ended& e) {
  Reader r(bytes);
  e.id = r.number();
  e.how = static_cast<How>(r.number());
  e.stage = static_cast<Stage>(r.number());
  e.code = static_cast<int64_t>(r.number());
  e.took_us = static_cast<int64_t>(r.number());
  for (Stream* s : {&e.out, &e.err}) {
    for (std::string* t : {&s->head, &s->tail, &s->sha256}) *t = r.text();
    s->bytes = r.number();
  }
  e.left_over = r.texts();
  for (uint64_t n = r.number(); n > 0 && r.is_good(); --n) {
    Survivor s;
    s.pid = r.number();
    s.began_us = r.number();
    s.name = r.text();
    e.survivors.push_back(std::move(s));
  }
  return r.is_done() && e.how <= How::not_started;
}

inline std::string frame(Word word, std::string_view body) {
  Writer w;
  w.number(body.size() + sizeof(uint64_t));
  w.number(static_cast<uint64_t>(word));
  std::string out = w.take();
  out.append(body);
  return out;
}

// Bytes as they come in, cut into frames.
class Inbox {
 public:
  void add(std::string_view bytes) {
    if (at_ > 0 && at_ == bytes_.size()) {
      bytes_.clear();
      at_ = 0;
    }
    bytes_.append(bytes);
  }
  // The next whole frame; `body` is good until the next call.
  [[nodiscard]] bool next(Word& word, std::string_view& body) {
    constexpr size_t header = 2 * sizeof(uint64_t);
    if (bytes_.size() - at_ < header) return settle();
    uint64_t size = 0;
    std::memcpy(&size, bytes_.data() + at_, sizeof size);
    if (size < sizeof(uint64_t) || bytes_.size() - at_ - sizeof size < size) return settle();
    std::memcpy(&word, bytes_.data() + at_ + sizeof size, sizeof word);
    body = std::string_view(bytes_).substr(at_ + header, size - sizeof(uint64_t));
    at_ += sizeof size + size;
    return true;
  }

 private:
  bool settle() {
    bytes_.erase(0, at_);
    at_ = 0;
    return false;
  }
  std::string bytes_;
  size_t at_ = 0;
};

}  // namespace muster::children
