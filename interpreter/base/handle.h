// A C library's object, owned: made of its own close function, without storage or a base class.
#pragma once

#include <memory>

namespace muster {

template <auto Close>
struct Closer {
  template <class T>
  void operator()(T* p) const noexcept {
    Close(p);
  }
};
template <class T, auto Close>
using Handle = std::unique_ptr<T, Closer<Close>>;

}  // namespace muster
