#include "tools/source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "netmem/base/fd.h"
#include "tools/random_source.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

class FileSource final : public Source {
 public:
  FileSource(Fd fd, std::string name, std::optional<std::uint64_t> total)
      : fd_(std::move(fd)), name_(std::move(name)), total_(total) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    while (true) {
      if (!total_ && !wait()) return refused("read " + name_, "interrupted");
      const ssize_t count = ::read(fd_.get(), out.data(), out.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR && errno != EAGAIN) return system_error("read " + name_);
    }
  }
  [[nodiscard]] std::optional<std::uint64_t> total() const override { return total_; }

 private:
  // A pipe or terminal may keep us waiting: false when the user has had enough of it.
  [[nodiscard]] bool wait() const {
    std::array<pollfd, 2> wait = {pollfd{fd_.get(), POLLIN, 0}, pollfd{StopSignal::fd(), POLLIN, 0}};
    ::poll(wait.data(), wait.size(), -1);
    return wait[1].revents == 0;
  }

  Fd fd_;
  std::string name_;
  std::optional<std::uint64_t> total_;
};

class SeededSource final : public Source {
 public:
  SeededSource(std::uint64_t bytes, std::uint64_t seed) : total_(bytes), left_(bytes), random_(seed) {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), left_));
    random_.fill(out.first(count));
    left_ -= count;
    return count;
  }
  [[nodiscard]] std::optional<std::uint64_t> total() const override { return total_; }

 private:
  std::uint64_t total_;
  std::uint64_t left_;
  RandomSource random_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_source(const std::string& path, bool shared) {
  const bool standard = path == "-";
  const std::string name = standard ? "standard input" : path;
  Fd fd(standard ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return system_error("read " + name, errno == EMFILE ? "raise the open file limit (ulimit -n)" : "check --input");
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return system_error("read " + name);
  if (S_ISDIR(status.st_mode)) return system_error("read " + name, "name a file", EISDIR);
  // Files of /proc and /sys say 0 and have more: only a size that is there is believed.
  const bool sized = S_ISREG(status.st_mode) && !standard && status.st_size > 0;
  if (shared && !S_ISREG(status.st_mode)) {
    return refused("send " + name + " on several connections", "it can be read only once", "use --connections 1");
  }
  std::optional<std::uint64_t> total;
  if (sized) total = static_cast<std::uint64_t>(status.st_size);
  return std::make_unique<FileSource>(std::move(fd), name, total);
}

std::unique_ptr<Source> random_source(std::uint64_t bytes, std::uint64_t seed) {
  return std::make_unique<SeededSource>(bytes, seed);
}

}  // namespace netmem::tool
