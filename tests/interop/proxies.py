# Debian's HAProxy and nginx in front of the server: whom they announce is the client.
#
#   proxies.py --server PATH --io uring|epoll CASE
import contextlib
import os
import shutil
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "harness"))
from cases import run_cases, secure_server
from processes import Process, check, skip, wait_until
from stream_checks import expect_service, is_served, own_address, turn_client
from transports import connect_tcp, connect_tls
from turnutils import EchoPeer

TCP, TLS = "tcp://127.0.0.1:0", "tls://127.0.0.1:0"
FLAGS = ["--relay-ip", "127.0.0.1", "--allow-peer", "127.0.0.0/8", "--proxy-from", "127.0.0.1"]
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
DEADLINE = 20


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def proxy(server, name, command, text):
    """A proxy that listens where its configuration says PORT; the address is handed over."""
    program = shutil.which(command[0]) or skip(f"{command[0]} is not installed and could not be")
    port = free_port()
    path = server.path(f"{name}.cfg")
    with open(path, "w") as file:
        file.write(text.replace("PORT", str(port)))
    with Process([program, *command[1:], path], server.path(f"{name}.log")) as process:
        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0
        wait_until(lambda: process.has_ended() or listens(), DEADLINE, f"{name} on port {port}")
        check(not process.has_ended(), f"{name} did not start:\n{process.output()}")
        yield ("127.0.0.1", port)


def haproxy(server, bind, backend):
    host, port = backend
    return proxy(server, "haproxy", ["haproxy", "-db", "-f"], f"""
defaults
  mode tcp
  timeout connect 10s
  timeout client 1m
  timeout server 1m
listen turn
  bind 127.0.0.1:PORT{bind}
  server uturn {host}:{port} send-proxy-v2
""")


def nginx(server, backend):
    host, port = backend
    if not os.path.exists(STREAM_MODULE):
        skip("nginx has no stream module and it could not be installed")
    return proxy(server, "nginx", ["nginx", "-p", server.path(""), "-e", "stderr", "-c"], f"""
load_module {STREAM_MODULE};
daemon off;
user root;
pid {server.path("nginx.pid")};
events {{}}
stream {{
  server {{
    listen 127.0.0.1:PORT;
    proxy_pass {host}:{port};
    proxy_protocol on;
  }}
}}
""")


def expect_relay(stream, server):
    """The client is who it says it is, and what it sends to a peer comes back."""
    with EchoPeer(server) as peer:
        client, echo = turn_client(stream), (peer.host, peer.port)
        check(client.allocate().mapped == own_address(stream), "allocated for somebody else")
        client.bind_channel(0x4000, echo)
        client.send_channel_data(0x4000, b"x" * 300)
        client.receive()


def haproxy_tcp():
    """PROXY v2 and TCP behind it, and TLS that passes through to the server."""
    with secure_server([TCP], FLAGS) as (server, _), \
            haproxy(server, "", server.endpoint(scheme="tcp").address) as front:
        with connect_tcp(front) as stream:
            expect_service(stream)
            expect_relay(stream, server)
        with connect_tls(front) as stream:
            expect_service(stream)
        check(not is_served(server.endpoint(scheme="tcp").address),
              "a connection of the proxy without a header was served")
        server.stop()


def haproxy_tls():
    """HAProxy terminates TLS; PROXY v2 and plain TURN reach the server."""
    with secure_server([TCP], FLAGS) as (server, certificate):
        both = server.path("haproxy.pem")
        with open(both, "w") as file:
            file.write(open(certificate.certificate).read() + open(certificate.key).read())
        with haproxy(server, f" ssl crt {both}", server.endpoint(scheme="tcp").address) as front, \
                connect_tls(front) as stream:
            expect_service(stream)
            expect_relay(stream, server)
        server.stop()


def nginx_stream():
    """PROXY v1, with TCP and with TLS that passes through."""
    with secure_server([TLS], FLAGS) as (server, _), \
            nginx(server, server.endpoint(scheme="tls").address) as front:
        for connect in (connect_tcp, connect_tls):
            with connect(front) as stream:
                expect_service(stream)
                expect_relay(stream, server)
        server.stop()


CASES = {
    "haproxy-tcp": haproxy_tcp,
    "haproxy-tls": haproxy_tls,
    "nginx-stream": nginx_stream,
}

if __name__ == "__main__":
    run_cases(CASES)
