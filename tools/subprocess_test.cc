#include "tools/subprocess.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <csignal>
#include <string>

namespace netmem::tool {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLong{60'000};

TEST(RunProgram, ReturnsWhatTheProgramPrintsAndItsExitCode) {
  const auto finished = run_program({"sh", "-c", "cat; echo oh >&2; exit 3"}, "hello", kLong);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->out, "hello");
  EXPECT_EQ(finished->err, "oh\n");
  EXPECT_EQ(finished->status, 3);
}

TEST(RunProgram, PassesMoreThanAnyPipeHoldsBothWays) {
  const std::string much(8'000'000, 'x');
  const auto finished = run_program({"cat"}, much, kLong);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->out, much);
}

TEST(RunProgram, OutlivesAProgramThatDoesNotReadItsInput) {
  const auto before = std::signal(SIGPIPE, SIG_DFL);
  const auto finished = run_program({"sh", "-c", "exec <&-; sleep 0.1; echo done"}, std::string(8'000'000, 'x'), kLong);
  std::signal(SIGPIPE, before);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->out, "done\n");
}

TEST(RunProgram, TellsTheSignalThatEndedAProgram) {
  const auto finished = run_program({"sh", "-c", "kill -TERM $$"}, "", kLong);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->status, 128 + SIGTERM);
}

TEST(RunProgram, GivesTheProgramTheUsualSigpipe) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  const auto finished = run_program({"sh", "-c", "kill -PIPE $$; echo alive"}, "", kLong);
  std::signal(SIGPIPE, before);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->status, 128 + SIGPIPE);
}

TEST(RunProgram, ArgumentsAreNoShellCommands) {
  const auto finished = run_program({"echo", "$HOME; `id`"}, "", kLong);
  ASSERT_TRUE(finished) << finished.error().message();
  EXPECT_EQ(finished->out, "$HOME; `id`\n");
}

TEST(RunProgram, SaysThatThereIsNoSuchProgram) {
  const auto finished = run_program({"netmem-no-such-program"}, "", kLong);
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ENOENT);
}

TEST(RunProgram, KillsAProgramWhoseTimeIsOver) {
  const auto finished = run_program({"sleep", "1000"}, "", milliseconds(50));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ETIMEDOUT);
}

TEST(RunProgram, KillsAProgramThatClosesItsOutputsAndGoesOn) {
  const auto finished = run_program({"sh", "-c", "exec sleep 1000 >&- 2>&-"}, "", milliseconds(200));
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, ETIMEDOUT);
}

}  // namespace
}  // namespace netmem::tool
