# A small blocking TURN client (RFC 8656, RFC 6062) for tests that must not trust our own.
import collections
import socket
import struct
import time

import stun_message as stun
from processes import check
from transports import Datagrams

Received = collections.namedtuple("Received", "peer channel data icmp")
Attempt = collections.namedtuple("Attempt", "connection_id peer")
Allocation = collections.namedtuple("Allocation", "relayed mapped lifetime token")

FAMILY = {socket.AF_INET: 1, socket.AF_INET6: 2}


def binding_answer(server, seconds):
    """One Binding request from a new socket: the response, or None when none came in time."""
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(seconds)
        transaction_id = stun.new_transaction_id()
        try:
            udp.sendto(stun.encode(stun.BINDING, stun.REQUEST, transaction_id, []), server)
            answer = stun.Message(udp.recv(2048))
        except OSError:
            return None
        return answer if answer.transaction_id == transaction_id else None


def stream_binding(stream, seconds=10):
    """One Binding over TCP or TLS: the response, or None when none came in time."""
    transaction_id = stun.new_transaction_id()
    stream.send(stun.encode(stun.BINDING, stun.REQUEST, transaction_id, []))
    frame = stream.receive(time.monotonic() + seconds)
    if frame is None:
        return None
    answer = stun.Message(frame)
    return answer if answer.transaction_id == transaction_id else None


class TurnError(Exception):
    def __init__(self, code):
        super().__init__(f"the server answered {code}")
        self.code = code


class TurnClient:
    """One five-tuple."""

    def __init__(self, udp, server, username, password, algorithm=stun.MD5):
        """Over UDP: the socket is the caller's choice, so it may live in any namespace."""
        self._begin(Datagrams(udp, server), username, password, algorithm)

    @classmethod
    def over(cls, transport, username, password, algorithm=stun.MD5):
        """Over any of transports.py."""
        client = cls.__new__(cls)
        client._begin(transport, username, password, algorithm)
        return client

    def _begin(self, transport, username, password, algorithm):
        self.transport = transport
        self._username = username
        self._password = password
        self._algorithm = algorithm
        self._challenge = None  # the last 401 or 438
        self._key = None
        self._received = collections.deque()
        self._attempts = collections.deque()

    @property
    def udp(self):
        return self.transport.socket

    @property
    def challenge(self):
        """The last 401 or 438."""
        return self._challenge

    def binding(self):
        answer = self._transact(stun.BINDING, [], signed=False)
        return answer.address(stun.XOR_MAPPED_ADDRESS)

    def allocate(self, *attributes, family=None, transport=stun.OVER_UDP):
        wanted = [(stun.REQUESTED_TRANSPORT, transport), *attributes]
        if family is not None:
            wanted.append((stun.REQUESTED_ADDRESS_FAMILY, bytes([FAMILY[family], 0, 0, 0])))
        answer = self._authenticated(stun.ALLOCATE, wanted)
        relayed = [stun.read_xor_address(value, answer.transaction_id)
                   for value in answer.all(stun.XOR_RELAYED_ADDRESS)]
        token = answer[stun.RESERVATION_TOKEN] if stun.RESERVATION_TOKEN in answer else None
        lifetime = struct.unpack("!I", answer[stun.LIFETIME])[0]
        return Allocation(relayed, answer.address(stun.XOR_MAPPED_ADDRESS), lifetime, token)

    def refresh(self, lifetime):
        answer = self._authenticated(stun.REFRESH, [(stun.LIFETIME, struct.pack("!I", lifetime))])
        return struct.unpack("!I", answer[stun.LIFETIME])[0]

    def create_permission(self, *peers):
        self._authenticated(stun.CREATE_PERMISSION, [(stun.XOR_PEER_ADDRESS, p) for p in peers])

    def bind_channel(self, number, peer):
        self._authenticated(stun.CHANNEL_BIND, [
            (stun.CHANNEL_NUMBER, struct.pack("!Hxx", number)), (stun.XOR_PEER_ADDRESS, peer)])

    # RFC 6062, Section 4: the control connection's half.

    def connect(self, peer):
        """Asks the server to connect to a peer: the CONNECTION-ID."""
        answer = self._authenticated(stun.CONNECT, [(stun.XOR_PEER_ADDRESS, peer)])
        return answer[stun.CONNECTION_ID]

    def connection_attempt(self, seconds=5):
        """The next peer that connected to the relayed address."""
        deadline = time.monotonic() + seconds
        while not self._attempts:
            frame = self.transport.receive(deadline)
            check(frame, f"no peer connected within {seconds} s")
            self._sort(frame)
        return self._attempts.popleft()

    def bind_connection(self, data_stream, connection_id):
        """Makes another connection the peer's (Section 4.3), signed with what this one has learned;
        it carries bytes from then on, and is handed back."""
        data = TurnClient.over(data_stream, self._username, self._password, self._algorithm)
        data._challenge, data._key = self._challenge, self._key
        data._authenticated(stun.CONNECTION_BIND, [(stun.CONNECTION_ID, connection_id)])
        return data_stream

    def send_indication(self, peer, data, dont_fragment=False):
        transaction_id = stun.new_transaction_id()
        attributes = [(stun.XOR_PEER_ADDRESS, stun.xor_address(peer, transaction_id)),
                      (stun.DATA_ATTRIBUTE, data)]
        if dont_fragment:
            attributes.append((stun.DONT_FRAGMENT, b""))
        message = stun.encode(stun.SEND, stun.INDICATION, transaction_id, attributes)
        self.transport.send(message)

    def send_channel_data(self, number, data):
        self.transport.send(struct.pack("!HH", number, len(data)) + data)

    def receive(self, seconds=5):
        """The next data (or ICMP report) from a peer."""
        deadline = time.monotonic() + seconds
        while not self._received:
            datagram = self.transport.receive(deadline)
            check(datagram, f"nothing came from a peer within {seconds} s")
            self._sort(datagram)
        return self._received.popleft()

    def _authenticated(self, method, attributes):
        """A signed request; a challenge is taken up once (RFC 8489, Section 9.2.5)."""
        for _ in range(3):
            try:
                return self._transact(method, attributes, signed=self._challenge is not None)
            except TurnError as error:
                if error.code not in (401, 438) or (error.code == 401 and self._key):
                    raise
                realm = self._challenge[stun.REALM].decode()
                self._key = stun.long_term_key(self._username, realm, self._password,
                                               self._algorithm)
        raise TurnError(401)

    def _transact(self, method, attributes, signed):
        transaction_id = stun.new_transaction_id()
        # Peer addresses are given as pairs here, because their encoding needs the transaction id.
        attributes = [(kind, stun.xor_address(value, transaction_id))
                      if kind == stun.XOR_PEER_ADDRESS else (kind, value)
                      for kind, value in attributes]
        if signed:
            attributes += self._credentials()
        message = stun.encode(method, stun.REQUEST, transaction_id, attributes,
                              self._key if signed else None, self._algorithm)
        answer = self._exchange(message, transaction_id)
        if answer.error() in (401, 438):
            self._challenge = answer
        if answer.error() is not None:
            raise TurnError(answer.error())
        check(not signed or answer.is_signed_with(self._key, self._algorithm),
              f"the answer to method {method} does not carry a valid MESSAGE-INTEGRITY")
        return answer

    def _credentials(self):
        credentials = [(stun.USERNAME, self._username.encode()),
                       (stun.REALM, self._challenge[stun.REALM]),
                       (stun.NONCE, self._challenge[stun.NONCE])]
        if self._algorithm == stun.SHA256:
            # The list comes back as it was announced, against bid-down (RFC 8489, Section 9.2.5).
            credentials += [(stun.PASSWORD_ALGORITHMS, self._challenge[stun.PASSWORD_ALGORITHMS]),
                            (stun.PASSWORD_ALGORITHM, struct.pack("!HH", stun.SHA256, 0))]
        return credentials

    def _exchange(self, message, transaction_id):
        """Sends until answered, with the intervals of RFC 8489, Section 6.2.1; once where nothing
        is lost (Section 6.2.2)."""
        for interval in (39.5,) if self.transport.is_reliable else (0.5, 1, 2, 4, 8, 16, 8):
            self.transport.send(message)
            deadline = time.monotonic() + interval
            while frame := self.transport.receive(deadline):
                answer = self._sort(frame)
                if answer and answer.transaction_id == transaction_id:
                    return answer
        check(False, "the server does not answer")

    def _sort(self, datagram):
        """Keeps what came from peers; a response is handed back."""
        if 0x40 <= datagram[0] <= 0x4F:
            number, length = struct.unpack_from("!HH", datagram)
            self._received.append(Received(None, number, datagram[4:4 + length], None))
            return None
        message = stun.Message(datagram)
        if message.method == stun.CONNECTION_ATTEMPT:
            self._attempts.append(Attempt(message[stun.CONNECTION_ID],
                                          message.address(stun.XOR_PEER_ADDRESS)))
            return None
        if message.method != stun.DATA:
            return message
        icmp = struct.unpack("!xxBBI", message[stun.ICMP]) if stun.ICMP in message else None
        data = message[stun.DATA_ATTRIBUTE] if stun.DATA_ATTRIBUTE in message else None
        peer = message.address(stun.XOR_PEER_ADDRESS)
        self._received.append(Received(peer, None, data, icmp))
        return None
