// SPDX-License-Identifier: Apache-2.0
#include "object.hpp"

#include <bpf/bpf.h>
#include <fcntl.h>

#include <cerrno>
#include <cstring>

#include "argument.hpp"
#include "btf.hpp"
#include "exports.hpp"
#include "feature.hpp"
#include "kernel_log.hpp"
#include "map.hpp"
#include "program.hpp"

UniqueFd Duplicate(int fd) {
  UniqueFd copy(fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy) FailErrno("EINTERNAL", "fcntl(F_DUPFD_CLOEXEC)", errno, "cannot duplicate a descriptor");
  return copy;
}

namespace {
void Check(int result, const std::string& what) {
  if (result < 0) FailErrno("EBPF_OPEN", "libbpf", -result, "cannot set " + what);
}

Napi::Value OpenObject(const Napi::CallbackInfo& info) {
  auto object = std::make_shared<LoadedObject>(StringArgument(info[0], "path"));
  return WrapHandle(info.Env(), std::make_unique<Object>(info.Env(), std::move(object)));
}

Napi::Object DescribeMap(Napi::Env env, const btf* types, const bpf_map* map) {
  Napi::Object entry = Napi::Object::New(env);
  entry.Set("name", bpf_map__name(map));
  entry.Set("type", MapTypeName(bpf_map__type(map)));
  entry.Set("keySize", bpf_map__key_size(map));
  entry.Set("valueSize", bpf_map__value_size(map));
  entry.Set("maxEntries", bpf_map__max_entries(map));
  entry.Set("flags", bpf_map__map_flags(map));
  entry.Set("internal", bpf_map__is_internal(map));
  if (!bpf_map__is_internal(map)) {
    entry.Set("keyType", DescribeType(env, types, bpf_map__btf_key_type_id(map)));
    entry.Set("valueType", DescribeType(env, types, bpf_map__btf_value_type_id(map)));
  }
  return entry;
}

// To be called before loading: libbpf forgets the types of some maps then.
Napi::Value DescribeObject(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  bpf_object* object = UnwrapHandle<Object>(info[0], "object").object->get();
  const btf* types = bpf_object__btf(object);
  Napi::Array maps = Napi::Array::New(env), programs = Napi::Array::New(env);
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) maps.Set(maps.Length(), DescribeMap(env, types, map));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", bpf_program__name(program));
    entry.Set("section", bpf_program__section_name(program));
    entry.Set("type", ProgramTypeName(bpf_program__type(program)));
    programs.Set(programs.Length(), entry);
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("maps", maps);
  result.Set("programs", programs);
  result.Set("types", DescribeTypes(env, types));
  result.Set("knobs", DescribeKnobs(env, types));
  return result;
}

// setKnob(object, section, offset, bytes)
Napi::Value SetKnob(const Napi::CallbackInfo& info) {
  bpf_map* map = UnwrapHandle<Object>(info[0], "object").object->Section(StringArgument(info[1], "section"));
  size_t size = 0;
  auto* data = static_cast<uint8_t*>(const_cast<void*>(bpf_map__initial_value(map, &size)));
  auto offset = static_cast<size_t>(IntegerArgument(info[2], "offset", 0, int64_t(size)));
  auto bytes = BytesArgument(info[3], "bytes");
  if (!data || bytes.size() > size - offset) Fail("EINVALID_ARGUMENT", "the knob lies outside its section");
  memcpy(data + offset, bytes.data(), bytes.size());
  return info.Env().Undefined();
}

// configureMap(object, name, 'maxEntries' | 'pin' | 'reuse', number | path | map)
Napi::Value ConfigureMap(const Napi::CallbackInfo& info) {
  std::string name = StringArgument(info[1], "map name");
  bpf_map* map = UnwrapHandle<Object>(info[0], "object").object->Map(name);
  std::string what = StringArgument(info[2], "setting");
  if (what == "maxEntries")
    Check(bpf_map__set_max_entries(map, uint32_t(IntegerArgument(info[3], "maxEntries", 1, UINT32_MAX))),
          "the size of map " + name);
  else if (what == "pin")
    Check(bpf_map__set_pin_path(map, StringArgument(info[3], "pin path").c_str()), "the pin path of map " + name);
  else if (what == "reuse")
    Check(bpf_map__reuse_fd(map, UnwrapHandle<Map>(info[3], "map").fd.Get()), "the reused map " + name);
  else
    FailArgument("'maxEntries', 'pin' or 'reuse'", "setting", info[2]);
  return info.Env().Undefined();
}

// loadObject(object, programs: string[] | undefined): undefined loads all
Napi::Value LoadObject(const Napi::CallbackInfo& info) {
  LoadedObject& object = *UnwrapHandle<Object>(info[0], "object").object;
  if (!info[1].IsUndefined()) {
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, object.get()) bpf_program__set_autoload(program, false);
    Napi::Array names = ArrayArgument(info[1], "programs");
    for (uint32_t i = 0; i < names.Length(); i++)
      bpf_program__set_autoload(object.Program(StringArgument(names.Get(i), "program name")), true);
  }
  KernelLog log;
  int result = bpf_object__load(object.get());
  if (result < 0) FailLoad(object, -result, log.text());
  return info.Env().Undefined();
}

Napi::Value ObjectProgram(const Napi::CallbackInfo& info) {
  const auto& object = UnwrapHandle<Object>(info[0], "object").object;
  bpf_program* program = object->Program(StringArgument(info[1], "program name"));
  if (bpf_program__fd(program) < 0)
    Fail("EINVALID_ARGUMENT", std::string("program ") + bpf_program__name(program) + " was not loaded");
  return WrapHandle(info.Env(), std::make_unique<Program>(info.Env(), Duplicate(bpf_program__fd(program)), object,
                                                          program));
}

Napi::Value ObjectMap(const Napi::CallbackInfo& info) {
  bpf_map* map = UnwrapHandle<Object>(info[0], "object").object->Map(StringArgument(info[1], "map name"));
  if (bpf_map__fd(map) < 0) Fail("EINVALID_ARGUMENT", std::string("map ") + bpf_map__name(map) + " is not loaded");
  return WrapHandle(info.Env(), std::make_unique<Map>(info.Env(), Duplicate(bpf_map__fd(map))));
}
}  // namespace

void RegisterObject(Napi::Object exports) {
  KernelLog::Install();
  Export<OpenObject>(exports, "openObject");
  Export<DescribeObject>(exports, "describeObject");
  Export<SetKnob>(exports, "setKnob");
  Export<ConfigureMap>(exports, "configureMap");
  Export<LoadObject>(exports, "loadObject");
  Export<ObjectProgram>(exports, "objectProgram");
  Export<ObjectMap>(exports, "objectMap");
  Export<CloseHandle<Object>>(exports, "closeObject");
}
