// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "argument.hpp"
#include "map.hpp"

namespace {
constexpr uint32_t kBatch = 1024;

bool Unsupported(int error) { return error == 524 || error == EOPNOTSUPP || error == EINVAL; }

struct Entries {
  std::vector<uint8_t> keys, values;
  size_t count = 0;
};

// A walk by BPF_MAP_GET_NEXT_KEY, for maps without batches. When the current key is deleted meanwhile a hash starts
// again from its first key: keys that were seen are not listed twice, and an endless walk is an error.
std::vector<uint8_t> WalkKeys(Map& map) {
  size_t size = map.info.key_size;
  std::vector<uint8_t> keys, current(size), next(size);
  std::unordered_set<std::string> seen;
  size_t steps = 4 * size_t(map.info.max_entries) + 64;
  const void* from = nullptr;
  for (;;) {
    if (bpf_map_get_next_key(map.fd.Get(), from, next.data())) {
      if (errno == ENOENT) return keys;
      FailMap(map, "BPF_MAP_GET_NEXT_KEY", errno);
    }
    if (steps-- == 0) FailMap(map, "BPF_MAP_GET_NEXT_KEY", EAGAIN);
    if (seen.emplace(reinterpret_cast<char*>(next.data()), size).second)
      keys.insert(keys.end(), next.begin(), next.end());
    current.swap(next);
    from = current.data();
  }
}

Entries WalkEntries(Map& map) {
  Entries entries;
  size_t size = map.info.key_size;
  std::vector<uint8_t> keys = WalkKeys(map), value(map.value_bytes());
  for (size_t at = 0; at < keys.size(); at += size) {
    if (bpf_map_lookup_elem(map.fd.Get(), &keys[at], value.data())) {
      if (errno == ENOENT) continue;
      FailMap(map, "BPF_MAP_LOOKUP_ELEM", errno);
    }
    entries.keys.insert(entries.keys.end(), keys.begin() + at, keys.begin() + at + size);
    entries.values.insert(entries.values.end(), value.begin(), value.end());
    entries.count++;
  }
  return entries;
}

// False: batches do not work here. A hash is read bucket by bucket, so deletions neither repeat nor hide keys.
bool ReadBatches(Map& map, Entries& entries) {
  size_t key_size = map.info.key_size, value_size = map.value_bytes();
  // The position is a bucket number or a key.
  std::vector<uint8_t> position(std::max<size_t>(key_size, 8)), next(position.size());
  uint32_t batch = std::max(1u, std::min(kBatch, map.info.max_entries));
  bool first = true;
  for (;;) {
    entries.keys.resize((entries.count + batch) * key_size);
    entries.values.resize((entries.count + batch) * value_size);
    uint32_t count = batch;
    int result = bpf_map_lookup_batch(map.fd.Get(), first ? nullptr : position.data(), next.data(),
                                      &entries.keys[entries.count * key_size],
                                      &entries.values[entries.count * value_size], &count, nullptr);
    int error = result ? errno : 0;
    if (error == ENOSPC) {  // a bucket holds more than a batch
      batch *= 2;
      continue;
    }
    if (error && error != ENOENT) {
      if (error == EINTR || (first && Unsupported(error))) return false;  // EINTR: too much was deleted meanwhile
      FailMap(map, "BPF_MAP_LOOKUP_BATCH", error);
    }
    entries.count += count;
    if (error == ENOENT) break;
    position.swap(next);
    first = false;
  }
  entries.keys.resize(entries.count * key_size);
  entries.values.resize(entries.count * value_size);
  return true;
}

// keysOfMap(map) -> all keys, one after another
Napi::Value Keys(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  Entries entries;
  if (!ReadBatches(map, entries)) entries.keys = WalkKeys(map);
  return NewBytes(info.Env(), entries.keys.data(), entries.keys.size());
}

// entriesOfMap(map) -> [keys, values], each one after another
Napi::Value ListEntries(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  Entries entries;
  if (!ReadBatches(map, entries)) entries = WalkEntries(map);
  Napi::Array result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, NewBytes(info.Env(), entries.keys.data(), entries.keys.size()));
  result.Set(1u, NewBytes(info.Env(), entries.values.data(), entries.values.size()));
  return result;
}

uint32_t DeleteOneByOne(Map& map, const uint8_t* keys, uint32_t total) {
  uint32_t deleted = 0;
  for (uint32_t i = 0; i < total; i++) {
    if (!bpf_map_delete_elem(map.fd.Get(), keys + size_t(i) * map.info.key_size))
      deleted++;
    else if (errno != ENOENT)
      FailMap(map, "BPF_MAP_DELETE_ELEM", errno);
  }
  return deleted;
}

// deleteMapKeys(map, keys) -> how many were there. The kernel stops at a missing key: it is skipped.
Napi::Value DeleteBatch(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto keys = BytesArgument(info[1], "keys");
  size_t size = map.info.key_size;
  if (size == 0 || keys.size() % size) FailArgument("whole keys", "keys", info[1]);
  auto total = uint32_t(keys.size() / size);
  uint32_t at = 0, deleted = 0;
  while (at < total) {
    uint32_t count = total - at;
    int error = bpf_map_delete_batch(map.fd.Get(), &keys[at * size], &count, nullptr) ? errno : 0;
    if (Unsupported(error)) {
      deleted += DeleteOneByOne(map, &keys[at * size], total - at);
      break;
    }
    if (error && error != ENOENT) FailMap(map, "BPF_MAP_DELETE_BATCH", error);
    deleted += count;
    at += count + (error == ENOENT ? 1 : 0);
  }
  return Napi::Number::New(info.Env(), deleted);
}

// updateMapKeys(map, keys, values)
Napi::Value UpdateBatch(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto keys = BytesArgument(info[1], "keys");
  size_t key_size = map.info.key_size, value_size = map.value_bytes();
  if (key_size == 0 || keys.size() % key_size) FailArgument("whole keys", "keys", info[1]);
  auto total = uint32_t(keys.size() / key_size);
  auto values = BytesArgument(info[2], "values", total * value_size);
  if (total == 0) return info.Env().Undefined();
  uint32_t count = total;
  int error = bpf_map_update_batch(map.fd.Get(), keys.data(), values.data(), &count, nullptr) ? errno : 0;
  if (error && !Unsupported(error)) FailMap(map, "BPF_MAP_UPDATE_BATCH", error);
  for (uint32_t i = 0; error && i < total; i++)
    if (bpf_map_update_elem(map.fd.Get(), &keys[i * key_size], &values[i * value_size], BPF_ANY))
      FailMap(map, "BPF_MAP_UPDATE_ELEM", errno);
  return info.Env().Undefined();
}
}  // namespace

void RegisterMapBatch(Napi::Object exports) {
  Export<Keys>(exports, "keysOfMap");
  Export<ListEntries>(exports, "entriesOfMap");
  Export<DeleteBatch>(exports, "deleteMapKeys");
  Export<UpdateBatch>(exports, "updateMapKeys");
}
