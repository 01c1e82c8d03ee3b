// Huge pages for a test: reserves them with the kernel for as long as the object lives, one test of the machine at a
// time.
#pragma once

#include <fcntl.h>
#include <sys/file.h>

#include <cstddef>
#include <fstream>
#include <memory>
#include <string>

#include "netmem/base/fd.h"
#include "netmem/providers/common/huge_pages.h"

namespace netmem {

class HugePagesNeed {
 public:
  // Exactly `count` free huge pages of `huge_page` bytes, or the reason why not. 0: that there are none.
  static Result<std::shared_ptr<void>> take(std::size_t count, std::size_t huge_page) {
    auto need = std::shared_ptr<HugePagesNeed>(new HugePagesNeed(huge_page));
    const std::string attempted = "have " + std::to_string(count) + " huge pages for this test";
    need->lock_ = Fd(::open("/tmp/netmem-huge-pages.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!need->lock_ || ::flock(need->lock_.get(), LOCK_EX) != 0) return system_error(attempted);
    need->before_ = need->read("nr_hugepages");
    const std::size_t used = need->before_ - need->read("free_hugepages") + need->read("resv_hugepages");
    need->write(used + count);
    const std::size_t got = need->read("free_hugepages") - need->read("resv_hugepages");
    if (got != count)
      return refused(attempted, "the kernel gave " + std::to_string(got),
                     "run as root, with free memory, to write " + huge_pages_file(huge_page));
    return need;
  }
  ~HugePagesNeed() {
    if (lock_) write(before_);
  }

 private:
  explicit HugePagesNeed(std::size_t huge_page) : file_(huge_pages_file(huge_page)) {}

  [[nodiscard]] std::size_t read(const std::string& name) const {
    std::size_t number = 0;
    std::ifstream(file_.substr(0, file_.rfind('/') + 1) + name) >> number;
    return number;
  }
  void write(std::size_t number) const { std::ofstream(file_) << number << std::flush; }

  std::string file_;
  Fd lock_;
  std::size_t before_ = 0;
};

}  // namespace netmem
