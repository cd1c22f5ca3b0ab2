// SPDX-License-Identifier: Apache-2.0
#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <vector>

#include "argument.hpp"
#include "feature.hpp"
#include "program.hpp"

namespace {
struct Section {
  int shared_fd;     // the map of the first instance, which the instructions name
  std::vector<uint8_t> data;
  UniqueFd fd;
};

using Sections = std::map<std::string, Section>;

// [[section, offset, bytes], ...]
Sections ReadPatches(const LoadedObject& object, Napi::Array patches) {
  Sections sections;
  for (uint32_t i = 0; i < patches.Length(); i++) {
    Napi::Array patch = ArrayArgument(patches.Get(i), "patch");
    std::string name = StringArgument(patch.Get(0u), "section");
    bpf_map* map = object.Section(name);
    auto [place, added] = sections.try_emplace(name);
    if (added) {
      size_t size = 0;
      auto* data = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
      place->second.shared_fd = bpf_map__fd(map);
      place->second.data.assign(data, data + size);
    }
    auto& data = place->second.data;
    auto offset = size_t(IntegerArgument(patch.Get(1), "offset", 0, int64_t(data.size())));
    auto bytes = BytesArgument(patch.Get(2), "bytes");
    if (bytes.size() > data.size() - offset) Fail("EINVALID_ARGUMENT", "the knob lies outside its section");
    memcpy(&data[offset], bytes.data(), bytes.size());
  }
  return sections;
}

// Frozen, or the verifier does not take its values for constants.
UniqueFd CreateFrozen(const std::vector<uint8_t>& data) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", sizeof(uint32_t), uint32_t(data.size()), 1, &options));
  uint32_t zero = 0;
  if (!fd || bpf_map_update_elem(fd.Get(), &zero, data.data(), BPF_ANY) || bpf_map_freeze(fd.Get())) {
    if (errno == EPERM) FailPrivilege("create an instance", "bpf(BPF_MAP_CREATE)");
    FailErrno("EBPF_MAP", "bpf(BPF_MAP_CREATE)", errno, "cannot create an instance's constants");
  }
  return fd;
}

// libbpf keeps the relocated instructions: in them a map is its descriptor's number.
std::vector<bpf_insn> Relink(bpf_program* program, const Sections& sections) {
  const bpf_insn* first = bpf_program__insns(program);
  std::vector<bpf_insn> instructions(first, first + bpf_program__insn_cnt(program));
  for (size_t i = 0; i + 1 < instructions.size(); i++) {
    bpf_insn& load = instructions[i];
    if (load.code != (BPF_LD | BPF_DW | BPF_IMM)) continue;
    if (load.src_reg == BPF_PSEUDO_MAP_VALUE || load.src_reg == BPF_PSEUDO_MAP_FD)
      for (const auto& [name, section] : sections)
        if (load.imm == section.shared_fd) {
          load.imm = section.fd.Get();
          break;
        }
    i++;  // the second half holds the offset
  }
  return instructions;
}

UniqueFd LoadInstructions(const Program& original, const std::vector<bpf_insn>& instructions) {
  LIBBPF_OPTS(bpf_prog_load_opts, options,
              .expected_attach_type = bpf_program__expected_attach_type(original.source),
              .prog_flags = bpf_program__flags(original.source), .attach_btf_id = original.info.attach_btf_id);
  const char* license = original.info.gpl_compatible ? "GPL" : "";
  auto load = [&] {
    return bpf_prog_load(original.type(), original.name().c_str(), license, instructions.data(),
                         instructions.size(), &options);
  };
  UniqueFd fd(load());
  if (fd) return fd;
  if (errno == EPERM) FailPrivilege("create an instance of " + original.name(), "bpf(BPF_PROG_LOAD)");
  std::vector<char> log;
  int error = errno;
  for (size_t size = 64 * 1024; !fd && size <= 16 * 1024 * 1024; size *= 4) {
    log.assign(size, '\0');
    options.log_level = 1;
    options.log_buf = log.data();
    options.log_size = uint32_t(size);
    fd.Reset(load());
    error = fd ? 0 : errno;
    if (error != ENOSPC) break;
  }
  if (!fd) FailVerifier(original.name(), error, log.data());
  return fd;
}

// instanceOfProgram(program, patches). The constants' map needs no descriptor once the program is loaded.
Napi::Value CreateInstance(const Napi::CallbackInfo& info) {
  Program& original = UnwrapHandle<Program>(info[0], "program");
  Sections sections = ReadPatches(*original.object, ArrayArgument(info[1], "patches"));
  for (auto& [name, section] : sections) section.fd = CreateFrozen(section.data);
  UniqueFd fd = LoadInstructions(original, Relink(original.source, sections));
  return WrapHandle(info.Env(),
                    std::make_unique<Program>(info.Env(), std::move(fd), original.object, original.source));
}
}  // namespace

void RegisterInstance(Napi::Object exports) { Export<CreateInstance>(exports, "instanceOfProgram"); }
