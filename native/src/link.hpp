// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "environment.hpp"
#include "fd.hpp"

// Closing it detaches the program, unless the link is pinned or open elsewhere.
class Link : public Handle {
 public:
  static constexpr const char* kName = "link";
  static constexpr napi_type_tag kTag = {0x6f1c29b54a7d4e04, 0x8d1f6c0ab3e25704};

  Link(Napi::Env env, UniqueFd descriptor) : Handle(env), fd(std::move(descriptor)) {}
  ~Link() override { Close(); }

  UniqueFd fd;

 protected:
  void OnClose() override { fd.Reset(); }
};

void RegisterAttach(Napi::Object exports);
