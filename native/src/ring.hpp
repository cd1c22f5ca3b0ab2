// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <cstddef>
#include <cstdint>

#include "fd.hpp"

// The consumer's end of a BPF ring buffer: mapped memory, and a descriptor that becomes readable.
class Ring {
 public:
  Ring(int map_fd, uint32_t size);  // throws EBPF_MAP
  ~Ring();
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  int fd() const { return fd_.Get(); }

  // Takes at most `limit` records out: an array of Uint8Array over one new ArrayBuffer. `taken` is their number;
  // false: JavaScript could not make the array, and the records stay in the ring.
  bool Take(napi_env env, uint32_t limit, napi_value* records, uint32_t* taken);

 private:
  struct Span;
  Span Measure(uint32_t limit) const;

  UniqueFd fd_;
  size_t page_;
  size_t size_;
  uint64_t* consumer_ = nullptr;        // one page, written by us
  const uint64_t* producer_ = nullptr;  // one page, then the data, mapped twice in a row so that no record wraps
};
