#include "tools/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>
#include <utility>

namespace netmem::tool {
namespace {

const char* advice_for(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
      return "free some space or write elsewhere";
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
      return "choose a directory that you can write";
    case EMFILE:
      return "raise the open file limit (ulimit -n)";
    default:
      return "";
  }
}

std::unexpected<Error> failed_to_write(const std::string& name) {
  const int code = errno;
  return system_error("write " + name, advice_for(code), code);
}

// The file that a path means in the end, so that a link to it survives its renewal.
std::filesystem::path resolve(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  std::filesystem::path target = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? std::filesystem::path(path) : target;
}

}  // namespace

Result<Output> Output::file(const std::string& path) {
  const std::filesystem::path target = resolve(path);
  struct stat status{};
  if (::stat(target.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    Fd fd(::open(target.c_str(), O_WRONLY | O_CLOEXEC));
    if (!fd) return failed_to_write(path);
    return Output(std::move(fd), path, "");
  }
  if (!target.has_filename()) return refused("write " + path, "it names no file", "name a file or a directory");
  for (int attempt = 0;; ++attempt) {
    const auto name = fmt::format(".{}.netmem-{}-{}", target.filename().string(), ::getpid(), attempt);
    const std::string temporary = (target.parent_path() / name).string();
    Fd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
    if (!fd && errno == EEXIST && attempt < 100) continue;
    if (!fd) return failed_to_write(path);
    return Output(std::move(fd), target.string(), temporary);
  }
}

Result<Output> Output::standard_output() {
  Fd fd(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0));
  if (!fd) return failed_to_write("standard output");
  return Output(std::move(fd), "standard output", "");
}

Output::Output(Output&& other) noexcept
    : fd_(std::move(other.fd_)), name_(std::move(other.name_)), temporary_(std::exchange(other.temporary_, {})) {}

Output& Output::operator=(Output&& other) noexcept {
  if (this != &other) {
    discard();
    fd_ = std::move(other.fd_);
    name_ = std::move(other.name_);
    temporary_ = std::exchange(other.temporary_, {});
  }
  return *this;
}

Result<void> Output::write(std::span<const std::byte> bytes, bool (*stop)()) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd_.get(), bytes.data(), bytes.size());
    if (count >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    } else if (errno != EINTR || (stop != nullptr && stop())) {
      return failed_to_write(name_);
    }
  }
  return {};
}

Result<void> Output::finish() {
  // close() is where some file systems (NFS) tell that the disk is full.
  if (::close(fd_.release()) != 0) return failed_to_write(name_);
  if (temporary_.empty()) return {};
  if (::rename(temporary_.c_str(), name_.c_str()) != 0) return failed_to_write(name_);
  temporary_.clear();
  return {};
}

void Output::discard() noexcept {
  fd_.reset();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
}

Result<OutputPlan> OutputPlan::parse(const std::string& text, unsigned connections, const std::string& stem) {
  OutputPlan plan;
  plan.path_ = text;
  plan.stem_ = stem;
  std::error_code ignored;
  if (text.empty()) return plan;
  if (text == "-") {
    plan.kind_ = Kind::standard_output;
  } else if (text.back() == '/' || std::filesystem::is_directory(text, ignored)) {
    plan.kind_ = Kind::directory;
  } else {
    plan.kind_ = Kind::file;
  }
  if (connections > 1 && plan.kind_ != Kind::directory) {
    return refused(fmt::format("write {} connections to {}", connections, text == "-" ? "standard output" : text),
                   "they need a file each", "name a directory (end it with / to have it made)");
  }
  return plan;
}

Result<void> OutputPlan::prepare(unsigned first_number) {
  if (!wanted()) return {};
  if (kind_ == Kind::directory && ::mkdir(path_.c_str(), 0777) != 0 && errno != EEXIST) {
    const int code = errno;
    return system_error("make the directory " + path_, advice_for(code), code);
  }
  first_number_ = first_number;
  Result<Output> first = open_new(first_number);
  if (!first) return std::unexpected(first.error());
  first_.emplace(std::move(*first));
  return {};
}

Result<Output> OutputPlan::open(unsigned number) {
  if (number == first_number_ && first_) {
    Output output = std::move(*first_);
    first_.reset();
    return output;
  }
  return open_new(number);
}

Result<Output> OutputPlan::open_new(unsigned number) {
  if (kind_ == Kind::standard_output) return Output::standard_output();
  if (kind_ == Kind::file) return Output::file(path_);
  return Output::file((std::filesystem::path(path_) / fmt::format("{}-{}.bin", stem_, number)).string());
}

}  // namespace netmem::tool
