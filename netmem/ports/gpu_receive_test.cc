// Streams received into memory that only a device's own engine reaches.
#include "netmem/ports/port_test_support.h"
#include "netmem/providers/gpu.h"
#include "tests/support/fake_device.h"

namespace netmem::testing {
namespace {

// Pages of a fake device behind a port.
struct GpuReceiver {
  std::shared_ptr<FakeDevice> device = std::make_shared<FakeDevice>();
  PagePoolPtr pool = make_pool(make_gpu_provider(device, {.size = 32 * 4096}).value());
  PagePoolPtr staging = make_pool(host_memory(16), "staging");
  std::unique_ptr<TcpPort> port = TcpPort::create(*pool, {.staging = staging.get()}).value();
  ~GpuReceiver() {
    expect_balanced(*port);
    port.reset();
    expect_balanced(*pool);
    expect_balanced(*staging);
  }
};

TEST(GpuReceive, IsStagedAndInOrder) {
  GpuReceiver receiver;
  EXPECT_EQ(receiver.port->landing(), Landing::staged);
  const std::vector<std::string> texts = {pattern(300'001, 5)};
  ASSERT_TRUE(receiver.port->listen("127.0.0.1:0"));
  const Senders senders(*receiver.port, texts);
  Collector program(*receiver.port);
  program.receive_until_gone(1);
  EXPECT_TRUE(program.sorted_texts() == texts);
}

TEST(GpuReceive, ACopyThatFailsEndsItsConnectionOnly) {
  GpuReceiver receiver;
  SocketPair failing, fine;
  Collector program(*receiver.port);
  ASSERT_TRUE(receiver.port->adopt(std::move(failing.near)));
  receiver.device->fail_copy = true;
  send_all(failing.far.get(), "lost");
  program.receive(1000);
  ASSERT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.failed[0].message(),
            "cannot receive from unix socket: cannot copy on the fake device: its cable is loose");
  ASSERT_TRUE(receiver.port->adopt(std::move(fine.near)));
  send_all(fine.far.get(), "arrives");
  fine.far.reset();
  program.receive_until_gone(2);
  EXPECT_EQ(program.failed.size(), 1u);
  EXPECT_EQ(program.sorted_texts().back(), "arrives");
}

}  // namespace
}  // namespace netmem::testing
