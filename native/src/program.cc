// SPDX-License-Identifier: Apache-2.0
#include "exports.hpp"

void RegisterProgram(Napi::Object) {}
