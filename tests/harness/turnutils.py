# Debian's turnutils, a foreign client: run to its end, and what it says it sent and received.
import re
import socket

from processes import Process, check, wait_until
from server import PASSWORD, USER


def free_port_pair(host):
    """An even port whose successor is free too: turnutils sends RTP to one and RTCP to the other."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    while True:
        with socket.socket(family, socket.SOCK_DGRAM) as rtp:
            rtp.bind((host, 0))
            port = rtp.getsockname()[1]
            with socket.socket(family, socket.SOCK_DGRAM) as rtcp:
                try:
                    rtcp.bind((host, port + 1))
                except (OSError, OverflowError):
                    continue
        if port % 2 == 0:
            return port


class EchoPeer(Process):
    """turnutils_peer, which echoes on two ports; ready once both do."""

    def __init__(self, server, host="127.0.0.1"):
        self.host = host
        self.port = free_port_pair(host)
        super().__init__(["turnutils_peer", "-L", host, "-p", str(self.port)],
                         server.path("peer.log"))
        for port in (self.port, self.port + 1):
            wait_until(lambda: self.echoes(port), 10, f"turnutils_peer on {host} port {port}")

    def echoes(self, port):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.1)
            try:
                # A datagram from turnutils_uclient is at least this long.
                udp.sendto(bytes(100), (self.host, port))
                return udp.recv(2048)
            except OSError:
                return None


def uclient(server, *arguments, seconds=60, credentials=("-u", USER, "-w", PASSWORD),
            family=socket.AF_INET, scheme=None):
    """Runs turnutils_uclient to its end: (exit status or None, output)."""
    endpoint = server.endpoint(family, scheme)
    command = ["turnutils_uclient", *arguments, *credentials, "-p", str(endpoint.port),
               endpoint.host]
    with Process(command, server.path("uclient.log")) as client:
        status = client.wait(seconds)
        return status, client.output()


def expect_no_loss(server, *arguments, **more):
    """turnutils binds two peers to channel numbers that it draws independently: once in 16,384
    clients to the same one, which the server must refuse (RFC 8656, Section 12.2: 400) and at
    which it gives up. Such a run is repeated; a server that refuses wrongly does it again."""
    for _ in range(3):
        status, output = uclient(server, *arguments, **more)
        if status == 0 or "channel bind: error 400" not in output:
            break
    return expect_totals(server, arguments, status, output)


def expect_totals(server, arguments, status, output):
    story = f"{' '.join(arguments)}:\n{output}\nserver:\n{server.log()[-4000:]}"
    check(status == 0, f"turnutils_uclient ended with {status}: {story}")
    totals = re.search(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)\n(?!.*tot_recv_msgs)", output,
                       re.DOTALL)
    lost = re.search(r"Total lost packets (\d+).*total send dropped (\d+)", output)
    check(totals and lost, f"no totals in the output of {story}")
    sent, received = map(int, totals.groups())
    check(sent > 0 and sent == received, f"sent {sent}, received {received}: {story}")
    check(lost.groups() == ("0", "0"), f"lost and dropped {lost.groups()}: {story}")
    print(f"{' '.join(arguments)}: {sent} sent, {received} received")
    return sent
