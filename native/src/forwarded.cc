// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <sstream>

#include "netns_operation.hpp"

namespace {
// Two lines begin with "Ip:": the names of the counters, and their values.
double ForwardedIpv4() {
  std::ifstream file("/proc/thread-self/net/snmp");
  std::string names, values;
  while (std::getline(file, names) && !names.starts_with("Ip:")) continue;
  std::getline(file, values);
  std::istringstream name(names), value(values);
  for (std::string what, count; name >> what && value >> count;)
    if (what == "ForwDatagrams") return std::stod(count);
  return 0;
}

// A line for each counter.
double ForwardedIpv6() {
  std::ifstream file("/proc/thread-self/net/snmp6");
  for (std::string what, count; file >> what >> count;)
    if (what == "Ip6OutForwDatagrams") return std::stod(count);
  return 0;
}

class CountForwarded : public NetnsOperation {
 public:
  std::string Describe() const override { return "forwarded"; }
  void Perform(NetnsSession&) override {
    ipv4_ = ForwardedIpv4();
    ipv6_ = ForwardedIpv6();
  }
  Napi::Value Result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("ipv4", ipv4_);
    object.Set("ipv6", ipv6_);
    return object;
  }

 private:
  double ipv4_ = 0;
  double ipv6_ = 0;
};
}  // namespace

OperationPointer ParseForwarded(const std::string& op, const Napi::Object&) {
  return op == "forwarded" ? std::make_unique<CountForwarded>() : nullptr;
}
