// The receiver to beat: accepts one connection and calls recv() into one reused buffer of 256 KiB until the end.
//   plain_recv        prints "listening on PORT", then "BYTES SECONDS"; the clock runs from the first byte to the end

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(void) {
  static char buffer[256 * 1024];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (listener < 0 || bind(listener, (struct sockaddr*)&address, size) != 0 || listen(listener, 1) != 0 ||
      getsockname(listener, (struct sockaddr*)&address, &size) != 0) {
    perror("plain_recv: listen");
    return 1;
  }
  printf("listening on %d\n", ntohs(address.sin_port));
  fflush(stdout);
  const int connection = accept(listener, NULL, NULL);
  unsigned long long bytes = 0;
  double began = 0;
  ssize_t got = 0;
  while ((got = recv(connection, buffer, sizeof buffer, 0)) > 0) {
    if (bytes == 0) began = now();
    bytes += (unsigned long long)got;
  }
  if (got < 0) {
    perror("plain_recv: recv");
    return 1;
  }
  printf("%llu %.6f\n", bytes, now() - began);
  return 0;
}
