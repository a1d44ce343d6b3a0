// How the C library's allocator treats this program, which reads, answers and ends.
//
// Source: mallopt(3).
#pragma once

namespace muster {

// What is freed stays with the process and is used again: by default each large piece goes back to the kernel and its
// pages are made anew at the next, which took a tenth of the time of planning 10,000 steps. Called once, before there
// is a second thread.
void keep_freed_memory();

}  // namespace muster
