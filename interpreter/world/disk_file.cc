#include "interpreter/world/disk_file.h"

namespace muster {

Result<uint64_t> copy_bytes(ReadFile& from, WriteFile& to, uint64_t offset, uint64_t size) {
  uint64_t copied = 0;
  auto* source = dynamic_cast<DiskSource*>(&from);
  auto* sink = dynamic_cast<DiskSink*>(&to);
  if (source && sink) copied = sink->copy_from(*source, offset, size);
  if (copied == size) return copied;
  // By ourselves, which also tells what is wrong with a disk.
  Result<std::string> rest = from.read_at(offset + copied, static_cast<size_t>(size - copied));
  if (!rest) return pass(rest.error());
  if (Result<void> written = to.write_at(offset + copied, *rest); !written) return pass(written.error());
  return copied + rest->size();
}

}  // namespace muster
