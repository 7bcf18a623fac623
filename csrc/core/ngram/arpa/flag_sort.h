// Sorts records in place, byte by byte from the first key on; few ones by comparing them.
//
// McIlroy, Bostic & McIlroy (1993), "Engineering radix sort": American flag sort.
#pragma once

#include <array>

#include "records.h"

namespace fastlm::ngram::arpa {

// By their words, then by their lines. The bytes of the words before `byte` are the same in all.
template <int kKeys>
void flag_sort(Record<kKeys>* begin, Record<kKeys>* end, int byte = 0) {
  constexpr ptrdiff_t kFew = 1024;
  if (end - begin <= kFew || byte == 4 * kKeys) {
    std::sort(begin, end, [](const Record<kKeys>& a, const Record<kKeys>& b) { return a.before(b); });
    return;
  }
  const auto bucket_of = [key = byte / 4, shift = 24 - byte % 4 * 8](const Record<kKeys>& record) {
    return uint8_t(record.key[key] >> shift);
  };
  std::array<Record<kKeys>*, 256> next;
  std::array<Record<kKeys>*, 257> bounds;
  std::array<size_t, 256> sizes{};
  for (const Record<kKeys>* record = begin; record != end; record++) sizes[bucket_of(*record)]++;
  bounds[0] = begin;
  for (int i = 0; i < 256; i++) next[i] = bounds[i], bounds[i + 1] = bounds[i] + sizes[i];
  for (int i = 0; i < 256; i++)
    while (next[i] != bounds[i + 1]) {  // a record goes where it belongs, the one that was there next
      Record<kKeys> record = *next[i];
      for (int to = bucket_of(record); to != i; to = bucket_of(record)) std::swap(record, *next[to]++);
      *next[i]++ = record;
    }
  for (int i = 0; i < 256; i++)
    if (sizes[i] > 1) flag_sort(bounds[i], bounds[i + 1], byte + 1);
}

}  // namespace fastlm::ngram::arpa
