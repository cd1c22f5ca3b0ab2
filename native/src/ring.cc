// SPDX-License-Identifier: Apache-2.0
#include "ring.hpp"

#include <linux/bpf.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstring>

#include "error.hpp"
#include "program.hpp"

namespace {
// Records are aligned to 8 bytes and begin with a header of 8: length and two flags, then the page offset.
size_t RecordSize(uint32_t header) {
  uint32_t length = header & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
  return (length + BPF_RINGBUF_HDR_SZ + 7) & ~size_t{7};
}
}  // namespace

struct Ring::Span {
  uint64_t begin = 0, end = 0;  // positions in the ring
  uint32_t records = 0;         // without discarded ones
};

Ring::Ring(int map_fd, uint32_t size) : fd_(Duplicate(map_fd)), page_(size_t(sysconf(_SC_PAGESIZE))), size_(size) {
  void* consumer = mmap(nullptr, page_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.Get(), 0);
  if (consumer == MAP_FAILED) FailErrno("EBPF_MAP", "mmap", errno, "cannot map the ring buffer");
  void* producer = mmap(nullptr, page_ + 2 * size_, PROT_READ, MAP_SHARED, fd_.Get(), off_t(page_));
  if (producer == MAP_FAILED) {
    int error = errno;
    munmap(consumer, page_);
    FailErrno("EBPF_MAP", "mmap", error, "cannot map the ring buffer's data");
  }
  consumer_ = static_cast<uint64_t*>(consumer);
  producer_ = static_cast<const uint64_t*>(producer);
}

Ring::~Ring() {
  munmap(consumer_, page_);
  munmap(const_cast<uint64_t*>(producer_), page_ + 2 * size_);
}

Ring::Span Ring::Measure(uint32_t limit) const {
  const auto* data = reinterpret_cast<const uint8_t*>(producer_) + page_;
  Span span{.begin = __atomic_load_n(consumer_, __ATOMIC_RELAXED)};
  span.end = span.begin;
  uint64_t produced = __atomic_load_n(producer_, __ATOMIC_ACQUIRE);
  while (span.end < produced && span.records < limit) {
    const auto* header = reinterpret_cast<const uint32_t*>(data + (span.end & (size_ - 1)));
    uint32_t value = __atomic_load_n(header, __ATOMIC_ACQUIRE);
    if (value & BPF_RINGBUF_BUSY_BIT) break;  // reserved and not submitted yet: nothing after it either
    if (!(value & BPF_RINGBUF_DISCARD_BIT)) span.records++;
    span.end += RecordSize(value);
  }
  return span;
}

bool Ring::Take(napi_env env, uint32_t limit, napi_value* records, uint32_t* taken) {
  const auto* data = reinterpret_cast<const uint8_t*>(producer_) + page_;
  Span span = Measure(limit);
  *taken = span.records;
  size_t bytes = span.end - span.begin;
  napi_value buffer = nullptr;
  void* copy = nullptr;
  if (span.records) {
    if (napi_create_array_with_length(env, span.records, records) != napi_ok ||
        napi_create_arraybuffer(env, bytes, &copy, &buffer) != napi_ok)
      return false;
    // One copy of the whole stretch, headers too: each array starts behind its header.
    size_t start = span.begin & (size_ - 1);
    memcpy(copy, data + start, bytes);
  }
  uint32_t index = 0;
  for (size_t at = 0; span.records && at < bytes;) {
    uint32_t value = 0;
    memcpy(&value, static_cast<uint8_t*>(copy) + at, sizeof(value));
    if (!(value & BPF_RINGBUF_DISCARD_BIT)) {
      napi_handle_scope scope = nullptr;
      napi_value record = nullptr;
      napi_open_handle_scope(env, &scope);
      bool made = napi_create_typedarray(env, napi_uint8_array, value & ~BPF_RINGBUF_DISCARD_BIT, buffer,
                                         at + BPF_RINGBUF_HDR_SZ, &record) == napi_ok &&
                  napi_set_element(env, *records, index++, record) == napi_ok;
      napi_close_handle_scope(env, scope);
      if (!made) return false;
    }
    at += RecordSize(value);
  }
  __atomic_store_n(consumer_, span.end, __ATOMIC_RELEASE);
  return true;
}
