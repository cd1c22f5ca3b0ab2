// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <vector>

#include "program.hpp"

// What another load of a program needs, apart from any handle: Load() may run on any thread.
class Blueprint {
 public:
  struct Instance {
    UniqueFd fd;
    std::map<std::string, Constants> blank;
  };

  // `patches`: [[section, offset, bytes], ...]. Blank: those sections are to be filled in later.
  Blueprint(const Program& original, Napi::Array patches, bool blank = false);

  // The maps of constants that are written need no descriptor once the program is loaded. Throws Failure.
  Instance Load() const;
  std::unique_ptr<Program> Wrap(Napi::Env env, Instance instance) const;

 private:
  struct Section {
    int shared_fd;  // the map of the first instance, which the instructions name
    std::vector<uint8_t> data;
  };

  void Patch(Napi::Array patch);
  std::vector<bpf_insn> Relink(const std::map<int, UniqueFd>& constants) const;
  UniqueFd LoadInstructions(const std::vector<bpf_insn>& instructions) const;

  std::shared_ptr<LoadedObject> object_;
  bpf_program* source_;  // lives in object_, and is only read
  uint32_t attach_btf_id_;
  bool gpl_compatible_;
  bool blank_;
  std::map<std::string, Section> sections_;
};

// loadInstance(program, patches, blank, settle)
Napi::Value LoadInstance(const Napi::CallbackInfo& info);
