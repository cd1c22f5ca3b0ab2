// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

// AF_INET or AF_INET6 of 'ipv4' or 'ipv6'; throws EINVALID_ARGUMENT.
int FamilyArgument(const Napi::Value& value, const char* name);
const char* FamilyName(int family);

constexpr uint8_t AddressBits(int family) { return family == 2 /* AF_INET */ ? 32 : 128; }

// Network byte order. Empty when the text is no address of the family.
std::vector<uint8_t> ParseAddress(int family, const std::string& text);
std::string FormatAddress(int family, std::span<const uint8_t> bytes);

// "" when the calling thread's network namespace has no such interface (any more).
std::string InterfaceName(uint32_t index);
