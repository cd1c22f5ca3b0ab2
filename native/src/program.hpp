// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <linux/bpf.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "environment.hpp"
#include "fd.hpp"
#include "loaded_object.hpp"

// A map of constants that are still to be written.
struct Constants {
  UniqueFd map;
  std::vector<uint8_t> data;
};

// A descriptor of its own of one loaded program; a program of an object also keeps the object's state, from which
// further instances are made.
class Program : public Handle {
 public:
  static constexpr const char* kName = "program";
  static constexpr napi_type_tag kTag = {0x6f1c29b54a7d4e03, 0x8d1f6c0ab3e25703};

  Program(Napi::Env env, UniqueFd descriptor, std::shared_ptr<LoadedObject> object, bpf_program* source);
  ~Program() override { Close(); }

  std::string name() const { return bpf_program__name(source); }
  bpf_prog_type type() const { return bpf_program__type(source); }

  UniqueFd fd;
  std::shared_ptr<LoadedObject> object;
  bpf_program* source;  // lives in object
  bpf_prog_info info = {};
  std::map<std::string, Constants> blank;  // by section

 protected:
  void OnClose() override;
};

UniqueFd Duplicate(int fd);

void RegisterInstance(Napi::Object exports);
