// SPDX-License-Identifier: Apache-2.0
#include "link.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <cerrno>

#include "argument.hpp"
#include "exports.hpp"
#include "feature.hpp"
#include "program.hpp"

namespace {
[[noreturn]] void FailGone(const std::string& syscall) {
  throw Failure{.code = "EBPF_LINK_GONE",
                .message = "the link is attached to nothing: its cgroup or network namespace is gone, or it was detached",
                .syscall = syscall,
                .error = ENOLINK};
}

Napi::Value OpenPinnedLink(const Napi::CallbackInfo& info) {
  std::string path = StringArgument(info[0], "path");
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (!fd && errno == EPERM) FailPrivilege("open " + path, "bpf(BPF_OBJ_GET)");
  if (!fd) FailErrno("EBPF_ATTACH", "bpf(BPF_OBJ_GET)", errno, "cannot open the pinned link " + path);
  return WrapHandle(info.Env(), std::make_unique<Link>(info.Env(), std::move(fd)));
}

Napi::Value DescribeLink(const Napi::CallbackInfo& info) {
  Link& link = UnwrapHandle<Link>(info[0], "link");
  bpf_link_info state = {};
  uint32_t size = sizeof(state);
  const char* syscall = "bpf(BPF_OBJ_GET_INFO_BY_FD)";
  if (bpf_obj_get_info_by_fd(link.fd.Get(), &state, &size))
    FailErrno("EBPF_ATTACH", syscall, errno, "not a link");
  Napi::Object result = Napi::Object::New(info.Env());
  const char* type = libbpf_bpf_link_type_str(bpf_link_type(state.type));
  result.Set("id", state.id);
  result.Set("type", type ? type : "type " + std::to_string(state.type));
  result.Set("programId", state.prog_id);
  if (state.id == 0) FailGone(syscall);
  if (state.type == BPF_LINK_TYPE_CGROUP) {
    if (state.cgroup.cgroup_id == 0) FailGone(syscall);
    result.Set("cgroupId", Napi::BigInt::New(info.Env(), uint64_t(state.cgroup.cgroup_id)));
    result.Set("attachType", state.cgroup.attach_type);
  } else if (state.type == BPF_LINK_TYPE_NETNS) {
    if (state.netns.netns_ino == 0) FailGone(syscall);
    result.Set("netnsInode", state.netns.netns_ino);
    result.Set("attachType", state.netns.attach_type);
  } else if (state.type == BPF_LINK_TYPE_TRACING) {
    result.Set("attachType", state.tracing.attach_type);
  }
  return result;
}

Napi::Value PinLink(const Napi::CallbackInfo& info) {
  Link& link = UnwrapHandle<Link>(info[0], "link");
  std::string path = StringArgument(info[1], "path");
  if (bpf_obj_pin(link.fd.Get(), path.c_str()))
    FailErrno("EBPF_ATTACH", "bpf(BPF_OBJ_PIN)", errno, "cannot pin a link at " + path);
  return info.Env().Undefined();
}

Napi::Value UpdateLink(const Napi::CallbackInfo& info) {
  Link& link = UnwrapHandle<Link>(info[0], "link");
  Program& program = UnwrapHandle<Program>(info[1], "program");
  const char* syscall = "bpf(BPF_LINK_UPDATE)";
  if (!bpf_link_update(link.fd.Get(), program.fd.Get(), nullptr)) return info.Env().Undefined();
  if (errno == ENOLINK) FailGone(syscall);
  FailErrno("EBPF_ATTACH", syscall, errno, "cannot put program " + program.name() + " behind the link");
}

Napi::Value DetachLink(const Napi::CallbackInfo& info) {
  Link& link = UnwrapHandle<Link>(info[0], "link");
  if (bpf_link_detach(link.fd.Get()) && errno != ENOLINK) {
    if (errno == EOPNOTSUPP)
      Fail("EBPF_UNSUPPORTED", "a link of this type cannot be detached by force: close and unpin it");
    FailErrno("EBPF_ATTACH", "bpf(BPF_LINK_DETACH)", errno, "cannot detach the link");
  }
  return info.Env().Undefined();
}
}  // namespace

void RegisterLink(Napi::Object exports) {
  Export<OpenPinnedLink>(exports, "openPinnedLink");
  Export<DescribeLink>(exports, "describeLink");
  Export<PinLink>(exports, "pinLink");
  Export<UpdateLink>(exports, "updateLink");
  Export<DetachLink>(exports, "detachLink");
  Export<CloseHandle<Link>>(exports, "closeLink");
  RegisterAttach(exports);
}
