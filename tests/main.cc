// The main function of all programs of GoogleTest here.
#include <gmock/gmock.h>

int main(int count, char** arguments) {
  // Death tests start the program anew instead of forking: a page pool of before the fork is of no use in the child.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  testing::InitGoogleMock(&count, arguments);
  return RUN_ALL_TESTS();
}
