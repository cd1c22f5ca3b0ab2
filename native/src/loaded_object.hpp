// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bpf/libbpf.h>
#include <napi.h>

#include <memory>
#include <string>

// A bpf_object with its maps and programs, shared by the handles that need its file descriptors: the instructions
// of a program name maps by descriptor numbers that are valid only while this lives.
class LoadedObject {
 public:
  explicit LoadedObject(const std::string& path);  // opens, does not load
  ~LoadedObject() { bpf_object__close(object_); }
  LoadedObject(const LoadedObject&) = delete;
  LoadedObject& operator=(const LoadedObject&) = delete;

  bpf_object* get() const { return object_; }
  const std::string& path() const { return path_; }
  bpf_program* Program(const std::string& name) const;  // throws EINVALID_ARGUMENT
  bpf_map* Map(const std::string& name) const;          // throws EINVALID_ARGUMENT
  bpf_map* Section(const std::string& name) const;      // the map that holds .rodata*, throws EINVALID_ARGUMENT

 private:
  std::string path_;
  bpf_object* object_ = nullptr;
};

// Throws the typed error of a failed load: EBPF_VERIFIER, EBPF_PERMISSION, EBPF_UNSUPPORTED or EBPF_OPEN.
[[noreturn]] void FailLoad(const LoadedObject& object, int error, const std::string& printed);
[[noreturn]] void FailVerifier(const std::string& program, int error, std::string log);
