// Sends BYTES bytes to 127.0.0.1:PORT as fast as send() takes them, from one buffer of 256 KiB.
//   plain_send PORT BYTES

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char** argv) {
  static char buffer[256 * 1024];
  if (argc != 3) {
    fprintf(stderr, "usage: plain_send PORT BYTES\n");
    return 2;
  }
  memset(buffer, 'n', sizeof buffer);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1])), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  if (connection < 0 || connect(connection, (struct sockaddr*)&address, sizeof address) != 0) {
    perror("plain_send: connect");
    return 1;
  }
  for (unsigned long long left = strtoull(argv[2], NULL, 10); left != 0;) {
    const ssize_t sent = send(connection, buffer, left < sizeof buffer ? left : sizeof buffer, MSG_NOSIGNAL);
    if (sent < 0) {
      perror("plain_send: send");
      return 1;
    }
    left -= (unsigned long long)sent;
  }
  return 0;
}
