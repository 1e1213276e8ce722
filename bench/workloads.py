# What is done to a server: each workload is flags of `uturn bench`, and what the server needs for it.
import dataclasses

URING, EPOLL, COTURN, FORWARDER = "uturn-uring", "uturn-epoll", "coturn", "forwarder"
SERVERS = (URING, EPOLL, COTURN, FORWARDER)

# uturn answers 2,000 unauthenticated requests a second from one address (`limits` in etc/uturn.yaml).
# A closed loop from one address would measure that limit.
UNLIMITED_ANSWERS = ("--set", "limits.answers_per_second=1000000",
                     "--set", "limits.answers_burst=1000000")


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    what: str
    flags: tuple
    serve: tuple = ()       # flags of `uturn serve`
    coturn: tuple = ()      # lines of turnserver.conf; they go last, and so win
    login: tuple = ()       # who the clients are; empty: the one user of the configuration
    workers: int = 1
    seconds: float = None   # where the length of a run is part of the workload
    warmup: float = None
    floods: bool = False    # the flood comes from addresses of the world
    transport: str = "udp"  # of the clients; tls and dtls with a certificate made for the run
    during: str = ""        # what an operator does meanwhile: reload, certificates, drain, sessions
    allocations: int = None  # that there are before an operator begins


def flags(text):
    return tuple(text.split())


def small(direction, via="channel", allocations=1000):
    """The row of the targets: 100 B over many allocations, as fast as the server goes."""
    return Workload(
        "-".join([direction] + (["indications"] if via == "indication" else []) +
                 ([str(allocations)] if allocations != 1000 else [])),
        f"{allocations:,} allocations, 100 B, {direction}, by {via}, saturated",
        flags(f"--mode relay --allocations {allocations} --payload 100 --direction {direction} "
              f"--via {via} --saturate 512"))


def bursts(direction, sender, via="channel"):
    """Video frames: runs of equal datagrams to one destination."""
    return Workload(
        "-".join([sender, direction] + (["indications"] if via == "indication" else [])),
        f"100 allocations, bursts of 8 × 1200 B from a {sender} sender, {direction}, by {via}",
        flags(f"--mode relay --allocations 100 --payload 1200 --burst 8 --direction {direction} "
              f"--via {via} --sender {sender} --saturate 512"))


# uturn lets datagrams gather while it has time; without, what a packet costs depends less on the load.
NO_WAIT = ("--set", "server.batch_wait=0s")


def without_wait(workload):
    return dataclasses.replace(workload, name=f"{workload.name}-no-wait",
                               what=f"{workload.what}, server.batch_wait=0s",
                               serve=workload.serve + NO_WAIT)


STEADY = Workload(
    "steady", "20,000 packets/s over 1,000 allocations, 10,000 each way, 100 B",
    flags("--mode relay --allocations 1000 --payload 100 --direction both --rate 10000"))
STEADY_WITHOUT_WAIT = without_wait(STEADY)


# The mode takes the slope of RSS between a third of the allocations and all of them.
IDLE = Workload("idle", "15,000 allocations, a permission and a channel each, no traffic",
                flags("--mode idle --allocations 15000"), UNLIMITED_ANSWERS, seconds=3, warmup=0)
# So many sockets that none is used again within seconds: coturn keeps a five-tuple for a while after
# Refresh 0 and answers 437.
ALLOCATE = Workload("allocate", "401, Allocate, Refresh 0: as many as the server takes",
                    flags("--mode allocate --allocations 12000"), UNLIMITED_ANSWERS)
STORM = Workload("storm", "15,000 clients begin within 10 s, from 8 addresses, default limits",
                 flags("--mode allocate --allocations 15000 --storm-seconds 10"),
                 seconds=10, warmup=0)
# The mode compares RSS after a tenth of the lives with RSS after all. The length is an estimate.
LIVES = Workload("lives", "1,000,000 allocations made and ended: what the last 900,000 leave behind",
                 flags("--mode lives --allocations 1000000"), UNLIMITED_ANSWERS, seconds=150,
                 warmup=0)


def connections(transport):
    """Memory of connections that do nothing, each with an allocation."""
    return Workload(f"idle-{transport}",
                    f"6,000 {transport.upper()} clients, an allocation each, no traffic",
                    flags(f"--mode idle --allocations 6000 --transport {transport}"),
                    UNLIMITED_ANSWERS, seconds=2, warmup=0, transport=transport)


def handshakes(transport):
    """A connection for each: handshake, 401, Allocate, Refresh 0, and its end."""
    return Workload(f"lives-{transport}",
                    f"10,000 {transport.upper()} clients come and go, 64 at a time",
                    flags(f"--mode lives --allocations 10000 --transport {transport}"),
                    UNLIMITED_ANSWERS, seconds=10, warmup=0, transport=transport)


def unsaturated(direction, rate, allocations=1000):
    """What a server costs that is not driven to its limit: wake-ups count, batches are small."""
    return Workload(
        "-".join([direction, str(rate)] + ([str(allocations)] if allocations != 1000 else [])),
        f"{rate:,} packets/s over {allocations:,} allocations, 100 B, {direction}",
        flags(f"--mode relay --allocations {allocations} --payload 100 --direction {direction} "
              f"--rate {rate}"))


def saturating(workers):
    return dataclasses.replace(small("to-client"), name=f"saturating-workers-{workers}",
                               workers=workers)


def paced(workers):
    return Workload(f"workers-{workers}", f"40,000 packets/s, 1,000 allocations, {workers} worker(s)",
                    flags("--mode relay --allocations 1000 --payload 100 --direction to-peer "
                          "--rate 40000"), workers=workers)


# {half_load} is half of what the first server of the comparison relayed when saturated.
HALF_LOAD = Workload("half-load", "half of the saturated rate, 1,000 allocations, 100 B, to-peer",
                     flags("--mode relay --allocations 1000 --payload 100 --direction to-peer "
                           "--rate {half_load}"))


# W3 saturates a small machine, and what is lost then is nobody's news: here less is sent than any
# server relays, so that each packet that is missing was lost by the operation.
OPERATED_ALLOCATIONS = 1000


def operated(during=""):
    return Workload(
        f"W12-{during or 'quiet'}",
        "1,000 allocations, 5,000 packets/s each way, 160 B; meanwhile " +
        {"": "nothing is done", "reload": "the configuration is reloaded four times a second",
         "certificates": "the certificate is replaced four times a second",
         "drain": "the server begins to drain at half of the time"}[during],
        flags(f"--mode relay --allocations {OPERATED_ALLOCATIONS} --payload 160 --direction both "
              "--rate 5000"), during=during, allocations=OPERATED_ALLOCATIONS)


# As many as the descriptors of a small machine allow, each a real one with its share of the load.
LISTED_ALLOCATIONS = 15_000


def listed(during=""):
    return Workload(
        f"listing-{during or 'quiet'}",
        "15,000 allocations, 5,000 packets/s each way, 160 B; meanwhile " +
        ("all of them are listed, one list after the other" if during else "nothing is done"),
        flags(f"--mode relay --allocations {LISTED_ALLOCATIONS} --peers 64 --payload 160 "
              "--direction both --rate 5000"), UNLIMITED_ANSWERS, during=during,
        allocations=LISTED_ALLOCATIONS)


LISTED = {during or "quiet": listed(during) for during in ("", "sessions")}
W12 = {during or "quiet": operated(during) for during in ("", "reload", "certificates", "drain")}


def named(name, what, **more):
    """The workloads whose flags are presets of `uturn bench` itself."""
    return Workload(name, what, ("--workload", name), **more)


PUBLISHED = {workload.name: workload for workload in (
    named("W1", "1 allocation, 120 B, saturated"),
    named("W2", "200 channels × 500 packets/s × 160 B"),
    named("W2-1200", "200 channels × 500 packets/s × 1200 B"),
    named("W3", "10,000 allocations × 50 packets/s × 160 B, both ways"),
    named("W4", "2,000 allocations × video bursts (8 × 1200 B, 30 a second) and audio"),
    named("W5", "SFU fan-out: 7 packets to the client for each one from it"),
    named("W6", "Send and Data indications only"),
    named("W7", "TCP: 1,000 connections, 1200 B, echo, saturated", transport="tcp"),
    named("W7-tls", "TLS: 1,000 connections, 1200 B, echo, saturated", transport="tls"),
    named("W7-dtls", "DTLS: 1,000 sessions, 1200 B, echo, saturated", transport="dtls"),
    named("W8", "storm: as many allocations as descriptors allow within 10 s, then Refresh 0",
          serve=UNLIMITED_ANSWERS, seconds=10, warmup=0),
    named("W9", "idle allocations, one permission and one channel each", serve=UNLIMITED_ANSWERS,
          seconds=1, warmup=0),
    named("W10", "floods of Binding, Allocate, garbage and bad HMAC beside W3", floods=True),
    named("W11", "churn for five minutes", serve=UNLIMITED_ANSWERS, seconds=300),
    named("W13", "STUN Binding requests, saturated", serve=UNLIMITED_ANSWERS),
)}
