// What can be wrong with what comes from outside.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include "utf8.h"

namespace fastlm::ngram {

// A text that is not one: carries the file and the line.
struct TextError : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A file that is not an n-gram file of this version, or was truncated or altered.
struct FormatError : std::runtime_error {
  FormatError(const std::string& path, const std::string& what)  // a path need not be text
      : std::runtime_error(repair_utf8(path, InvalidUtf8::kReplace) + ": " + what) {}
};

// The system refused something about a file; errno says why.
struct FileError : std::system_error {
  explicit FileError(const std::string& path) : std::system_error(errno, std::generic_category(), path), path(path) {}
  std::string path;
};

}  // namespace fastlm::ngram
