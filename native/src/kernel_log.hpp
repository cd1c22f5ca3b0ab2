// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

// Collects what libbpf prints on this thread while it lives; without one, libbpf is silent.
class KernelLog {
 public:
  KernelLog();
  ~KernelLog();
  KernelLog(const KernelLog&) = delete;
  KernelLog& operator=(const KernelLog&) = delete;
  const std::string& text() const { return text_; }

  // libbpf has one print function for the process; it only writes to the thread's own log.
  static void Install();

 private:
  friend struct KernelLogSink;
  std::string text_;
  KernelLog* outer_;
};

struct VerifierLog {
  std::string program;  // empty: the text has no verifier log
  std::string log;
  std::string reason;   // the last line that says why
  size_t lines = 0;
};

// Finds the last program load log that libbpf printed.
VerifierLog FindVerifierLog(const std::string& text);
VerifierLog ReadVerifierLog(std::string program, std::string log);

// The last warning of libbpf, without its prefix; for failures without a verifier log.
std::string LastLine(const std::string& text);
