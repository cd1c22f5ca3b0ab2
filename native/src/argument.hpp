// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

// Each throws EINVALID_ARGUMENT, "expected X for NAME but received ACTUAL of type T".
[[noreturn]] void FailArgument(const std::string& expected, const std::string& name, const Napi::Value& value);

std::string StringArgument(const Napi::Value& value, const char* name);  // refuses an empty one and a NUL
int64_t IntegerArgument(const Napi::Value& value, const char* name, int64_t min, int64_t max);
bool BooleanArgument(const Napi::Value& value, const char* name);
int FdArgument(const Napi::Value& value, const char* name);
Napi::Function FunctionArgument(const Napi::Value& value, const char* name);
Napi::Object ObjectArgument(const Napi::Value& value, const char* name);
Napi::Array ArrayArgument(const Napi::Value& value, const char* name);

// The memory of a Uint8Array, valid until control returns to JavaScript.
std::span<uint8_t> BytesArgument(const Napi::Value& value, const char* name);
std::span<uint8_t> BytesArgument(const Napi::Value& value, const char* name, size_t size);

Napi::Uint8Array NewBytes(Napi::Env env, const void* data, size_t size);
