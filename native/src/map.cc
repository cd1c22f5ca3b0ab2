// SPDX-License-Identifier: Apache-2.0
#include "map.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <cerrno>
#include <vector>

#include "argument.hpp"
#include "btf.hpp"
#include "exports.hpp"
#include "feature.hpp"
#include "kernel_log.hpp"

Map::Map(Napi::Env env, UniqueFd descriptor) : Handle(env), fd(std::move(descriptor)) {
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.Get(), &info, &size)) {
    int error = errno;
    Close();
    FailErrno("EBPF_MAP", "bpf(BPF_OBJ_GET_INFO_BY_FD)", error, "not a map");
  }
}

bool Map::per_cpu() const {
  return info.type == BPF_MAP_TYPE_PERCPU_HASH || info.type == BPF_MAP_TYPE_PERCPU_ARRAY ||
         info.type == BPF_MAP_TYPE_LRU_PERCPU_HASH || info.type == BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE;
}

size_t Map::value_bytes() const {
  if (!per_cpu()) return info.value_size;
  return size_t(libbpf_num_possible_cpus()) * ((info.value_size + 7) & ~7u);
}

void FailMap(const Map& map, const std::string& command, int error) {
  std::string syscall = "bpf(" + command + ")";
  bool array = map.info.type == BPF_MAP_TYPE_ARRAY || map.info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
  if (error == E2BIG && !array)
    throw Failure{.code = "EBPF_MAP_FULL",
                  .message = "map " + map.name() + " is full (" + std::to_string(map.info.max_entries) +
                             " entries): delete some, or load it with a larger maxEntries",
                  .syscall = syscall,
                  .error = error};
  if (error == E2BIG)
    FailErrno("EBPF_MAP", syscall, error,
              "the index is not below the " + std::to_string(map.info.max_entries) + " elements of " + map.name());
  if (error == 524 || error == EOPNOTSUPP)  // 524: ENOTSUPP, internal to the kernel but seen here
    throw Failure{.code = "EBPF_UNSUPPORTED",
                  .message = "map " + map.name() + " (" + MapTypeName(bpf_map_type(map.info.type)) +
                             ") does not support " + command,
                  .syscall = syscall,
                  .error = error};
  FailErrno("EBPF_MAP", syscall, error, command + " of map " + map.name() + " failed");
}

namespace {
Napi::Value OpenPinnedMap(const Napi::CallbackInfo& info) {
  std::string path = StringArgument(info[0], "path");
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd && errno == EPERM) FailPrivilege("open " + path, "bpf(BPF_OBJ_GET)");
  if (!fd) FailErrno("EBPF_MAP", "bpf(BPF_OBJ_GET)", errno, "cannot open the pinned map " + path);
  return WrapHandle(info.Env(), std::make_unique<Map>(info.Env(), std::move(fd)));
}

// {id, name, type, keySize, valueSize, maxEntries, flags, perCpu, valueBytes}; with BTF also keyType and valueType
Napi::Value DescribeMap(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("id", map.info.id);
  result.Set("name", map.name());
  result.Set("type", MapTypeName(bpf_map_type(map.info.type)));
  result.Set("keySize", map.info.key_size);
  result.Set("valueSize", map.info.value_size);
  result.Set("maxEntries", map.info.max_entries);
  result.Set("flags", map.info.map_flags);
  result.Set("perCpu", map.per_cpu());
  result.Set("valueBytes", double(map.value_bytes()));
  if (!map.info.btf_id) return result;
  KernelLog quiet;
  UniqueBtf types(btf__load_from_kernel_by_id(map.info.btf_id));
  result.Set("keyType", DescribeType(info.Env(), types.get(), map.info.btf_key_type_id));
  result.Set("valueType", DescribeType(info.Env(), types.get(), map.info.btf_value_type_id));
  return result;
}

Napi::Value Lookup(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto key = BytesArgument(info[1], "key", map.info.key_size);
  Napi::Uint8Array value = Napi::Uint8Array::New(info.Env(), map.value_bytes());
  if (!bpf_map_lookup_elem(map.fd.Get(), key.data(), value.Data())) return value;
  if (errno != ENOENT) FailMap(map, "BPF_MAP_LOOKUP_ELEM", errno);
  return info.Env().Undefined();
}

// updateMap(map, key, value, flags: 0 any, 1 noexist, 2 exist)
Napi::Value Update(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto key = BytesArgument(info[1], "key", map.info.key_size);
  auto value = BytesArgument(info[2], "value", map.value_bytes());
  auto flags = uint64_t(IntegerArgument(info[3], "flags", 0, BPF_EXIST));
  if (bpf_map_update_elem(map.fd.Get(), key.data(), value.data(), flags)) FailMap(map, "BPF_MAP_UPDATE_ELEM", errno);
  return info.Env().Undefined();
}

// updateMapFd(map, key, fd, flags): a socket map takes a descriptor, as 4 or 8 bytes, where it gives out a cookie.
Napi::Value UpdateFd(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto key = BytesArgument(info[1], "key", map.info.key_size);
  uint64_t fd = uint64_t(FdArgument(info[2], "fd"));
  if (map.info.value_size != 4 && map.info.value_size != 8)
    Fail("EINVALID_ARGUMENT", "the values of map " + map.name() + " are not descriptors");
  auto flags = uint64_t(IntegerArgument(info[3], "flags", 0, BPF_EXIST));
  if (bpf_map_update_elem(map.fd.Get(), key.data(), &fd, flags)) FailMap(map, "BPF_MAP_UPDATE_ELEM", errno);
  return info.Env().Undefined();
}

Napi::Value Delete(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  auto key = BytesArgument(info[1], "key", map.info.key_size);
  int result = bpf_map_delete_elem(map.fd.Get(), key.data());
  // socket maps answer EINVAL (before 5.13 also for other reasons) for a key that is not there
  bool socket_map = map.info.type == BPF_MAP_TYPE_SOCKMAP;
  if (result && errno != ENOENT && !(socket_map && errno == EINVAL)) FailMap(map, "BPF_MAP_DELETE_ELEM", errno);
  return Napi::Boolean::New(info.Env(), result == 0);
}

Napi::Value Pin(const Napi::CallbackInfo& info) {
  Map& map = UnwrapHandle<Map>(info[0], "map");
  std::string path = StringArgument(info[1], "path");
  if (bpf_obj_pin(map.fd.Get(), path.c_str()))
    FailErrno("EBPF_MAP", "bpf(BPF_OBJ_PIN)", errno, "cannot pin map " + map.name() + " at " + path);
  return info.Env().Undefined();
}
}  // namespace

void RegisterMap(Napi::Object exports) {
  Export<OpenPinnedMap>(exports, "openPinnedMap");
  Export<DescribeMap>(exports, "describeMap");
  Export<Lookup>(exports, "lookupMap");
  Export<Update>(exports, "updateMap");
  Export<UpdateFd>(exports, "updateMapFd");
  Export<Delete>(exports, "deleteMapKey");
  Export<Pin>(exports, "pinMap");
  Export<CloseHandle<Map>>(exports, "closeMap");
  RegisterMapBatch(exports);
}
