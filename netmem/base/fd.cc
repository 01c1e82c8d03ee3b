#include "netmem/base/fd.h"

#include <fcntl.h>
#include <unistd.h>

namespace netmem {

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Fd> Fd::duplicate() const {
  const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return system_error("duplicate a file descriptor", "raise the open file limit (ulimit -n)");
  return Fd(copy);
}

}  // namespace netmem
