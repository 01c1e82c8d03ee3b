// What recv --interface and echo say when they are done. Values; any thread.
#pragma once

#include "tools/report.h"
#include "tools/xdp_session.h"

namespace netmem::tool {

// A line for each queue, one for the sum, and those about memory, drops and books. `verb`: "received".
std::string to_text(const SessionReport& report, const std::string& verb, DigestKind digest);
// An object to which a subcommand adds what only it knows.
Json to_json(const SessionReport& report, DigestKind digest);

}  // namespace netmem::tool
