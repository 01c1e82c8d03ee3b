#include "tools/xdp_arguments.h"

#include <charconv>
#include <limits>
#include <numeric>

#include "tools/arguments.h"

namespace netmem::tool {
namespace {

std::optional<unsigned> to_number(std::string_view text) {
  unsigned number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  return status == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::string check_queue(const std::string& text) {
  return text == "all" || to_number(text) ? "" : text + " is neither a queue's number nor all";
}

std::string check_chunk(std::string& text) {
  if (text == "2K" || text == "2048") text = "2048";
  if (text == "4K" || text == "4096") text = "4096";
  return text == "2048" || text == "4096" ? "" : text + " is neither 2K nor 4K";
}

}  // namespace

XdpMode XdpArguments::xdp_mode() const {
  if (mode == "native") return XdpMode::native;
  return mode == "generic" ? XdpMode::generic : XdpMode::automatic;
}

XdpOptions XdpArguments::options(unsigned number) const {
  XdpOptions options;
  options.queue = number;
  options.chunk = static_cast<std::uint32_t>(chunk);
  options.busy_poll = busy_poll;
  if (zero_copy == "on") options.copy = XdpOptions::Copy::zero_copy;
  if (zero_copy == "off") options.copy = XdpOptions::Copy::copy;
  return options;
}

Result<std::vector<unsigned>> XdpArguments::chosen_queues(unsigned queues) const {
  if (queue == "all") {
    std::vector<unsigned> all(queues);
    std::iota(all.begin(), all.end(), 0U);
    return all;
  }
  const unsigned number = to_number(queue).value_or(0);
  if (number < queues) return std::vector<unsigned>{number};
  return refused("use queue " + queue + " of " + interface,
                 "it has " + std::to_string(queues) + (queues == 1 ? " queue" : " queues"),
                 "count queues from 0; ethtool -L changes how many there are");
}

void add_xdp(CLI::App& command, XdpArguments& arguments) {
  CLI::Option* interface = command.get_option("--interface");
  const auto add = [&](CLI::Option* option) { return option->needs(interface); };
  add(command.add_option("--queue", arguments.queue, "a queue of the interface, from 0, or all of them (default)"))
      ->type_name("N|all")
      ->check(CLI::Validator(&check_queue, "", "queue"));
  add(command.add_option(
          "--mode", arguments.mode,
          "native: in the driver; generic: in the kernel's stack; auto (default): native where possible"))
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "native", "generic"}));
  add(command.add_option("--zero-copy", arguments.zero_copy,
                         "on: or fail; off; auto (default): where the driver has it"))
      ->type_name("NAME")
      ->check(CLI::IsMember({"auto", "on", "off"}));
  add(command.add_option("--frames", arguments.frames,
                         "host memory for each queue's frames: host, huge or huge_1g (default host:16M)"))
      ->type_name("KIND:SIZE");
  add(command.add_option("--chunk", arguments.chunk, "bytes of a frame's buffer, 2K or 4K (default 4K)"))
      ->type_name("SIZE")
      ->transform(CLI::Validator(&check_chunk, "", "chunk"));
  add(command.add_flag("--busy-poll", arguments.busy_poll, "the receiving threads drive the driver"));
  add(command.add_option("--count", arguments.count, "end after so many packets, of all queues together"))
      ->type_name("N")
      ->check(CLI::Range(std::uint64_t{1}, std::numeric_limits<std::uint64_t>::max()));
}

CLI::Validator port_argument() { return CLI::Range(std::uint16_t{1}, std::uint16_t{65535}); }

const char* mode_name(XdpMode mode) {
  return mode == XdpMode::native ? "native" : mode == XdpMode::generic ? "generic" : "auto";
}

}  // namespace netmem::tool
