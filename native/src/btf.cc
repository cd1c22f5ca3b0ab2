// SPDX-License-Identifier: Apache-2.0
#include "btf.hpp"

#include <cstring>
#include <string>

namespace {
const char* Name(const btf* types, const btf_type* type) {
  const char* name = btf__name_by_offset(types, type->name_off);
  return name ? name : "";
}

// Strips typedefs and qualifiers.
const btf_type* Resolve(const btf* types, uint32_t id) {
  const btf_type* type = btf__type_by_id(types, id);
  while (type && (btf_is_mod(type) || btf_is_typedef(type))) type = btf__type_by_id(types, type->type);
  return type;
}

Napi::Object Integer(Napi::Env env, const char* name, uint32_t size, bool is_signed) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", "int");
  result.Set("name", name);
  result.Set("size", size);
  result.Set("signed", is_signed);
  return result;
}

Napi::Object Sequence(Napi::Env env, uint32_t length, Napi::Value element) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", "array");
  result.Set("length", length);
  result.Set("element", element);
  return result;
}

// Unions, floats and the like: bytes.
Napi::Object Opaque(Napi::Env env, uint32_t size) {
  return Sequence(env, size, Integer(env, "unsigned char", 1, false));
}

Napi::Object DescribeEnum(Napi::Env env, const btf* types, const btf_type* type) {
  Napi::Object values = Napi::Object::New(env);
  for (uint32_t i = 0; i < btf_vlen(type); i++) {
    if (btf_is_enum64(type)) {
      const auto* entry = btf_enum64(type) + i;
      uint64_t bits = btf_enum64_value(entry);
      double value = btf_kflag(type) ? double(int64_t(bits)) : double(bits);
      values.Set(btf__name_by_offset(types, entry->name_off), value);
    } else {
      const auto* entry = btf_enum(type) + i;
      // Before clang 15 the sign flag is missing: a value above INT_MAX then reads as negative, as in C.
      values.Set(btf__name_by_offset(types, entry->name_off), double(entry->val));
    }
  }
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", "enum");
  result.Set("name", Name(types, type));
  result.Set("size", type->size);
  result.Set("values", values);
  return result;
}

// Members of anonymous structs belong to the outer one, as in C. Bit fields have no layout here: left out.
void AddMembers(Napi::Env env, const btf* types, const btf_type* type, uint32_t base, Napi::Array members) {
  for (uint32_t i = 0; i < btf_vlen(type); i++) {
    const btf_member* member = btf_members(type) + i;
    if (btf_member_bitfield_size(type, i)) continue;
    uint32_t offset = base + btf_member_bit_offset(type, i) / 8;
    const char* name = btf__name_by_offset(types, member->name_off);
    const btf_type* inner = Resolve(types, member->type);
    if (!*name && inner && btf_is_struct(inner)) {
      AddMembers(env, types, inner, offset, members);
      continue;
    }
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", *name ? std::string(name) : "union@" + std::to_string(offset));
    entry.Set("offset", offset);
    entry.Set("type", DescribeType(env, types, member->type));
    members.Set(members.Length(), entry);
  }
}

bool IsChar(const btf* types, const btf_type* type) {
  return type && btf_is_int(type) && type->size == 1 && !strcmp(Name(types, type), "char");
}

bool IsVolatile(const btf* types, uint32_t id) {
  for (const btf_type* type = btf__type_by_id(types, id); type && (btf_is_mod(type) || btf_is_typedef(type));
       type = btf__type_by_id(types, type->type))
    if (btf_is_volatile(type)) return true;
  return false;
}
}  // namespace

Napi::Value DescribeType(Napi::Env env, const btf* types, uint32_t id) {
  if (!types || id == 0) return env.Undefined();
  const btf_type* type = Resolve(types, id);
  if (!type) return env.Undefined();
  switch (btf_kind(type)) {
    case BTF_KIND_INT:
      if (type->size > 8) return Opaque(env, type->size);
      return Integer(env, Name(types, type), type->size, btf_int_encoding(type) & BTF_INT_SIGNED);
    case BTF_KIND_PTR: return Integer(env, "pointer", 8, false);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64: return DescribeEnum(env, types, type);
    case BTF_KIND_ARRAY: {
      const auto* array = btf_array(type);
      if (!IsChar(types, Resolve(types, array->type)))
        return Sequence(env, array->nelems, DescribeType(env, types, array->type));
      Napi::Object result = Napi::Object::New(env);
      result.Set("kind", "char-array");
      result.Set("length", array->nelems);
      return result;
    }
    case BTF_KIND_STRUCT: {
      Napi::Array members = Napi::Array::New(env);
      AddMembers(env, types, type, 0, members);
      Napi::Object result = Napi::Object::New(env);
      result.Set("kind", "struct");
      result.Set("name", Name(types, type));
      result.Set("size", type->size);
      result.Set("members", members);
      return result;
    }
    default: {
      int64_t size = btf__resolve_size(types, id);
      return size > 0 ? Opaque(env, uint32_t(size)) : env.Undefined();
    }
  }
}

Napi::Object DescribeTypes(Napi::Env env, const btf* types) {
  Napi::Object result = Napi::Object::New(env);
  for (uint32_t id = 1; types && id < btf__type_cnt(types); id++) {
    const btf_type* type = btf__type_by_id(types, id);
    if ((btf_is_struct(type) || btf_is_any_enum(type)) && *Name(types, type))
      result.Set(Name(types, type), DescribeType(env, types, id));
  }
  return result;
}

Napi::Array DescribeKnobs(Napi::Env env, const btf* types) {
  Napi::Array knobs = Napi::Array::New(env);
  for (uint32_t id = 1; types && id < btf__type_cnt(types); id++) {
    const btf_type* section = btf__type_by_id(types, id);
    if (!btf_is_datasec(section) || strncmp(Name(types, section), ".rodata", 7)) continue;
    for (uint32_t i = 0; i < btf_vlen(section); i++) {
      const btf_var_secinfo* place = btf_var_secinfos(section) + i;
      const btf_type* variable = btf__type_by_id(types, place->type);
      if (!IsVolatile(types, variable->type)) continue;
      Napi::Object knob = Napi::Object::New(env);
      knob.Set("section", Name(types, section));
      knob.Set("name", Name(types, variable));
      knob.Set("offset", place->offset);
      knob.Set("size", place->size);
      knob.Set("type", DescribeType(env, types, variable->type));
      knobs.Set(knobs.Length(), knob);
    }
  }
  return knobs;
}
