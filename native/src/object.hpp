// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <utility>

#include "environment.hpp"
#include "loaded_object.hpp"

class Object : public Handle {
 public:
  static constexpr const char* kName = "BPF object";
  static constexpr napi_type_tag kTag = {0x6f1c29b54a7d4e01, 0x8d1f6c0ab3e25701};

  Object(Napi::Env env, std::shared_ptr<LoadedObject> opened) : Handle(env), object(std::move(opened)) {}
  ~Object() override { Close(); }

  std::shared_ptr<LoadedObject> object;

 protected:
  void OnClose() override { object.reset(); }
};
