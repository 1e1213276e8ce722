# STUN messages (RFC 8489) written anew with Python's standard library: a foreign implementation
# beside the server's own, so that both cannot share a misreading.
import hashlib
import hmac
import ipaddress
import os
import struct
import zlib

MAGIC_COOKIE = 0x2112A442
HEADER = 20

BINDING, ALLOCATE, REFRESH, SEND, DATA, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 6, 7, 8, 9
CONNECT, CONNECTION_BIND, CONNECTION_ATTEMPT = 10, 11, 12  # RFC 6062
REQUEST, INDICATION, SUCCESS, ERROR = 0, 1, 2, 3

USERNAME, MESSAGE_INTEGRITY, ERROR_CODE = 0x0006, 0x0008, 0x0009
CHANNEL_NUMBER, LIFETIME, XOR_PEER_ADDRESS, DATA_ATTRIBUTE = 0x000C, 0x000D, 0x0012, 0x0013
REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_ADDRESS_FAMILY = 0x0014, 0x0015, 0x0016, 0x0017
EVEN_PORT, REQUESTED_TRANSPORT, DONT_FRAGMENT = 0x0018, 0x0019, 0x001A
MESSAGE_INTEGRITY_SHA256, PASSWORD_ALGORITHM = 0x001C, 0x001D
XOR_MAPPED_ADDRESS, RESERVATION_TOKEN, CONNECTION_ID = 0x0020, 0x0022, 0x002A
ADDITIONAL_ADDRESS_FAMILY, PASSWORD_ALGORITHMS, ICMP, FINGERPRINT = 0x8000, 0x8002, 0x8004, 0x8028

MD5, SHA256 = 1, 2
OVER_TCP, OVER_UDP = b"\x06\0\0\0", b"\x11\0\0\0"  # REQUESTED-TRANSPORT


def new_transaction_id():
    return os.urandom(12)


def long_term_key(username, realm, password, algorithm=MD5):
    """RFC 8489, Section 18.5.1; the texts of these tests are ASCII, which OpaqueString keeps."""
    text = f"{username}:{realm}:{password}".encode()
    return (hashlib.md5 if algorithm == MD5 else hashlib.sha256)(text).digest()


def xor_address(address, transaction_id):
    """The value of XOR-MAPPED-ADDRESS and its kin (RFC 8489, Section 14.2)."""
    host, port = address[:2]
    ip = ipaddress.ip_address(host)
    pad = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    packed = bytes(a ^ b for a, b in zip(ip.packed, pad))
    return struct.pack("!xBH", 1 if ip.version == 4 else 2, port ^ MAGIC_COOKIE >> 16) + packed


def read_xor_address(value, transaction_id):
    family, port = struct.unpack_from("!xBH", value)
    pad = struct.pack("!I", MAGIC_COOKIE) + transaction_id
    packed = bytes(a ^ b for a, b in zip(value[4:], pad))
    assert (family, len(packed)) in ((1, 4), (2, 16)), value.hex()
    return str(ipaddress.ip_address(packed)), port ^ MAGIC_COOKIE >> 16


def message_type(method, message_class):
    # Methods above 0x00F do not occur here, so the interleaving is the two class bits alone.
    return method | (message_class & 1) << 4 | (message_class & 2) << 7


def _with_length(message, extra):
    return message[:2] + struct.pack("!H", len(message) - HEADER + extra) + message[4:]


def encode(method, message_class, transaction_id, attributes, key=None, algorithm=MD5):
    """A message; with a key it is signed, and FINGERPRINT always ends it."""
    message = struct.pack("!HHI", message_type(method, message_class), 0, MAGIC_COOKIE)
    message += transaction_id
    for kind, value in attributes:
        message += struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)
    if key is not None and algorithm == MD5:
        mac = hmac.new(key, _with_length(message, 24), hashlib.sha1).digest()
        message += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + mac
    elif key is not None:
        mac = hmac.new(key, _with_length(message, 36), hashlib.sha256).digest()
        message += struct.pack("!HH", MESSAGE_INTEGRITY_SHA256, 32) + mac
    message = _with_length(message, 8)
    crc = zlib.crc32(message) ^ 0x5354554E
    return message + struct.pack("!HHI", FINGERPRINT, 4, crc)


class Message:
    """A received message, checked as strictly as its receiver may."""

    def __init__(self, datagram):
        kind, length, cookie = struct.unpack_from("!HHI", datagram)
        assert kind < 0x4000 and cookie == MAGIC_COOKIE and length == len(datagram) - HEADER
        self.method = kind & 0x000F
        self.message_class = (kind >> 4 & 1) | (kind >> 7 & 2)
        self.transaction_id = datagram[8:20]
        self.attributes = []
        self._datagram = datagram
        self._offsets = {}
        at = HEADER
        while at < len(datagram):
            attribute, size = struct.unpack_from("!HH", datagram, at)
            self._offsets.setdefault(attribute, at)
            value = datagram[at + 4:at + 4 + size]
            assert len(value) == size, "an attribute passes the end of the message"
            self.attributes.append((attribute, value))
            at += 4 + size
            assert not any(datagram[at:at + (-size % 4)]), "padding is not zero"
            at += -size % 4
        if FINGERPRINT in self:
            crc = zlib.crc32(datagram[:-8]) ^ 0x5354554E
            assert struct.unpack("!I", self[FINGERPRINT])[0] == crc, "wrong FINGERPRINT"

    def __contains__(self, attribute):
        return attribute in self._offsets

    def __getitem__(self, attribute):
        """The first of its kind: further ones are ignored (RFC 8489, Section 14)."""
        return next(value for kind, value in self.attributes if kind == attribute)

    def all(self, attribute):
        return [value for kind, value in self.attributes if kind == attribute]

    def address(self, attribute):
        return read_xor_address(self[attribute], self.transaction_id)

    def error(self):
        if ERROR_CODE not in self:
            return None
        hundreds, number = struct.unpack_from("!xxBB", self[ERROR_CODE])
        return hundreds * 100 + number

    def is_signed_with(self, key, algorithm):
        attribute, size, digest = ((MESSAGE_INTEGRITY, 24, hashlib.sha1) if algorithm == MD5 else
                                   (MESSAGE_INTEGRITY_SHA256, 36, hashlib.sha256))
        if attribute not in self:
            return False
        before = self._datagram[:self._offsets[attribute]]
        return hmac.compare_digest(hmac.new(key, _with_length(before, size), digest).digest(),
                                   self[attribute])
