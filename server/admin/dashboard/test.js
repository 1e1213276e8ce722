// The test page: what a browser gets from each URL, and then two connections through the relay.
"use strict";
(() => {
  const GATHERING = 12000;
  const IDLE = 1000;  // of pings alone
  // test?seconds=600 is a patient one.
  const LOAD = 1000 * Math.min(3600, Math.max(1, Number(new URLSearchParams(location.search).get("seconds")) || 6));
  const PATIENCE = 2500;  // without any data
  const MESSAGE = 1100;
  const WAITING = 128 * MESSAGE;  // bytes that wait in the browser, so that the path is never idle
  const { json } = Server;

  // Error codes of icecandidateerror: a server's (RFC 8489, RFC 8656); 600 and above are the browser's own.
  const CAUSES = {
    300: "The server drains and names another one.",
    400: "The server did not understand the request.",
    401: "User name or credential is wrong: another secret, another realm, or expired.",
    403: "The server forbids it.",
    437: "The server still knows an older allocation of this address. Try again in a moment.",
    438: "The nonce was stale twice: is there more than one server behind this name?",
    440: "The server relays no addresses of the family that was asked for.",
    441: "Somebody else's allocation is on this address.",
    442: "The server relays no such transport.",
    486: "The quota of this user is reached.",
    508: "The server has no port, descriptor or allocation left, or it drains.",
    600: "This browser knows no such kind of address.",
    701: "The server cannot be reached: a wrong name or port, a firewall, or a certificate that this browser does not trust.",
  };
  const SILENT = "No answer at all: packets are lost on the way, most likely in a firewall.";
  const NOT_FOUND = "Both ends got relayed addresses and did not find each other. Does a firewall keep packets from the relay's ports, or does the server deny its own addresses as peers?";

  const cause = (event) => CAUSES[event.errorCode] || `Error ${event.errorCode}: ${event.errorText}`;
  const until = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
  const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
  const milliseconds = (n) => (n === undefined ? "—" : `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`);
  const settings = (url, username, credential) => (
    { iceServers: [{ urls: url, username, credential }], iceTransportPolicy: "relay" });

  // One URL alone: does it give a relayed candidate?

  function gather(url, username, credential) {
    return new Promise((resolve) => {
      const began = performance.now();
      let pc;
      let error = null;
      let timer = 0;
      const end = (verdict) => {
        clearTimeout(timer);
        pc?.close();
        resolve({ after: performance.now() - began, ...verdict });
      };
      try {
        pc = new RTCPeerConnection(settings(url, username, credential));
      } catch (refused) {
        end({ ok: false, said: `The browser refuses this URL: ${refused.message}` });
        return;
      }
      timer = setTimeout(() => end({ ok: false, said: error ? cause(error) : SILENT }), GATHERING);
      pc.createDataChannel("test");
      pc.onicecandidate = ({ candidate }) => {
        if (candidate?.type === "relay") {
          end({ ok: true, said: `Relayed address ${candidate.address}:${candidate.port}.` });
        } else if (candidate === null) {
          end({ ok: false, said: error ? cause(error) : "The server gave no relayed address." });
        }
      };
      pc.onicecandidateerror = (event) => {
        // What a server says tells more than that another of its addresses is silent.
        if (!error || error.errorCode >= 600) error = event;
      };
      pc.createOffer().then((offer) => pc.setLocalDescription(offer));
    });
  }

  // Two connections of this page that may only relay

  async function pathOf(pc) {
    const stats = await pc.getStats();
    for (const report of stats.values()) {
      if (report.type !== "transport" || !report.selectedCandidatePairId) continue;
      const pair = stats.get(report.selectedCandidatePairId);
      const [local, remote] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
      return `${local.candidateType} over ${local.relayProtocol} to ${remote.candidateType}: ${local.address}:${local.port} ⇄ ${remote.address}:${remote.port}`;
    }
    return "";
  }

  async function connect(one, other) {
    one.onicecandidate = ({ candidate }) => other.addIceCandidate(candidate).catch(() => {});
    other.onicecandidate = ({ candidate }) => one.addIceCandidate(candidate).catch(() => {});
    await one.setLocalDescription(await one.createOffer());
    await other.setRemoteDescription(one.localDescription);
    await other.setLocalDescription(await other.createAnswer());
    await one.setRemoteDescription(other.localDescription);
  }

  function opened(channel) {
    return new Promise((resolve, reject) => {
      channel.onopen = resolve;
      setTimeout(() => reject(new Error(NOT_FOUND)), GATHERING);
    });
  }

  async function loop(url, username, credential) {
    const [one, other] = [0, 1].map(() => new RTCPeerConnection(settings(url, username, credential)));
    let pinging = 0;
    try {
      const fast = { ordered: false, maxRetransmits: 0 };
      const load = one.createDataChannel("load", fast);
      const pings = one.createDataChannel("pings", fast);
      let arrived = 0;
      const trips = { idle: [], load: [] };
      let phase = "idle";
      other.ondatachannel = ({ channel }) => {
        channel.binaryType = "arraybuffer";
        channel.onmessage = channel.label === "load" ? ({ data }) => { arrived += data.byteLength; }
          : ({ data }) => channel.send(data);
      };
      pings.onmessage = ({ data }) => trips[phase].push(performance.now() - Number(data));
      await Promise.all([opened(load), opened(pings), connect(one, other)]);
      $("path").textContent = await pathOf(one);
      pinging = setInterval(() => { if (pings.readyState === "open") pings.send(String(performance.now())); }, 100);
      await until(IDLE);

      phase = "load";
      const message = new Uint8Array(MESSAGE);
      const began = performance.now();
      let last = began;
      let lastArrived = 0;
      let heard = began;
      Charts.clear("loop");
      while (performance.now() - began < LOAD) {
        if (load.readyState !== "open") throw new Error("The connection ended under load. Did somebody end its session?");
        while (load.bufferedAmount < WAITING) load.send(message);
        await until(5);
        const now = performance.now();
        if (now - last < 250) continue;
        if (arrived > lastArrived) heard = now;
        if (now - heard > PATIENCE) throw new Error("Data stopped arriving. Did somebody end its session?");
        const rate = (8000 * (arrived - lastArrived)) / (now - last);
        [last, lastArrived] = [now, arrived];
        Charts.add("loop", (now - began) / 1000, ["bitrate"], [rate],
          { format: Say.bits, least: 1000, narrowest: Math.min(30, LOAD / 1000), x: (at) => `${at} s` });
        $("bitrate").textContent = Say.bits(rate);
        $("arrived").textContent = Say.bytes(arrived);
        $("rtt").replaceChildren(milliseconds(median(trips.idle)),
          element("small", { textContent: `${milliseconds(median(trips.load))} under load` }));
        if (one.connectionState === "failed") throw new Error("The connection broke under load.");
      }
      if (arrived === 0) throw new Error("Nothing arrived.");
      return { rate: (8000 * arrived) / (performance.now() - began), idle: median(trips.idle), load: median(trips.load) };
    } finally {
      clearInterval(pinging);
      one.close();
      other.close();
    }
  }

  // The page

  const HEADS = [...$("results").tHead.rows[0].cells].map((head) => head.textContent);
  function line(url) {
    const row = $("results").tBodies[0].insertRow();
    const cells = HEADS.map((head, i) => {
      const made = row.insertCell();
      made.dataset.label = head;
      if (i > 2) made.className = "num";
      return made;
    });
    cells[0].textContent = url;
    cells[1].textContent = "…";
    return {
      tell(verdict, looks, said) {
        cells[1].textContent = verdict;
        cells[1].className = looks;
        if (said) cells[2].textContent = said;
      },
      measured(i, text) { cells[i].textContent = text; },
    };
  }

  let given = { username: "", credential: "" };
  async function load() {
    try {
      given = await json("v1/test-credentials", { method: "POST" });
    } catch (error) {
      $("given").textContent = error.message;
      $("given").className = "bad";
      return;
    }
    $("given").textContent = given.username
      ? `The URLs that this server tells clients, with a credential that is good for ${Say.lasting(given.ttl)}.`
      : `${given.because} Enter a user name and a credential below.`;
    $("other").open = !given.username;
    $("urls").replaceChildren(...given.urls.map((url) => element("li", {},
      element("label", {}, element("input", { type: "checkbox", checked: true, value: url }), url))));
    $("start").disabled = false;
  }

  function verdict(text, looks) {
    $("verdict").textContent = text;
    $("verdict").className = looks;
  }

  async function test() {
    const chosen = [...document.querySelectorAll("#urls input:checked")].map((box) => box.value);
    const urls = [...chosen, ...$("more-urls").value.split(/\s+/).filter(Boolean)];
    let [username, credential] = [$("username").value, $("credential").value];
    if (!username) ({ username, credential } = await json("v1/test-credentials", { method: "POST" }));
    if (urls.length === 0 || !username) {
      $("progress").textContent = urls.length === 0 ? "No URL is chosen." : "A user name and a credential are needed.";
      return;
    }
    $("results").tBodies[0].replaceChildren();
    for (const id of ["bitrate", "rtt", "arrived"]) $(id).textContent = "—";
    verdict("…", "");
    let works = 0;
    let why = "No URL relays, so there is nothing to connect through.";
    for (const url of urls) {
      const shown = line(url);
      $("progress").textContent = `asking ${url}`;
      const result = await gather(url, username, credential);
      shown.measured(3, milliseconds(result.after));
      shown.tell(result.ok ? "relays" : "fails", result.ok ? "good" : "bad", result.said);
      if (!result.ok) continue;
      $("progress").textContent = `two connections through ${url}`;
      try {
        const measured = await loop(url, username, credential);
        shown.tell("works", "good");
        shown.measured(4, Say.bits(measured.rate));
        shown.measured(5, milliseconds(measured.idle));
        shown.measured(6, milliseconds(measured.load));
        works += 1;
      } catch (error) {
        shown.tell("relays, no data", "bad", error.message);
        why = error.message;
      }
    }
    verdict(works === urls.length ? "works" : works > 0 ? `${works} of ${urls.length} work` : "fails", works > 0 ? "good" : "bad");
    $("progress").textContent = works > 0 ? "done" : why;
  }

  $("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    $("start").disabled = true;
    try {
      await test();
    } catch (error) {
      verdict("fails", "bad");
      $("progress").textContent = error.message;
    }
    $("start").disabled = false;
  });
  Theme.start();
  load();
})();
