// SPDX-License-Identifier: Apache-2.0
#include "route.hpp"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <charconv>
#include <limits>

#include "address.hpp"
#include "argument.hpp"

namespace {
std::string ScopeText(uint8_t scope) {
  switch (scope) {
    case RT_SCOPE_UNIVERSE: return "global";
    case RT_SCOPE_LINK: return "link";
    case RT_SCOPE_HOST: return "host";
    case RT_SCOPE_SITE: return "site";
    case RT_SCOPE_NOWHERE: return "nowhere";
    default: return std::to_string(scope);
  }
}

std::optional<uint8_t> ScopeOf(const std::string& text) {
  for (uint8_t scope : {RT_SCOPE_UNIVERSE, RT_SCOPE_LINK, RT_SCOPE_HOST, RT_SCOPE_SITE, RT_SCOPE_NOWHERE})
    if (text == ScopeText(scope)) return scope;
  uint8_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "default", an address, or address/length
bool ReadDestination(const std::string& text, Route& route) {
  if (text == "default") return true;
  size_t slash = text.find('/');
  route.destination = ParseAddress(route.family, text.substr(0, slash));
  route.length = AddressBits(route.family);
  if (route.destination.empty()) return false;
  if (slash == std::string::npos) return true;
  auto [end, error] = std::from_chars(text.data() + slash + 1, text.data() + text.size(), route.length);
  return error == std::errc() && end == text.data() + text.size() &&
         route.length <= AddressBits(route.family);
}

std::string DestinationText(const Route& route) {
  if (route.length == 0) return "default";
  std::string text = FormatAddress(route.family, route.destination);
  return route.length == AddressBits(route.family) ? text : text + "/" + std::to_string(route.length);
}

std::string TypeText(uint8_t type) {
  return type == RTN_LOCAL ? "local" : type == RTN_UNICAST ? "unicast" : "other";
}
}  // namespace

std::string Route::Text() const {
  std::string text = TypeText(type) + " " + DestinationText(*this);
  if (!interface_name.empty()) text += " dev " + interface_name;
  if (!source.empty()) text += " src " + FormatAddress(family, source);
  text += " table " + std::to_string(table);
  return protocol ? text + " proto " + std::to_string(*protocol) : text;
}

Route ReadRoute(const NetlinkMessage& message) {
  auto body = message.Body<rtmsg>();
  Route route{.family = body.rtm_family,
              .table = body.rtm_table,
              .type = body.rtm_type,
              .destination = std::vector<uint8_t>(AddressBits(body.rtm_family) / 8),
              .length = body.rtm_dst_len,
              .protocol = body.rtm_protocol,
              .scope = body.rtm_scope};
  for (const NetlinkAttribute& attribute : message.Attributes(sizeof body)) {
    if (attribute.type == RTA_TABLE) route.table = attribute.As<uint32_t>().value_or(route.table);
    if (attribute.type == RTA_OIF) route.interface_index = attribute.As<uint32_t>().value_or(0);
    if (attribute.type == RTA_DST) route.destination.assign(attribute.data.begin(), attribute.data.end());
    if (attribute.type == RTA_PREFSRC) route.source.assign(attribute.data.begin(), attribute.data.end());
  }
  return route;
}

Route RouteArgument(const Napi::Value& value, const char* name) {
  Napi::Object object = ObjectArgument(value, name);
  Route route{.family = FamilyArgument(object.Get("family"), "route.family")};
  route.table = static_cast<uint32_t>(
      IntegerArgument(object.Get("table"), "route.table", 1, std::numeric_limits<uint32_t>::max()));
  Napi::Value type = object.Get("type");
  std::string type_text = StringArgument(type, "route.type");
  if (type_text != "local" && type_text != "unicast")
    FailArgument("'local' or 'unicast'", "route.type", type);
  route.type = type_text == "local" ? RTN_LOCAL : RTN_UNICAST;
  if (!ReadDestination(StringArgument(object.Get("destination"), "route.destination"), route))
    FailArgument("'default' or a prefix of its family", "route.destination", object.Get("destination"));
  if (Napi::Value source = object.Get("source"); !source.IsUndefined()) {
    route.source = ParseAddress(route.family, StringArgument(source, "route.source"));
    if (route.source.empty()) FailArgument("an address of its family", "route.source", source);
  }
  if (Napi::Value interface = object.Get("interfaceName"); !interface.IsUndefined())
    route.interface_name = StringArgument(interface, "route.interfaceName");
  if (Napi::Value protocol = object.Get("protocol"); !protocol.IsUndefined())
    route.protocol = static_cast<uint8_t>(IntegerArgument(protocol, "route.protocol", 0, 255));
  if (Napi::Value scope = object.Get("scope"); !scope.IsUndefined()) {
    route.scope = ScopeOf(StringArgument(scope, "route.scope"));
    if (!route.scope) FailArgument("the name of a scope", "route.scope", scope);
  }
  return route;
}

Napi::Object RouteObject(Napi::Env env, const Route& route) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("family", FamilyName(route.family));
  object.Set("table", Napi::Number::New(env, route.table));
  object.Set("type", TypeText(route.type));
  object.Set("destination", DestinationText(route));
  if (!route.source.empty()) object.Set("source", FormatAddress(route.family, route.source));
  if (!route.interface_name.empty()) object.Set("interfaceName", route.interface_name);
  if (route.protocol) object.Set("protocol", Napi::Number::New(env, *route.protocol));
  if (route.scope) object.Set("scope", ScopeText(*route.scope));
  return object;
}
