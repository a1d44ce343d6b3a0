// gzip and zstd, as layers.
//
// Errors: `corrupt` for damaged, cut or trailing bytes; `refused` for an input that grows beyond all measure (a bomb).
// Source: RFC 1952; RFC 8878; docs/reliability.md B63.
#pragma once

#include <memory>
#include <string>

#include "steps/archive/byte_sink.h"

namespace muster {

enum class Compression { none, gzip, zstd };

// `.gz`, `.zst` or nothing.
[[nodiscard]] std::string_view suffix_of(Compression compression);
[[nodiscard]] std::unique_ptr<ByteSink> compress_into(Compression compression, ByteSink& next);
[[nodiscard]] std::unique_ptr<ByteSink> decompress_into(Compression compression, ByteSink& next);

}  // namespace muster
