#include "tools/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace netmem::tool {
namespace {

namespace fs = std::filesystem;

class OutputTest : public testing::Test {
 protected:
  OutputTest() {
    std::string name = testing::TempDir() + "netmem-output-XXXXXX";
    directory_ = ::mkdtemp(name.data());
  }
  ~OutputTest() override { fs::remove_all(directory_); }

  [[nodiscard]] std::string path(const std::string& name) const { return (directory_ / name).string(); }
  [[nodiscard]] std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }
  static std::string contents(const std::string& name) {
    std::stringstream text;
    text << std::ifstream(name).rdbuf();
    return text.str();
  }
  static Result<void> write(Output& output, std::string_view text) {
    return output.write(std::as_bytes(std::span(text)));
  }

  fs::path directory_;
};

TEST_F(OutputTest, AppearsUnderItsNameOnlyWhenFinished) {
  auto output = Output::file(path("out"));
  ASSERT_TRUE(output) << output.error().message();
  ASSERT_TRUE(write(*output, "abc"));
  EXPECT_FALSE(fs::exists(path("out")));
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(contents(path("out")), "abc");
  EXPECT_EQ(files(), 1);
}

TEST_F(OutputTest, LeavesNothingWhenItIsNotFinished) {
  {
    auto output = Output::file(path("out"));
    ASSERT_TRUE(output);
    ASSERT_TRUE(write(*output, "abc"));
    EXPECT_EQ(files(), 1);
    const Output moved = std::move(*output);
    EXPECT_EQ(files(), 1);
  }
  EXPECT_EQ(files(), 0);
}

TEST_F(OutputTest, LeavesAnOlderFileAloneUntilItIsFinished) {
  std::ofstream(path("out")) << "old";
  {
    auto abandoned = Output::file(path("out"));
    ASSERT_TRUE(abandoned);
    ASSERT_TRUE(write(*abandoned, "half"));
  }
  EXPECT_EQ(contents(path("out")), "old");
  auto output = Output::file(path("out"));
  ASSERT_TRUE(output);
  ASSERT_TRUE(write(*output, "new"));
  ASSERT_TRUE(output->finish());
  EXPECT_EQ(contents(path("out")), "new");
}

TEST_F(OutputTest, FollowsALinkToTheFileThatIsMeant) {
  std::ofstream(path("real")) << "old";
  fs::create_symlink("real", path("link"));
  auto output = Output::file(path("link"));
  ASSERT_TRUE(output);
  ASSERT_TRUE(write(*output, "new"));
  ASSERT_TRUE(output->finish());
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(contents(path("real")), "new");
}

TEST_F(OutputTest, TwoOfTheSameNameDoNotShareATemporaryFile) {
  auto one = Output::file(path("out"));
  auto two = Output::file(path("out"));
  ASSERT_TRUE(one && two);
  EXPECT_EQ(files(), 2);
}

TEST_F(OutputTest, SaysThatTheDiskIsFull) {
  auto output = Output::file("/dev/full");
  ASSERT_TRUE(output) << output.error().message();
  const Result<void> written = write(*output, "abc");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message(),
            "cannot write /dev/full: No space left on device; free some space or write elsewhere");
}

TEST_F(OutputTest, SaysThatTheDirectoryIsMissing) {
  const auto output = Output::file(path("missing/out"));
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().message().find("No such file or directory"), std::string::npos);
}

TEST_F(OutputTest, PlanRefusesOneFileForSeveralConnections) {
  EXPECT_FALSE(OutputPlan::parse(path("out"), 2));
  EXPECT_FALSE(OutputPlan::parse("-", 2));
  EXPECT_TRUE(OutputPlan::parse("", 2));
  EXPECT_TRUE(OutputPlan::parse(path("new/"), 2));
}

TEST_F(OutputTest, PlanGivesEachConnectionItsFile) {
  auto plan = OutputPlan::parse(path("new/"), 2);
  ASSERT_TRUE(plan);
  ASSERT_TRUE(plan->prepare());
  for (const unsigned number : {1U, 2U}) {
    auto output = plan->open(number);
    ASSERT_TRUE(output) << output.error().message();
    ASSERT_TRUE(output->finish());
  }
  EXPECT_TRUE(fs::exists(path("new/connection-1.bin")));
  EXPECT_TRUE(fs::exists(path("new/connection-2.bin")));
}

}  // namespace
}  // namespace netmem::tool
