// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <linux/bpf.h>

#include <string>

#include "environment.hpp"
#include "fd.hpp"

// A descriptor of its own of one map, and what the kernel says about it.
class Map : public Handle {
 public:
  static constexpr const char* kName = "map";
  static constexpr napi_type_tag kTag = {0x6f1c29b54a7d4e02, 0x8d1f6c0ab3e25702};

  Map(Napi::Env env, UniqueFd descriptor);
  ~Map() override { Close(); }

  bool per_cpu() const;
  size_t value_bytes() const;  // what one lookup writes: per-CPU maps have a value for each possible CPU
  std::string name() const { return info.name; }

  UniqueFd fd;
  bpf_map_info info = {};

 protected:
  void OnClose() override { fd.Reset(); }
};

// EBPF_MAP, or EBPF_MAP_FULL: names the map.
[[noreturn]] void FailMap(const Map& map, const std::string& command, int error);

void RegisterMapBatch(Napi::Object exports);
