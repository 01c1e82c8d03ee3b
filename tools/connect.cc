#include "tools/connect.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <vector>

#include "netmem/base/deadline.h"
#include "netmem/base/units.h"
#include "netmem/ports/stream/address.h"
#include "tools/signals.h"

namespace netmem::tool {
namespace {

const char* advice_for(int code) {
  switch (code) {
    case ECONNREFUSED:
      return "start the receiver first (netmem recv --listen ADDR:PORT)";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
      return "check the address, the route to it and the firewalls on the way";
    case EMFILE:
      return "raise the open file limit (ulimit -n)";
    default:
      return "";
  }
}

constexpr int kNoAnswer = -1;

// The outcome of a connect() that is under way: 0, an errno or kNoAnswer.
int wait_for_connect(int socket, std::chrono::milliseconds timeout) {
  std::array<pollfd, 2> wait = {pollfd{socket, POLLOUT, 0}, pollfd{StopSignal::fd(), POLLIN, 0}};
  const Deadline deadline(timeout.count() == 0 ? -1 : static_cast<int>(timeout.count()));
  int ready = 0;
  while ((ready = ::poll(wait.data(), wait.size(), deadline.left_ms())) < 0)
    if (errno != EINTR) return errno;
  if (ready == 0) return kNoAnswer;
  if (wait[0].revents == 0) return EINTR;
  int code = 0;
  socklen_t size = sizeof code;
  ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &size);
  return code;
}

Result<Connected> try_address(const SocketAddress& address, std::chrono::milliseconds timeout) {
  Connected made;
  made.peer = format_address(address);
  const std::string attempted = "connect to " + made.peer;
  made.socket = Fd(::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!made.socket) return system_error(attempted, advice_for(errno));
  int code = ::connect(made.socket.get(), address.get(), address.size) == 0 ? 0 : errno;
  if (code == EINPROGRESS) code = wait_for_connect(made.socket.get(), timeout);
  if (code == EINTR) return refused(attempted, "interrupted");
  if (code == kNoAnswer)
    return refused(attempted, "no answer in " + format_duration(timeout),
                   std::string(advice_for(ETIMEDOUT)) + ", or allow more time (--timeout)");
  if (code != 0) return system_error(attempted, advice_for(code), code);
  return made;
}

}  // namespace

Result<Connected> open_connection(const std::string& address, std::chrono::milliseconds timeout) {
  const Result<std::vector<SocketAddress>> candidates = resolve_address(address, AddressUse::connect);
  if (!candidates) return std::unexpected(candidates.error());
  Result<Connected> last = refused("connect to " + address, "the name has no address");
  for (const SocketAddress& candidate : *candidates) {
    last = try_address(candidate, timeout);
    if (last || StopSignal::requested()) break;
  }
  return last;
}

}  // namespace netmem::tool
