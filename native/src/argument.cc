// SPDX-License-Identifier: Apache-2.0
#include "argument.hpp"

#include <cmath>
#include <cstring>
#include <limits>

#include "error.hpp"

namespace {
constexpr double kMaxSafeInteger = 9007199254740991.0;

const char* TypeName(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_undefined: return "undefined";
    case napi_null: return "null";
    case napi_boolean: return "boolean";
    case napi_number: return "number";
    case napi_string: return "string";
    case napi_symbol: return "symbol";
    case napi_function: return "function";
    case napi_bigint: return "bigint";
    default: return "object";
  }
}

// Never runs JavaScript of the caller: an object's toString is not asked.
std::string Shown(const Napi::Value& value) {
  switch (value.Type()) {
    case napi_string: {
      std::string text = value.As<Napi::String>().Utf8Value();
      return '\'' + (text.size() > 60 ? text.substr(0, 60) + "..." : text) + '\'';
    }
    case napi_number:
    case napi_boolean:
    case napi_bigint:
    case napi_undefined:
    case napi_null: return value.ToString().Utf8Value();
    case napi_symbol: return "a symbol";
    case napi_function: return "a function";
    default: return value.IsArray() ? "an array" : value.IsTypedArray() ? "a typed array" : "an object";
  }
}
}  // namespace

void FailArgument(const std::string& expected, const std::string& name, const Napi::Value& value) {
  Fail("EINVALID_ARGUMENT",
       "expected " + expected + " for " + name + " but received " + Shown(value) + " of type " + TypeName(value));
}

std::string StringArgument(const Napi::Value& value, const char* name) {
  if (!value.IsString()) FailArgument("a string", name, value);
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.empty() || text.find('\0') != std::string::npos)
    FailArgument("a non-empty string without NUL", name, value);
  return text;
}

int64_t IntegerArgument(const Napi::Value& value, const char* name, int64_t min, int64_t max) {
  double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(number) <= kMaxSafeInteger) || std::trunc(number) != number ||
      number < static_cast<double>(min) || number > static_cast<double>(max))
    FailArgument("an integer from " + std::to_string(min) + " to " + std::to_string(max), name, value);
  return static_cast<int64_t>(number);
}

bool BooleanArgument(const Napi::Value& value, const char* name) {
  if (!value.IsBoolean()) FailArgument("a boolean", name, value);
  return value.As<Napi::Boolean>().Value();
}

int FdArgument(const Napi::Value& value, const char* name) {
  return static_cast<int>(IntegerArgument(value, name, 0, std::numeric_limits<int>::max()));
}

Napi::Function FunctionArgument(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) FailArgument("a function", name, value);
  return value.As<Napi::Function>();
}

Napi::Object ObjectArgument(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || value.IsFunction() || value.IsArray()) FailArgument("an object", name, value);
  return value.As<Napi::Object>();
}

Napi::Array ArrayArgument(const Napi::Value& value, const char* name) {
  if (!value.IsArray()) FailArgument("an array", name, value);
  return value.As<Napi::Array>();
}

std::span<uint8_t> BytesArgument(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array)
    FailArgument("a Uint8Array", name, value);
  auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

std::span<uint8_t> BytesArgument(const Napi::Value& value, const char* name, size_t size) {
  auto bytes = BytesArgument(value, name);
  if (bytes.size() != size) FailArgument("a Uint8Array of " + std::to_string(size) + " bytes", name, value);
  return bytes;
}

Napi::Uint8Array NewBytes(Napi::Env env, const void* data, size_t size) {
  Napi::Uint8Array bytes = Napi::Uint8Array::New(env, size);
  if (size) memcpy(bytes.Data(), data, size);
  return bytes;
}
