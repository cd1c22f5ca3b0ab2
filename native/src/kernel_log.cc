// SPDX-License-Identifier: Apache-2.0
#include "kernel_log.hpp"

#include <bpf/libbpf.h>

#include <cstdarg>
#include <cstdio>
#include <utility>
#include <vector>

namespace {
thread_local KernelLog* current = nullptr;

std::vector<std::string> SplitLines(const std::string& text) {
  std::vector<std::string> lines;
  size_t start = 0;
  while (start < text.size()) {
    size_t end = text.find('\n', start);
    if (end == std::string::npos) end = text.size();
    if (end > start) lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

// Statistics and state dumps that follow or surround the reason.
bool IsReason(const std::string& line) {
  return line.rfind("processed ", 0) != 0 && line.rfind("verification time", 0) != 0 &&
         line.rfind("stack depth", 0) != 0 && line.rfind("mark_precise", 0) != 0 &&
         line.rfind("max_states", 0) != 0;
}
}  // namespace

struct KernelLogSink {
  static int Print(libbpf_print_level level, const char* format, va_list arguments) {
    if (!current || level == LIBBPF_DEBUG) return 0;
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(nullptr, 0, format, again);
    va_end(again);
    if (size <= 0) return 0;
    size_t start = current->text_.size();
    current->text_.resize(start + size + 1);
    vsnprintf(current->text_.data() + start, size + 1, format, arguments);
    current->text_.pop_back();
    return size;
  }
};

void KernelLog::Install() { libbpf_set_print(KernelLogSink::Print); }

KernelLog::KernelLog() : outer_(std::exchange(current, this)) {}

KernelLog::~KernelLog() { current = outer_; }

VerifierLog ReadVerifierLog(std::string program, std::string log) {
  VerifierLog result{.program = std::move(program), .log = std::move(log)};
  auto lines = SplitLines(result.log);
  result.lines = lines.size();
  for (auto line = lines.rbegin(); line != lines.rend() && result.reason.empty(); ++line)
    if (IsReason(*line)) result.reason = *line;
  return result;
}

VerifierLog FindVerifierLog(const std::string& text) {
  static const std::string begin = "': -- BEGIN PROG LOAD LOG --\n", end = "-- END PROG LOAD LOG --";
  size_t mark = text.rfind(begin);
  if (mark == std::string::npos) return {};
  size_t name = text.rfind('\'', mark - 1) + 1;
  size_t start = mark + begin.size();
  size_t stop = text.find(end, start);
  return ReadVerifierLog(text.substr(name, mark - name), text.substr(start, stop - start));
}

std::string LastLine(const std::string& text) {
  auto lines = SplitLines(text);
  // "failed to load object" and "failed to load BPF skeleton" only repeat that something failed
  while (lines.size() > 1 && lines.back().find("failed to load") != std::string::npos &&
         lines.back().find("object") != std::string::npos)
    lines.pop_back();
  if (lines.empty()) return "";
  std::string line = lines.back();
  return line.rfind("libbpf: ", 0) == 0 ? line.substr(8) : line;
}
