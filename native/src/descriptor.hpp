// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "environment.hpp"
#include "fd.hpp"

// A descriptor that JavaScript owns. lib/descriptor.ts wraps what ToObject gives.
class Descriptor : public Handle {
 public:
  static constexpr napi_type_tag kTag = {0x5f0a83c6d1724be9, 0x83d6e51b0c9f2a47};
  static constexpr const char* kName = "descriptor";

  Descriptor(Napi::Env env, UniqueFd fd) : Handle(env), fd_(std::move(fd)) {}
  ~Descriptor() override { Close(); }

  // {handle, fd}
  static Napi::Object ToObject(Napi::Env env, UniqueFd fd);

 protected:
  void OnClose() override { fd_.Reset(); }

 private:
  UniqueFd fd_;
};
