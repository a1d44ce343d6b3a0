// What most of its owners do not have: like std::optional, but one pointer wide where it is absent.
//
// Made for structs with many rare members: a step of a playbook has twenty keys that it could have and uses three.
// A value: copying copies what is inside. Errors: reading what is not there is our own mistake (assert).
#pragma once

#include <cassert>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace muster {

template <class T>
class Boxed {
 public:
  using value_type = T;

  Boxed() = default;
  Boxed(std::nullopt_t) {}                                            // NOLINT: as std::optional
  Boxed(T value) : inside_(std::make_unique<T>(std::move(value))) {}  // NOLINT
  Boxed(const Boxed& other) : inside_(other ? std::make_unique<T>(*other) : nullptr) {}
  Boxed(Boxed&&) noexcept = default;
  Boxed& operator=(const Boxed& other) {
    if (this != &other) inside_ = other ? std::make_unique<T>(*other) : nullptr;
    return *this;
  }
  Boxed& operator=(Boxed&&) noexcept = default;
  ~Boxed() = default;

  explicit operator bool() const { return inside_ != nullptr; }
  [[nodiscard]] bool has_value() const { return inside_ != nullptr; }
  [[nodiscard]] const T& operator*() const {
    assert(inside_);
    return *inside_;
  }
  [[nodiscard]] T& operator*() {
    assert(inside_);
    return *inside_;
  }
  [[nodiscard]] const T* operator->() const { return &**this; }
  [[nodiscard]] T* operator->() { return &**this; }
  T& emplace() {
    inside_ = std::make_unique<T>();
    return *inside_;
  }
  void reset() { inside_.reset(); }

 private:
  std::unique_ptr<T> inside_;
};

}  // namespace muster
