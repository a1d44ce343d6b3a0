// Blocks of a Lua state from one piece of memory: the tables and texts of a call come and go, and asking the system for
// each of them would be a fourth of what a call costs.
//
// It never grows: what does not fit is asked of the system, so that a state holds this one piece beyond what its
// allocator counts. Threads: one at a time, as the state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace muster {

class SmallBlocks {
 public:
  // A block of `size` bytes that was given back, aligned as by malloc; nullptr where there is none.
  [[nodiscard]] void* take(size_t size) {
    const size_t kind = kind_of(size);
    if (kind >= kinds) return nullptr;
    Free* block = free_[kind];
    if (block) free_[kind] = block->next;
    return block;
  }
  // One that nobody had before; nullptr where it is too large, or there is no room.
  [[nodiscard]] void* take_new(size_t size) {
    const size_t wanted = kind_of(size) * step;
    if (!memory_ || wanted >= kinds * step || wanted > bytes - used_) return nullptr;
    void* block = memory_.get() + used_;
    used_ += wanted;
    return block;
  }
  [[nodiscard]] bool owns(const void* block) const {
    return reinterpret_cast<uintptr_t>(block) - reinterpret_cast<uintptr_t>(memory_.get()) < bytes;
  }
  // Whether a block that was taken as `size` bytes can hold `wanted`.
  [[nodiscard]] static bool holds(size_t size, size_t wanted) { return wanted <= kind_of(size) * step; }
  // `size`: no more than it was taken as. False: the block is none of these.
  [[nodiscard]] bool give_back(void* block, size_t size) {
    if (!owns(block)) return false;
    Free*& first = free_[kind_of(size)];
    first = new (block) Free{first};
    return true;
  }

 private:
  struct Free {
    Free* next;
  };
  struct Freed {
    void operator()(std::byte* memory) const { std::free(memory); }
  };
  static constexpr size_t step = 16, kinds = 17, bytes = 512 << 10;
  static size_t kind_of(size_t size) { return (size + step - 1) / step; }
  // Not cleared: pages that nobody uses cost nothing.
  std::unique_ptr<std::byte, Freed> memory_{static_cast<std::byte*>(std::malloc(bytes))};
  size_t used_ = 0;
  std::array<Free*, kinds> free_{};  // by kind: blocks of so many steps
};

}  // namespace muster
