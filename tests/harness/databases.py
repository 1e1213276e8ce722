# Credential databases as coturn lays them out: SQLite by its turnadmin, the others by its schema.
#
# Each server is a process of the test, in a directory of its own, on a Unix socket.
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile

from processes import Process, check, skip, wait_until
from stun_message import MD5, long_term_key

START_DEADLINE = 60
PASSWORD = "p@ss word"  # of the database itself; has to be encoded in a URL
ENCODED_PASSWORD = "p%40ss%20word"

# turndb/schema.sql of coturn 4.6
SCHEMA = """
CREATE TABLE turnusers_lt (realm varchar(127) DEFAULT '', name varchar(512), hmackey char(128), PRIMARY KEY (realm,name));
CREATE TABLE turn_secret (realm varchar(127) DEFAULT '', value varchar(256), PRIMARY KEY (realm,value));
CREATE TABLE allowed_peer_ip (realm varchar(127) DEFAULT '', ip_range varchar(256), PRIMARY KEY (realm,ip_range));
CREATE TABLE denied_peer_ip (realm varchar(127) DEFAULT '', ip_range varchar(256), PRIMARY KEY (realm,ip_range));
CREATE TABLE turn_origin_to_realm (origin varchar(127), realm varchar(127), PRIMARY KEY (origin));
CREATE TABLE turn_realm_option (realm varchar(127) DEFAULT '', opt varchar(32), value varchar(128), PRIMARY KEY (realm,opt));
CREATE TABLE oauth_key (kid varchar(128), ikm_key varchar(256), timestamp bigint DEFAULT 0, lifetime integer DEFAULT 0, as_rs_alg varchar(64) DEFAULT '', realm varchar(127), PRIMARY KEY (kid));
"""


def md5_key(name, realm, password):
    return long_term_key(name, realm, password, MD5).hex()


def run(*command, stdin=None):
    done = subprocess.run(command, input=stdin, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT,
                          stdin=None if stdin is not None else subprocess.DEVNULL)
    check(done.returncode == 0, f"{' '.join(command)}: {done.stdout}")
    return done.stdout


def program(name, elsewhere=None):
    """Its path; who lacks it cannot run the test. `elsewhere`: a pattern, where it is looked for
    first."""
    found = sorted(glob.glob(elsewhere)) if elsewhere else []
    path = found[-1] if found else shutil.which(name)
    if not path:
        skip(f"{name} is not installed")
    return path


def account(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        skip(f"there is no user {name}")


def free_port():
    """Of loopback, for a server that cannot say which one it took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Database:
    """Has a directory that the server may enter once it has given up root."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="uturn-db-")
        os.chmod(self._directory.name, 0o755)
        self._server = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._server:
            self._server.kill()
        self._directory.cleanup()

    def path(self, name):
        return os.path.join(self._directory.name, name)

    def add_user(self, realm, name, password):
        self.sql(f"INSERT INTO turnusers_lt (realm, name, hmackey) VALUES "
                 f"('{realm}', '{name}', '{md5_key(name, realm, password)}');")

    def add_secret(self, realm, secret):
        self.sql(f"INSERT INTO turn_secret (realm, value) VALUES ('{realm}', '{secret}');")

    def set_realm_options(self, realm, **options):
        """coturn's max_bps, total_quota and user_quota."""
        for name, value in options.items():
            option = name.replace("_", "-")
            self.sql(f"DELETE FROM turn_realm_option WHERE realm = '{realm}' AND opt = '{option}';"
                     f"INSERT INTO turn_realm_option (realm, opt, value) VALUES "
                     f"('{realm}', '{option}', '{value}');")

    def add_origin(self, origin, realm):
        self.sql(f"INSERT INTO turn_origin_to_realm (origin, realm) VALUES "
                 f"('{origin}', '{realm}');")

    def add_peers(self, realm, ranges, allowed):
        table = "allowed_peer_ip" if allowed else "denied_peer_ip"
        self.sql(f"INSERT INTO {table} (realm, ip_range) VALUES ('{realm}', '{ranges}');")

    def add_oauth_key(self, kid, key, realm):
        self.sql(f"INSERT INTO oauth_key (kid, ikm_key, realm) VALUES "
                 f"('{kid}', '{key}', '{realm}');")

    def kill(self):
        """As a crash would."""
        os.kill(self._server.pid, signal.SIGKILL)
        self._server.wait(10)

    def start(self):
        self._server = Process(self.command(), self.path("server.log"))
        wait_until(self.answers, START_DEADLINE, f"{type(self).__name__}")

    def answers(self):
        check(not self._server.has_ended(),
              f"{type(self).__name__} did not start:\n{self._server.output()}")
        return self.try_out()

    def as_owner(self, user, *command):
        """The command of a server that does not want to be root."""
        if os.geteuid() != 0:
            return list(command)
        owner = account(user)
        return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups",
                *command]

    def own_directory(self, user, name):
        path = self.path(name)
        os.mkdir(path, 0o755)
        if os.geteuid() == 0:
            owner = account(user)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        return path


class Sqlite(Database):
    def __init__(self):
        super().__init__()
        self.file = self.path("turndb")
        self.url = f"sqlite://{self.file}"

    def _admin(self, *arguments):
        run(program("turnadmin"), *arguments, "-b", self.file)
        os.chmod(self.file, 0o644)

    def add_user(self, realm, name, password):
        self._admin("-a", "-u", name, "-r", realm, "-p", password)

    def add_secret(self, realm, secret):
        self._admin("-s", secret, "-r", realm)

    def set_realm_options(self, realm, **options):
        """coturn's max_bps, total_quota and user_quota."""
        for name, value in options.items():
            self._admin("-g", "--" + name.replace("_", "-"), str(value), "-r", realm)

    def add_origin(self, origin, realm):
        self._admin("-O", "-o", origin, "-r", realm)

    def sql(self, text):
        import sqlite3
        with sqlite3.connect(self.file) as connection:
            connection.executescript(text)

    def kill(self):
        os.rename(self.file, self.file + ".away")

    def start(self):
        os.rename(self.file + ".away", self.file)


class Postgresql(Database):
    port = 5432  # a part of the Unix socket's name

    def __init__(self):
        super().__init__()
        program("setpriv")
        self._binaries = os.path.dirname(program("initdb", "/usr/lib/postgresql/*/bin/initdb"))
        self._home = self.own_directory("postgres", "pg")
        password_file = self.path("password")
        with open(password_file, "w") as file:
            file.write(PASSWORD + "\n")
        os.chmod(password_file, 0o644)
        run(*self.as_owner("postgres", self._binary("initdb"), "-D", f"{self._home}/data", "-U",
                           "turn", "-A", "scram-sha-256", "--pwfile", password_file, "-E", "UTF8",
                           "--no-locale", "--no-sync"))
        self.url = f"postgresql://turn:{ENCODED_PASSWORD}@/coturn?host={self._home}"
        self.start()
        self._psql("postgres", "CREATE DATABASE coturn;")
        self.sql(SCHEMA)

    def _binary(self, name):
        return os.path.join(self._binaries, name)

    def command(self):
        # What a killed server leaves behind would have to be fsynced, by default.
        return self.as_owner("postgres", self._binary("postgres"), "-D", f"{self._home}/data", "-k",
                             self._home, "-c", "listen_addresses=", "-c", "shared_buffers=8MB")

    def _psql(self, database, text):
        return run("env", f"PGPASSWORD={PASSWORD}", self._binary("psql"), "-q", "-v",
                   "ON_ERROR_STOP=1", "-h", self._home, "-p", str(self.port), "-U", "turn", "-d",
                   database, stdin=text)

    def try_out(self):
        return subprocess.run([self._binary("pg_isready"), "-q", "-h", self._home, "-p",
                               str(self.port)]).returncode == 0

    def sql(self, text):
        self._psql("coturn", text)

    def kill(self):
        # Its children would hold what they share until they notice.
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait(10)


class TlsPostgresql(Postgresql):
    """By TCP, from nobody without TLS."""

    def __init__(self, certificate):
        self._certificate, self._tcp_port = certificate, free_port()
        super().__init__()
        self.url = f"postgresql://turn:{ENCODED_PASSWORD}@127.0.0.1:{self._tcp_port}/coturn"

    def start(self):
        for source, name in ((self._certificate.certificate, "server.crt"),
                             (self._certificate.key, "server.key")):
            shutil.copy(source, f"{self._home}/{name}")
            os.chmod(f"{self._home}/{name}", 0o600)
            if os.geteuid() == 0:
                owner = account("postgres")
                os.chown(f"{self._home}/{name}", owner.pw_uid, owner.pw_gid)
        rules = f"{self._home}/data/pg_hba.conf"
        with open(rules) as file:
            text = file.read()
        with open(rules, "w") as file:
            file.write(re.sub(r"^host\b", "hostssl", text, flags=re.MULTILINE))
        super().start()

    def command(self):
        return [*super().command(), "-c", "listen_addresses=127.0.0.1", "-c", "ssl=on", "-c",
                f"ssl_cert_file={self._home}/server.crt", "-c",
                f"ssl_key_file={self._home}/server.key", "-p", str(self._tcp_port)]

    @property
    def port(self):
        return self._tcp_port


class Mariadb(Database):
    def __init__(self):
        super().__init__()
        self._home = self.own_directory("mysql", "mysql")
        # Servers that begin at the same moment take each other's temporary tables away.
        self._temporary = self.own_directory("mysql", "mysql-tmp")
        self.socket = f"{self._home}/socket"
        run(program("mariadb-install-db"), "--no-defaults", f"--datadir={self._home}/data",
            f"--tmpdir={self._temporary}", "--auth-root-authentication-method=normal", "--skip-test-db", *self._user())
        self.url = f"mysql://turn:{ENCODED_PASSWORD}@localhost/coturn?socket={self.socket}"
        self.start()
        self._client("", f"CREATE DATABASE coturn; CREATE USER turn@localhost IDENTIFIED BY "
                         f"'{PASSWORD}'; GRANT ALL ON coturn.* TO turn@localhost;")
        self.sql(SCHEMA)

    def _user(self):
        return ["--user=mysql"] if os.geteuid() == 0 else []

    def command(self):
        return [program("mariadbd", "/usr/sbin/mariadbd"), "--no-defaults", *self.network(),
                f"--datadir={self._home}/data", f"--tmpdir={self._temporary}",
                f"--socket={self.socket}",
                f"--pid-file={self._home}/pid", "--innodb-buffer-pool-size=8M", *self._user()]

    def network(self):
        return ["--skip-networking"]

    def _client(self, database, text):
        return run(program("mariadb"), "--no-defaults", f"--socket={self.socket}", "-u", "root",
                   *([database] if database else []), stdin=text)

    def try_out(self):
        return subprocess.run([program("mariadb-admin"), "--no-defaults",
                               f"--socket={self.socket}", "-u", "root", "ping"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def sql(self, text):
        self._client("coturn", text)


class TlsMariadb(Mariadb):
    """By TCP, from nobody without TLS."""

    def __init__(self, certificate):
        self._certificate, self._tcp_port = certificate, free_port()
        super().__init__()
        self._client("", f"CREATE USER turn@'127.0.0.1' IDENTIFIED BY '{PASSWORD}' REQUIRE SSL; "
                         "GRANT ALL ON coturn.* TO turn@'127.0.0.1';")
        self.url = f"mysql://turn:{ENCODED_PASSWORD}@127.0.0.1:{self._tcp_port}/coturn"

    def network(self):
        return ["--bind-address=127.0.0.1", f"--port={self._tcp_port}", "--skip-name-resolve",
                f"--ssl-cert={self._certificate.certificate}",
                f"--ssl-key={self._certificate.key}"]


class Redis(Database):
    def __init__(self):
        super().__init__()
        self.socket = self.path("socket")
        self.url = f"redis://:{ENCODED_PASSWORD}@localhost/3?socket={self.socket}"
        self.start()

    def command(self):
        return [program("redis-server"), "--port", "0", "--unixsocket", self.socket,
                "--unixsocketperm", "777", "--dir", self.path("."), "--save", "", "--appendonly",
                "yes", "--appendfsync", "always", "--requirepass", PASSWORD]

    def redis(self, *words):
        return run("env", f"REDISCLI_AUTH={PASSWORD}", program("redis-cli"), "-s", self.socket,
                   "-n", "3", *words)

    def try_out(self):
        done = subprocess.run(["env", f"REDISCLI_AUTH={PASSWORD}", program("redis-cli"), "-s",
                               self.socket, "ping"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip() == "PONG"

    def add_user(self, realm, name, password):
        self.redis("SET", f"turn/realm/{realm}/user/{name}/key", md5_key(name, realm, password))

    def set_realm_options(self, realm, **options):
        for name, value in options.items():
            self.redis("SET", f"turn/realm/{realm}/{name.replace('_', '-')}", str(value))

    def add_origin(self, origin, realm):
        self.redis("SET", f"turn/origin/{origin}", realm)

    def add_peers(self, realm, ranges, allowed):
        kind = "allowed" if allowed else "denied"
        self.redis("SADD", f"turn/realm/{realm}/{kind}-peer-ip", ranges)

    def add_oauth_key(self, kid, key, realm):
        self.redis("HSET", f"turn/oauth/kid/{kid}", "ikm_key", key, "realm", realm)

    def add_secret(self, realm, secret):
        self.redis("SADD", f"turn/realm/{realm}/secret", secret)
