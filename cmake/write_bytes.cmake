# Writes the bytes of the file FROM as C++, to the file TO (netmem/ports/xdp/program_bytes.h declares them).
file(READ ${FROM} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${TO} "#include \"netmem/ports/xdp/program_bytes.h\"

namespace netmem {

alignas(8) static constexpr unsigned char kBytes[] = {
${bytes}
};

std::span<const unsigned char> xdp_program_bytes() { return kBytes; }

}  // namespace netmem
")
