// Where a connection's bytes go: a file, standard output, or nowhere.
//
// A file is written under a temporary name in its own directory (".NAME.netmem-PID-N") and gets its name when it is
// complete; destroying an Output that was not finished removes the temporary file. What is no regular file (a fifo,
// /dev/full) is written in place.
//
// Threads: one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "netmem/base/error.h"
#include "netmem/base/fd.h"

namespace netmem::tool {

class Output {
 public:
  static Result<Output> file(const std::string& path);
  static Result<Output> standard_output();

  Output(Output&& other) noexcept;
  Output& operator=(Output&& other) noexcept;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { discard(); }

  // All of it, or an error. A signal handler that ran meanwhile ends it when `stop` (may be null) says so.
  Result<void> write(std::span<const std::byte> bytes, bool (*stop)() = nullptr);
  // Gives the file its name.
  Result<void> finish();
  // For people.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Output(Fd fd, std::string name, std::string temporary)
      : fd_(std::move(fd)), name_(std::move(name)), temporary_(std::move(temporary)) {}
  void discard() noexcept;

  Fd fd_;
  std::string name_;
  std::string temporary_;  // empty: written in place
};

// What --output said, for any number of connections.
class OutputPlan {
 public:
  // "": nowhere. "-": standard output. An existing directory, or a name that ends in "/": STEM-N.bin in it. Else a
  // file. Refuses one file for several connections.
  static Result<OutputPlan> parse(const std::string& text, unsigned connections,
                                  const std::string& stem = "connection");

  [[nodiscard]] bool wanted() const { return kind_ != Kind::nowhere; }
  [[nodiscard]] bool is_standard_output() const { return kind_ == Kind::standard_output; }
  [[nodiscard]] bool is_directory() const { return kind_ == Kind::directory; }
  // Finds out now, before anybody connects, whether the first output can be written. Makes the directory.
  Result<void> prepare(unsigned first = 1);
  // REQUIRES: wanted().
  Result<Output> open(unsigned number);

 private:
  enum class Kind : std::uint8_t { nowhere, standard_output, file, directory };
  Result<Output> open_new(unsigned number);

  Kind kind_ = Kind::nowhere;
  std::string path_;
  std::string stem_;
  unsigned first_number_ = 1;
  std::optional<Output> first_;
};

}  // namespace netmem::tool
