# What tests of streams ask of a connection: that it is served, or ended.
import ssl

import stun_message as stun
from processes import check
from server import PASSWORD, USER
from transports import ConnectionEnded, connect_tcp
from turn_client import TurnClient

DEADLINE = 20  # of a sanitized server on a busy machine
BINDING = stun.encode(stun.BINDING, stun.REQUEST, stun.new_transaction_id(), [])


def turn_client(stream):
    return TurnClient.over(stream, USER, PASSWORD)


def own_address(stream):
    return stream.socket.getsockname()[:2]


def expect_service(stream, mapped=None):
    """A Binding request is answered: with the client's own address, or the one announced for it."""
    told, expected = turn_client(stream).binding(), mapped or own_address(stream)
    check(told == expected, f"mapped {told} instead of {expected}")


def is_served(address, connect=connect_tcp, **more):
    """Whether a new connection is."""
    try:
        with connect(address, **more) as stream:
            expect_service(stream)
            return True
    except (ConnectionEnded, OSError):
        return False


def what_remains(stream):
    """All that comes before the end, which has to come."""
    try:
        return stream.receive_end(DEADLINE)
    except ssl.SSLError:  # ended by an alert
        return b""
    except TimeoutError:
        check(False, f"the connection still stands after {DEADLINE} s")


def expect_end(stream, words=b""):
    """After these bytes the server ends the connection, and says nothing."""
    try:
        stream.send_bytes(words)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        return  # it ended before they were all out
    remaining = what_remains(stream)
    check(not remaining, f"{remaining[:200]!r} instead of an end")
