// SPDX-License-Identifier: Apache-2.0
#include "loaded_object.hpp"

#include <unistd.h>

#include <cerrno>

#include "error.hpp"
#include "feature.hpp"
#include "kernel_log.hpp"

LoadedObject::LoadedObject(const std::string& path) : path_(path) {
  if (access(path.c_str(), R_OK))
    FailErrno("EBPF_OPEN", "open", errno, "cannot read the BPF object " + path);
  KernelLog log;
  object_ = bpf_object__open_file(path.c_str(), nullptr);
  if (object_) return;
  int error = errno;
  std::string line = LastLine(log.text());
  FailErrno("EBPF_OPEN", "bpf_object__open", error,
            path + " is not a usable BPF object" + (line.empty() ? "" : ": " + line));
}

bpf_program* LoadedObject::Program(const std::string& name) const {
  bpf_program* program = bpf_object__find_program_by_name(object_, name.c_str());
  if (!program) Fail("EINVALID_ARGUMENT", path_ + " has no program " + name);
  return program;
}

bpf_map* LoadedObject::Map(const std::string& name) const {
  bpf_map* map = bpf_object__find_map_by_name(object_, name.c_str());
  if (!map) Fail("EINVALID_ARGUMENT", path_ + " has no map " + name);
  return map;
}

bpf_map* LoadedObject::Section(const std::string& name) const {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_) {
    // libbpf prefixes the plain sections with the object's name: "sluice.rodata"
    if (bpf_map__is_internal(map) && std::string(bpf_map__name(map)).ends_with(name)) return map;
  }
  Fail("EINVALID_ARGUMENT", path_ + " has no section " + name);
}

void FailVerifier(const std::string& program, int error, std::string log) {
  VerifierLog verifier = ReadVerifierLog(program, std::move(log));
  std::string more = verifier.lines > 1 ? " (+" + std::to_string(verifier.lines - 1) + " lines in .log)" : "";
  throw Failure{.code = "EBPF_VERIFIER",
                .message = "program " + program + ": " + verifier.reason + more,
                .syscall = "bpf(BPF_PROG_LOAD)",
                .error = error,
                .log = verifier.log};
}

void FailLoad(const LoadedObject& object, int error, const std::string& printed) {
  if (error == EPERM) FailPrivilege("load " + object.path(), "bpf(BPF_PROG_LOAD)");
  FailIfUnsupported(object.get(), printed);
  VerifierLog verifier = FindVerifierLog(printed);
  if (!verifier.reason.empty()) FailVerifier(verifier.program, error, verifier.log);
  throw Failure{.code = "EBPF_OPEN",
                .message = "cannot load " + object.path() + ": " + LastLine(printed) + ": " + ErrnoText(error),
                .syscall = "bpf_object__load",
                .error = error,
                .log = printed};
}
