// SPDX-License-Identifier: Apache-2.0
#include "instance.hpp"

#include <bpf/bpf.h>

#include <cerrno>
#include <cstring>

#include "argument.hpp"
#include "feature.hpp"

namespace {
[[noreturn]] void FailConstants(const char* syscall) {
  if (errno == EPERM) FailPrivilege("create an instance", syscall);
  FailErrno("EBPF_MAP", syscall, errno, "cannot create an instance's constants");
}

UniqueFd CreateConstants(size_t size) {
  LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
  UniqueFd fd(bpf_map_create(BPF_MAP_TYPE_ARRAY, "rodata", sizeof(uint32_t), uint32_t(size), 1, &options));
  if (!fd) FailConstants("bpf(BPF_MAP_CREATE)");
  return fd;
}

// Only what is frozen when a program is loaded is a constant to the verifier. Later it still keeps values as they are.
void Freeze(const UniqueFd& map, const std::vector<uint8_t>& data) {
  uint32_t zero = 0;
  if (bpf_map_update_elem(map.Get(), &zero, data.data(), BPF_ANY)) FailConstants("bpf(BPF_MAP_UPDATE_ELEM)");
  if (bpf_map_freeze(map.Get())) FailConstants("bpf(BPF_MAP_FREEZE)");
}

void Write(std::vector<uint8_t>& data, Napi::Array patch) {
  auto offset = size_t(IntegerArgument(patch.Get(1), "offset", 0, int64_t(data.size())));
  auto bytes = BytesArgument(patch.Get(2), "bytes");
  if (bytes.size() > data.size() - offset) Fail("EINVALID_ARGUMENT", "the knob lies outside its section");
  memcpy(&data[offset], bytes.data(), bytes.size());
}
}  // namespace

Blueprint::Blueprint(const Program& original, Napi::Array patches, bool blank)
    : object_(original.object),
      source_(original.source),
      attach_btf_id_(original.info.attach_btf_id),
      gpl_compatible_(original.info.gpl_compatible),
      blank_(blank) {
  for (uint32_t i = 0; i < patches.Length(); i++) Patch(ArrayArgument(patches.Get(i), "patch"));
}

void Blueprint::Patch(Napi::Array patch) {
  std::string name = StringArgument(patch.Get(0u), "section");
  bpf_map* map = object_->Section(name);
  auto [place, added] = sections_.try_emplace(name);
  auto& [shared_fd, data] = place->second;
  if (added) {
    size_t size = 0;
    auto* initial = static_cast<const uint8_t*>(bpf_map__initial_value(map, &size));
    shared_fd = bpf_map__fd(map);
    data.assign(initial, initial + size);
  }
  Write(data, patch);
}

Blueprint::Instance Blueprint::Load() const {
  std::map<int, UniqueFd> constants;
  for (const auto& [name, section] : sections_) {
    auto [place, added] = constants.emplace(section.shared_fd, CreateConstants(section.data.size()));
    if (!blank_) Freeze(place->second, section.data);
  }
  Instance instance{LoadInstructions(Relink(constants)), {}};
  if (!blank_) return instance;
  for (const auto& [name, section] : sections_)
    instance.blank[name] = {std::move(constants[section.shared_fd]), section.data};
  return instance;
}

std::unique_ptr<Program> Blueprint::Wrap(Napi::Env env, Instance instance) const {
  auto program = std::make_unique<Program>(env, std::move(instance.fd), object_, source_);
  program->blank = std::move(instance.blank);
  return program;
}

// libbpf keeps the relocated instructions: in them a map is its descriptor's number.
std::vector<bpf_insn> Blueprint::Relink(const std::map<int, UniqueFd>& constants) const {
  const bpf_insn* first = bpf_program__insns(source_);
  std::vector<bpf_insn> instructions(first, first + bpf_program__insn_cnt(source_));
  for (size_t i = 0; i + 1 < instructions.size(); i++) {
    bpf_insn& load = instructions[i];
    if (load.code != (BPF_LD | BPF_DW | BPF_IMM)) continue;
    if (load.src_reg == BPF_PSEUDO_MAP_VALUE || load.src_reg == BPF_PSEUDO_MAP_FD)
      if (auto found = constants.find(load.imm); found != constants.end()) load.imm = found->second.Get();
    i++;  // the second half holds the offset
  }
  return instructions;
}

UniqueFd Blueprint::LoadInstructions(const std::vector<bpf_insn>& instructions) const {
  LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = bpf_program__expected_attach_type(source_),
              .prog_flags = bpf_program__flags(source_), .attach_btf_id = attach_btf_id_);
  std::string name = bpf_program__name(source_);
  auto load = [&] {
    return bpf_prog_load(bpf_program__type(source_), name.c_str(), gpl_compatible_ ? "GPL" : "", instructions.data(),
                         instructions.size(), &options);
  };
  UniqueFd fd(load());
  if (fd) return fd;
  if (errno == EPERM) FailPrivilege("create an instance of " + name, "bpf(BPF_PROG_LOAD)");
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
  if (!fd) FailVerifier(name, error, log.data());
  return fd;
}

namespace {
// instanceOfProgram(program, patches)
Napi::Value CreateInstance(const Napi::CallbackInfo& info) {
  Blueprint blueprint(UnwrapHandle<Program>(info[0], "program"), ArrayArgument(info[1], "patches"));
  return WrapHandle(info.Env(), blueprint.Wrap(info.Env(), blueprint.Load()));
}

// fillInstance(program, patches): once, all of its sections.
Napi::Value FillInstance(const Napi::CallbackInfo& info) {
  Program& program = UnwrapHandle<Program>(info[0], "program");
  Napi::Array patches = ArrayArgument(info[1], "patches");
  for (uint32_t i = 0; i < patches.Length(); i++) {
    Napi::Array patch = ArrayArgument(patches.Get(i), "patch");
    auto section = program.blank.find(StringArgument(patch.Get(0u), "section"));
    if (section == program.blank.end()) Fail("EINVALID_ARGUMENT", "the knob was not left blank");
    Write(section->second.data, patch);
  }
  for (const auto& [name, constants] : program.blank) Freeze(constants.map, constants.data);
  program.blank.clear();
  return info.Env().Undefined();
}
}  // namespace

void RegisterInstance(Napi::Object exports) {
  Export<CreateInstance>(exports, "instanceOfProgram");
  Export<FillInstance>(exports, "fillInstance");
  Export<LoadInstance>(exports, "loadInstance");
}
