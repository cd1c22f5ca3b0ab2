// SPDX-License-Identifier: Apache-2.0
#include "exports.hpp"

void RegisterRingBuffer(Napi::Object) {}
