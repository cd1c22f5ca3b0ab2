// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bpf/btf.h>
#include <napi.h>

#include <memory>

struct BtfFree {
  void operator()(btf* types) const { btf__free(types); }
};
using UniqueBtf = std::unique_ptr<btf, BtfFree>;

// A LayoutType (native/lib/layout.ts) of the type; undefined for id 0.
Napi::Value DescribeType(Napi::Env env, const btf* types, uint32_t id);

// Every named struct and enum, by name.
Napi::Object DescribeTypes(Napi::Env env, const btf* types);

// [{section, name, offset, size, type}]: the `const volatile` variables of the .rodata sections.
Napi::Array DescribeKnobs(Napi::Env env, const btf* types);
