// SPDX-License-Identifier: Apache-2.0
#include "exports.hpp"

void RegisterSeqpacket(Napi::Object) {}
void RegisterNetns(Napi::Object) {}
void RegisterLock(Napi::Object) {}
void RegisterMount(Napi::Object) {}
