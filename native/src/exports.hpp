// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <napi.h>

// Each adds its functions to the addon's exports.
void RegisterObject(Napi::Object exports);
void RegisterProgram(Napi::Object exports);
void RegisterLink(Napi::Object exports);
void RegisterMap(Napi::Object exports);
void RegisterRingBuffer(Napi::Object exports);
void RegisterSeqpacket(Napi::Object exports);
void RegisterNetns(Napi::Object exports);
void RegisterDescriptor(Napi::Object exports);
void RegisterLock(Napi::Object exports);
void RegisterMount(Napi::Object exports);
