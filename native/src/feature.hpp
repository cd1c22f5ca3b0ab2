// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <bpf/libbpf.h>

#include <string>

// EBPF_UNSUPPORTED: "<feature> is not supported by this kernel (Linux <since> and later)".
[[noreturn]] void FailUnsupported(const std::string& feature, const std::string& since);

// EBPF_PERMISSION: names the capabilities.
[[noreturn]] void FailPrivilege(const std::string& action, const std::string& syscall);

// After a failed load: throws EBPF_UNSUPPORTED when a program type, a map type, kernel BTF or a traced function of the
// object is what the kernel lacks.
void FailIfUnsupported(bpf_object* object, const std::string& printed);

std::string ProgramTypeName(bpf_prog_type type);
std::string MapTypeName(bpf_map_type type);
