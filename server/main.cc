// main: hands the command line over, and wires the commands to what they do.
#include <iostream>

#include "client/tools/bench/bench.h"
#include "server/admin/admin_client.h"
#include "server/admin/top.h"
#include "server/command_line.h"
#include "server/serve.h"

int main(int argc, char** argv) {
  const uturn::CommandActions actions{uturn::serve,     uturn::run_probe, uturn::detect_external,
                                      uturn::run_bench, uturn::ask_admin, uturn::run_top};
  return uturn::run_command_line({argv + (argc > 0 ? 1 : 0), argv + argc}, actions,
                                 uturn::process_value_sources(), std::cout, std::cerr);
}
