# What carries a client's messages: UDP, TCP or TLS, behind a PROXY header where a test wants one.
import ipaddress
import socket
import ssl
import struct
import time

MAGIC_COOKIE = 0x2112A442
PROXY_V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def proxy_v1(source, destination):
    """A text header (The PROXY protocol, Section 2.1) for a connection between these pairs."""
    version = ipaddress.ip_address(source[0]).version
    return (f"PROXY TCP{version} {source[0]} {destination[0]} "
            f"{source[1]} {destination[1]}\r\n").encode()


def proxy_v2(source, destination, datagram=False, extensions=b""):
    """A binary header (Section 2.2); `extensions` are TLVs, ready made."""
    one, other = (ipaddress.ip_address(pair[0]) for pair in (source, destination))
    family = 0x10 if one.version == 4 else 0x20
    addresses = one.packed + other.packed + struct.pack("!HH", source[1], destination[1])
    return (PROXY_V2_SIGNATURE + bytes([0x21, family | (2 if datagram else 1)]) +
            struct.pack("!H", len(addresses + extensions)) + addresses + extensions)


def proxy_v2_local():
    """What a proxy says of its own connections: health checks."""
    return PROXY_V2_SIGNATURE + bytes([0x20, 0]) + struct.pack("!H", 0)


class Datagrams:
    """UDP. The socket is the caller's choice, so it may live in any namespace."""

    is_reliable = False

    def __init__(self, udp, server, proxy=b""):
        self.socket = udp
        self._server = server
        self._proxy = proxy  # before every datagram

    def send(self, frame):
        self.socket.sendto(self._proxy + frame, self._server)

    def receive(self, deadline):
        """One datagram, or None when none came in time."""
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        self.socket.settimeout(left)
        try:
            return self.socket.recv(65536)
        except (socket.timeout, ConnectionRefusedError):
            return None


class ConnectionEnded(Exception):
    """The server ended the connection."""


class Stream:
    """TCP or TLS: frames one after the other (RFC 8489, Section 6.2.2)."""

    is_reliable = True

    def __init__(self, connected):
        self.socket = connected
        self._bytes = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, frame):
        self.send_bytes(frame + bytes(-len(frame) % 4))  # ChannelData only has such a remainder

    def send_bytes(self, data):
        self.socket.settimeout(10)
        self.socket.sendall(data)

    def receive(self, deadline):
        """One frame without its padding, or None when none came in time."""
        while True:
            frame = self._take_frame()
            if frame is not None:
                return frame
            data = self._receive_some(deadline)
            if data is None:
                return None
            self._bytes += data

    def receive_bytes(self, count, seconds=5):
        """Exactly so many bytes, whatever they are: of a data connection (RFC 6062), or HTTP."""
        deadline = time.monotonic() + seconds
        while len(self._bytes) < count:
            data = self._receive_some(deadline)
            if data is None:
                raise TimeoutError(f"{len(self._bytes)} of {count} bytes within {seconds} s")
            self._bytes += data
        taken, self._bytes = self._bytes[:count], self._bytes[count:]
        return taken

    def receive_end(self, seconds=5):
        """Everything up to the end that the server makes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                data = self._receive_some(deadline)
            except ConnectionEnded:
                taken, self._bytes = self._bytes, b""
                return taken
            if data is None:
                raise TimeoutError(f"the server did not end the connection within {seconds} s")
            self._bytes += data

    def receive_part(self, count, seconds=5):
        """At most so many bytes, for receive() to go on with: as a client that reads slowly."""
        self.socket.settimeout(seconds)
        self._bytes += self.socket.recv(count)

    def end_writing(self):
        """FIN: nothing follows, while answers may."""
        self.socket.shutdown(socket.SHUT_WR)

    def _receive_some(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(65536)
        except socket.timeout:
            return None
        except (ConnectionResetError, ssl.SSLEOFError) as error:
            raise ConnectionEnded(str(error)) from error
        if not data:
            raise ConnectionEnded("the server ended the connection")
        return data

    def _take_frame(self):
        if len(self._bytes) < 8 and not (len(self._bytes) >= 4 and 0x40 <= self._bytes[0] <= 0x7F):
            return None
        kind, length = struct.unpack_from("!HH", self._bytes)
        size = (4 if kind >= 0x4000 else 20) + length
        if kind < 0x4000:
            assert struct.unpack_from("!I", self._bytes, 4)[0] == MAGIC_COOKIE, self._bytes[:20]
        padded = size + -size % 4
        if len(self._bytes) < padded:
            return None
        frame, self._bytes = self._bytes[:size], self._bytes[padded:]
        return frame


def connect_tcp(server, source=None, proxy=b"", seconds=10):
    """A TCP connection; `proxy` are its first bytes."""
    connected = socket.create_connection(server, seconds, source)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connected.sendall(proxy)
    return Stream(connected)


def tls_context(authorities=None, alpn=(), minimum=ssl.TLSVersion.TLSv1_2, maximum=None):
    """Without `authorities` (a PEM file) any certificate will do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = minimum
    if maximum is not None:
        context.maximum_version = maximum
    if authorities is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(authorities)
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


def connect_tls(server, context=None, server_name=None, source=None, proxy=b"", session=None,
                seconds=10):
    """TLS over TCP; a PROXY header stands before the handshake. `session` is one to resume."""
    stream = connect_tcp(server, source, proxy, seconds)
    context = context or tls_context()
    try:
        stream.socket = context.wrap_socket(stream.socket, server_hostname=server_name or server[0],
                                            session=session)
    except BaseException:
        stream.close()
        raise
    return stream
