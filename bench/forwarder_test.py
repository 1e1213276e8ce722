# The bare forwarder as a client and a peer see it: set up once, then payloads pass both ways.
#
#   forwarder_test.py PATH_TO_BARE_FORWARDER
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv.pop()
SET_UP = b"FWD1"


def address_value(address):
    """The value of MAPPED-ADDRESS (RFC 8489, Section 14.1)."""
    host, port = address
    return b"\0\1" + port.to_bytes(2, "big") + socket.inet_aton(host)


def address_of(value):
    return socket.inet_ntoa(value[4:8]), int.from_bytes(value[2:4], "big")


def udp_socket():
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    end.settimeout(10)
    return end


class Forwarding(unittest.TestCase):
    io = None

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        ready = os.path.join(self.directory.name, "ready")
        self.server = subprocess.Popen([PROGRAM, "--io", self.io, "--ready-file", ready],
                                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        deadline = time.monotonic() + 20
        while not os.path.exists(ready):
            if self.server.poll() is not None:
                said = self.server.communicate()[0]
                if self.io == "uring":
                    self.skipTest(said)
                self.fail(said)
            self.assertLess(time.monotonic(), deadline, "no ready file")
            time.sleep(0.01)
        with open(ready, encoding="ascii") as file:
            host, port = file.read().strip().removeprefix("forward://").split(":")
        self.address = host, int(port)

    def tearDown(self):
        if self.server.poll() is None:
            self.server.send_signal(signal.SIGTERM)
        said = self.server.communicate(timeout=20)[0]
        self.directory.cleanup()
        self.assertEqual(self.server.returncode, 0, said)

    def set_up(self, client, peer):
        client.sendto(SET_UP + address_value(peer.getsockname()), self.address)
        answer = client.recv(100)
        self.assertEqual((answer[:4], len(answer)), (SET_UP, 12))
        return address_of(answer[4:])

    def test_payloads_pass_verbatim_both_ways(self):
        clients = [udp_socket() for _ in range(3)]
        peers = [udp_socket() for _ in clients]
        relayed = [self.set_up(client, peer) for client, peer in zip(clients, peers)]
        self.assertEqual(len(set(relayed)), 3)
        for client, peer, relay in zip(clients, peers, relayed):
            for payload in (b"hello", b"x" * 1400, b"FWD1 but no address"):
                client.sendto(payload, self.address)
                self.assertEqual(peer.recvfrom(2000), (payload, relay))
                peer.sendto(payload[::-1], relay)
                self.assertEqual(client.recvfrom(2000), (payload[::-1], self.address))
        for end in clients + peers:
            end.close()

    def test_a_repeated_set_up_keeps_the_relay_socket_and_takes_the_new_peer(self):
        client, first, second = udp_socket(), udp_socket(), udp_socket()
        relayed = self.set_up(client, first)
        self.assertEqual(self.set_up(client, second), relayed)
        client.sendto(b"hello", self.address)
        self.assertEqual(second.recvfrom(100), (b"hello", relayed))
        for end in (client, first, second):
            end.close()

    def test_a_client_without_a_flow_is_not_heard(self):
        stranger, client, peer = udp_socket(), udp_socket(), udp_socket()
        self.set_up(client, peer)
        stranger.sendto(b"nobody knows me", self.address)
        client.sendto(b"hello", self.address)
        self.assertEqual(peer.recv(100), b"hello")  # it came later and is the first to arrive
        for end in (stranger, client, peer):
            end.close()


class ByUring(Forwarding):
    io = "uring"


class ByEpoll(Forwarding):
    io = "epoll"


del Forwarding  # the base is no test of its own

if __name__ == "__main__":
    unittest.main()
