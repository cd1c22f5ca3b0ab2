// SPDX-License-Identifier: Apache-2.0
#include "feature.hpp"

#include <cerrno>
#include <iterator>

#include "error.hpp"
#include "kernel_log.hpp"

namespace {
struct Since {
  int type;
  const char* kernel;
};

constexpr Since kProgramTypes[] = {
    {BPF_PROG_TYPE_SOCK_OPS, "4.13"},       {BPF_PROG_TYPE_SK_MSG, "4.17"},
    {BPF_PROG_TYPE_CGROUP_SOCK_ADDR, "4.17"}, {BPF_PROG_TYPE_RAW_TRACEPOINT, "4.17"},
    {BPF_PROG_TYPE_CGROUP_SOCKOPT, "5.3"},  {BPF_PROG_TYPE_TRACING, "5.5"},
    {BPF_PROG_TYPE_SK_LOOKUP, "5.9"},       {BPF_PROG_TYPE_SYSCALL, "5.14"},
};

constexpr Since kMapTypes[] = {
    {BPF_MAP_TYPE_PERCPU_HASH, "4.6"}, {BPF_MAP_TYPE_PERCPU_ARRAY, "4.6"}, {BPF_MAP_TYPE_LRU_HASH, "4.10"},
    {BPF_MAP_TYPE_SOCKHASH, "4.18"},   {BPF_MAP_TYPE_SK_STORAGE, "5.2"},   {BPF_MAP_TYPE_RINGBUF, "5.8"},
};

template <size_t N>
const char* KernelOf(const Since (&table)[N], int type) {
  for (const Since& row : table)
    if (row.type == type) return row.kernel;
  return "newer";
}
}  // namespace

std::string ProgramTypeName(bpf_prog_type type) {
  const char* name = libbpf_bpf_prog_type_str(type);
  return name ? name : "type " + std::to_string(type);
}

std::string MapTypeName(bpf_map_type type) {
  const char* name = libbpf_bpf_map_type_str(type);
  return name ? name : "type " + std::to_string(type);
}

void FailUnsupported(const std::string& feature, const std::string& since) {
  throw Failure{.code = "EBPF_UNSUPPORTED",
                .message = feature + " is not supported by this kernel; needed: Linux " + since,
                .syscall = "bpf",
                .error = EOPNOTSUPP};
}

void FailPrivilege(const std::string& action, const std::string& syscall) {
  throw Failure{.code = "EBPF_PERMISSION",
                .message = "cannot " + action +
                           ": missing CAP_BPF, CAP_NET_ADMIN or CAP_PERFMON (or all of CAP_SYS_ADMIN)",
                .syscall = syscall,
                .error = EPERM};
}

void FailIfUnsupported(bpf_object* object, const std::string& printed) {
  if (printed.find("failed to find valid kernel BTF") != std::string::npos ||
      printed.find("Error loading vmlinux BTF") != std::string::npos)
    FailUnsupported("BTF of the kernel (/sys/kernel/btf/vmlinux)", "5.2 with CONFIG_DEBUG_INFO_BTF=y");
  if (printed.find("failed to find kernel BTF type ID") != std::string::npos)
    FailUnsupported("a traced function or tracepoint (" + LastLine(printed) + ")", "with that function in its BTF");
  KernelLog quiet;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_prog_type type = bpf_program__type(program);
    if (bpf_program__autoload(program) && libbpf_probe_bpf_prog_type(type, nullptr) == 0)
      FailUnsupported("program type " + ProgramTypeName(type) + " of " + bpf_program__name(program),
                      KernelOf(kProgramTypes, type));
  }
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    bpf_map_type type = bpf_map__type(map);
    if (libbpf_probe_bpf_map_type(type, nullptr) == 0)
      FailUnsupported("map type " + MapTypeName(type) + " of " + bpf_map__name(map), KernelOf(kMapTypes, type));
  }
}
