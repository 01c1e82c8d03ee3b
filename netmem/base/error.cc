#include "netmem/base/error.h"

#include <cstring>
#include <utility>

namespace netmem {

std::string Error::message() const {
  std::string text = "cannot " + attempted;
  if (!reason.empty()) {
    text += ": " + reason;
  } else if (code != 0) {
    text += std::string(": ") + ::strerrordesc_np(code);
  }
  if (!advice.empty()) text += "; " + advice;
  return text;
}

std::unexpected<Error> system_error(std::string attempted, std::string advice, int code) {
  return std::unexpected(Error{std::move(attempted), {}, std::move(advice), code});
}

std::unexpected<Error> refused(std::string attempted, std::string reason, std::string advice) {
  return std::unexpected(Error{std::move(attempted), std::move(reason), std::move(advice), 0});
}

}  // namespace netmem
