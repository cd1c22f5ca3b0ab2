// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "argument.hpp"
#include "feature.hpp"
#include "link.hpp"
#include "program.hpp"

namespace {
Napi::Value NewLink(Napi::Env env, UniqueFd fd) {
  return WrapHandle(env, std::make_unique<Link>(env, std::move(fd)));
}

std::string ProgramLabel(uint32_t id) {
  UniqueFd fd(bpf_prog_get_fd_by_id(id));
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  if (!fd || bpf_obj_get_info_by_fd(fd.Get(), &info, &size)) return "with id " + std::to_string(id);
  return std::string(info.name[0] ? info.name : "without a name") + " (id " + std::to_string(id) + ")";
}

// A program attached without BPF_F_ALLOW_MULTI, on the cgroup or above it, forbids links below: "" if there is none.
std::string FindExclusive(std::string path, bpf_attach_type type) {
  for (;;) {
    UniqueFd cgroup(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    struct statfs fs = {};
    if (!cgroup || fstatfs(cgroup.Get(), &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) return "";
    std::vector<uint32_t> ids(64);
    uint32_t flags = 0, count = uint32_t(ids.size());
    if (!bpf_prog_query(cgroup.Get(), type, 0, &flags, ids.data(), &count) && count > 0 &&
        !(flags & BPF_F_ALLOW_MULTI))
      return "program " + ProgramLabel(ids[0]) + " on " + path;
    size_t slash = path.find_last_of('/');
    if (slash == std::string::npos || slash == 0) return "";
    path.resize(slash);
  }
}

// attachCgroup(program, path): links imply BPF_F_ALLOW_MULTI
Napi::Value AttachCgroup(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  std::string path = StringArgument(info[1], "cgroup path");
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  UniqueFd cgroup(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!cgroup) FailErrno("EBPF_ATTACH", "open", errno, "cannot open the cgroup " + path);
  struct statfs fs = {};
  if (fstatfs(cgroup.Get(), &fs) || fs.f_type != CGROUP2_SUPER_MAGIC)
    Fail("EBPF_ATTACH", path + " is not a cgroup of the unified hierarchy (cgroup v2)");
  bpf_attach_type type = bpf_program__expected_attach_type(program.source);
  UniqueFd link(bpf_link_create(program.fd.Get(), cgroup.Get(), type, nullptr));
  if (link) return NewLink(info.Env(), std::move(link));
  int error = errno;
  std::string exclusive = error == EPERM ? FindExclusive(path, type) : "";
  if (!exclusive.empty())
    FailErrno("EBPF_ATTACH", "bpf(BPF_LINK_CREATE)", error,
              "cannot attach " + program.name() + " to " + path + " while " + exclusive +
                  " is attached without BPF_F_ALLOW_MULTI");
  if (error == EPERM) FailPrivilege("attach " + program.name() + " to " + path, "bpf(BPF_LINK_CREATE)");
  FailErrno("EBPF_ATTACH", "bpf(BPF_LINK_CREATE)", error,
            "cannot attach " + program.name() + " (" + bpf_program__section_name(program.source) + ") to " + path);
}

// attachNetns(program, netns fd)
Napi::Value AttachNetns(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  int netns = FdArgument(info[1], "netns fd");
  UniqueFd link(bpf_link_create(program.fd.Get(), netns, bpf_program__expected_attach_type(program.source), nullptr));
  if (link) return NewLink(info.Env(), std::move(link));
  if (errno == EPERM) FailPrivilege("attach " + program.name() + " to a network namespace", "bpf(BPF_LINK_CREATE)");
  FailErrno("EBPF_ATTACH", "bpf(BPF_LINK_CREATE)", errno,
            "cannot attach " + program.name() + " to network namespace descriptor " + std::to_string(netns));
}

uint64_t TracepointId(const std::string& name) {
  for (const char* root : {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"}) {
    std::ifstream file(std::string(root) + "/events/" + name + "/id");
    uint64_t id = 0;
    if (file >> id) return id;
  }
  Fail("EBPF_ATTACH", "cannot find the tracepoint " + name + ": is tracefs mounted at /sys/kernel/tracing?");
}

// The link holds the event: its descriptor can be closed.
UniqueFd AttachTracepoint(Program& program, const std::string& name) {
  perf_event_attr event = {};
  event.type = PERF_TYPE_TRACEPOINT;
  event.size = sizeof(event);
  event.config = TracepointId(name);
  UniqueFd perf(int(syscall(SYS_perf_event_open, &event, -1, 0, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!perf) FailErrno("EBPF_ATTACH", "perf_event_open", errno, "cannot open the tracepoint " + name);
  UniqueFd link(bpf_link_create(program.fd.Get(), perf.Get(), BPF_PERF_EVENT, nullptr));
  if (!link) FailErrno("EBPF_ATTACH", "bpf(BPF_LINK_CREATE)", errno, "cannot attach to the tracepoint " + name);
  return link;
}

std::string AfterSlash(const std::string& section) {
  size_t slash = section.find('/');
  return slash == std::string::npos ? "" : section.substr(slash + 1);
}

// attachTracing(program): where its section says
Napi::Value AttachTracing(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  std::string section = bpf_program__section_name(program.source), target = AfterSlash(section);
  UniqueFd link;
  switch (program.type()) {
    case BPF_PROG_TYPE_TRACEPOINT: link = AttachTracepoint(program, target); break;
    case BPF_PROG_TYPE_RAW_TRACEPOINT:
    case BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE:
      link.Reset(bpf_raw_tracepoint_open(target.c_str(), program.fd.Get()));
      break;
    case BPF_PROG_TYPE_TRACING:
    case BPF_PROG_TYPE_LSM: link.Reset(bpf_raw_tracepoint_open(nullptr, program.fd.Get())); break;
    default: Fail("EBPF_ATTACH", "program " + program.name() + " (" + section + ") is not a tracing program");
  }
  if (link) return NewLink(info.Env(), std::move(link));
  if (errno == EPERM) FailPrivilege("attach " + program.name(), "bpf(BPF_RAW_TRACEPOINT_OPEN)");
  FailErrno("EBPF_ATTACH", "bpf(BPF_RAW_TRACEPOINT_OPEN)", errno,
            "cannot attach " + program.name() + " (" + section + ")");
}
}  // namespace

void RegisterAttach(Napi::Object exports) {
  Export<AttachCgroup>(exports, "attachCgroup");
  Export<AttachNetns>(exports, "attachNetns");
  Export<AttachTracing>(exports, "attachTracing");
}
