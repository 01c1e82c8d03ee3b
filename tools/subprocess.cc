#include "tools/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <utility>

#include "netmem/base/fd.h"

namespace netmem::tool {
namespace {

using Clock = std::chrono::steady_clock;

struct Ends {
  Fd ours;
  Fd theirs;
};

// A socket where one would expect a pipe: a program that does not read its input must not end this one with SIGPIPE.
// Never one of the three standard descriptors, which the program's are copied over.
Result<Ends> make_ends(const std::string& program) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) return system_error("run " + program);
  const Fd first(pair[0]);
  const Fd second(pair[1]);
  Ends ends{Fd(::fcntl(first.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1)),
            Fd(::fcntl(second.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1))};
  if (!ends.ours || !ends.theirs) return system_error("run " + program, "raise the open file limit (ulimit -n)");
  ::fcntl(ends.ours.get(), F_SETFL, O_NONBLOCK);
  return ends;
}

std::vector<std::string> environment() {
  std::vector<std::string> all{"LC_ALL=C"};
  for (char** entry = ::environ; entry != nullptr && *entry != nullptr; ++entry)
    if (!std::string_view(*entry).starts_with("LC_ALL=")) all.emplace_back(*entry);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  all.reserve(texts.size() + 1);
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Its SIGPIPE is as if nobody had ever changed it.
Result<pid_t> spawn(std::vector<std::string> command, const std::array<const Fd*, 3>& standard) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (std::size_t fd = 0; fd < standard.size(); ++fd)
    posix_spawn_file_actions_adddup2(&actions, standard[fd]->get(), static_cast<int>(fd));
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  posix_spawnattr_setsigdefault(&attributes, &pipe_only);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  auto variables = environment();
  pid_t pid = 0;
  const int code = ::posix_spawnp(&pid, command.front().c_str(), &actions, &attributes, pointers(command).data(),
                                  pointers(variables).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (code != 0) return system_error("run " + command.front(), "", code);
  return pid;
}

// Everything that can be read now; false when there will be no more.
bool read_some(const Fd& fd, std::string& into) {
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count > 0) {
      into.append(buffer.data(), static_cast<std::size_t>(count));
    } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
      return false;
    } else if (errno == EAGAIN) {
      return true;
    }
  }
}

// As much as fits now; false when there is nothing left to do: all is written, or nobody reads.
bool write_some(const Fd& fd, std::string_view& input) {
  while (!input.empty()) {
    const ssize_t count = ::send(fd.get(), input.data(), input.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      input.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  return false;
}

// Feeds and reads until both outputs have ended or the time is over.
void converse(Fd& in, Fd& out, Fd& err, std::string_view input, Finished& finished, Clock::time_point deadline) {
  while (out || err) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return;
    std::array<pollfd, 3> waits{{{in.get(), POLLOUT, 0}, {out.get(), POLLIN, 0}, {err.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), static_cast<int>(std::min<long>(left, 1000))) <= 0) continue;
    if (waits[0].revents != 0 && !write_some(in, input)) in.reset();
    if (waits[1].revents != 0 && !read_some(out, finished.out)) out.reset();
    if (waits[2].revents != 0 && !read_some(err, finished.err)) err.reset();
  }
}

// A program may have closed its outputs and go on: it is killed when its time is over.
Result<int> wait_for(pid_t pid, const std::string& program, Clock::time_point deadline) {
  int status = 0;
  for (;;) {
    const bool late = Clock::now() >= deadline;
    if (late) ::kill(pid, SIGKILL);
    const pid_t ended = ::waitpid(pid, &status, late ? 0 : WNOHANG);
    if (ended == pid) break;
    if (ended < 0 && errno != EINTR) return system_error("wait for " + program);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<Finished> run_program(const std::vector<std::string>& command, std::string_view input,
                             std::chrono::milliseconds limit) {
  const std::string& program = command.front();
  std::array<Ends, 3> streams;
  for (Ends& ends : streams) {
    auto made = make_ends(program);
    if (!made) return std::unexpected(made.error());
    ends = std::move(*made);
  }
  auto& [in, out, err] = streams;
  const auto deadline = Clock::now() + limit;
  const auto pid = spawn(command, {&in.theirs, &out.theirs, &err.theirs});
  if (!pid) return std::unexpected(pid.error());
  for (Ends& ends : streams) ends.theirs.reset();
  Finished finished;
  converse(in.ours, out.ours, err.ours, input, finished, deadline);
  const auto status = wait_for(*pid, program, deadline);
  if (Clock::now() >= deadline)
    return std::unexpected(
        Error{"run " + program, fmt::format("it was not done after {} ms", limit.count()), "", ETIMEDOUT});
  if (!status) return std::unexpected(status.error());
  finished.status = *status;
  return finished;
}

}  // namespace netmem::tool
