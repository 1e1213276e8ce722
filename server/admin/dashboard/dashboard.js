// The dashboard: reads /metrics and the admin API every two seconds, and draws what changed.
"use strict";
(() => {
  const EVERY = 2000;
  const USERS_EVERY = 5;  // looks; sessions are listed at every second one
  const { ask, json } = Server;
  const { count, bits, bytes, lasting, percent, perSecond, short } = Say;

  let before = null;
  let paused = false;

  // Prometheus' text: name -> [[labels, value]]

  function parse(text) {
    const samples = {};
    for (const line of text.split("\n")) {
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (!match) continue;
      const labels = {};
      for (const [, name, value] of (match[2] || "").matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)) {
        labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
      }
      (samples[match[1]] ||= []).push([labels, Number(match[3])]);
    }
    return samples;
  }
  const is = (labels, wanted) => Object.entries(wanted).every(([name, value]) => labels[name] === value);
  const sum = (samples, name, wanted = {}) => (samples[name] || [])
    .reduce((total, [labels, value]) => total + (is(labels, wanted) ? value : 0), 0);
  function by(samples, name, label) {
    const sums = new Map();
    for (const [labels, value] of samples[name] || []) {
      sums.set(labels[label], (sums.get(labels[label]) || 0) + value);
    }
    return sums;
  }
  function rateOf(now) {
    return (name, wanted) => (before
      ? Math.max(0, sum(now.metrics, name, wanted) - sum(before.metrics, name, wanted)) / (now.at - before.at) : 0);
  }

  // Tables

  const words = (name) => name.replaceAll("_", " ");
  const cell = (text, number = false) => element("td", { className: number ? "num" : "", textContent: text });
  function fill(id, rows, nothing) {
    const table = $(id);
    const heads = [...table.tHead.rows[0].cells].map((head) => head.textContent);
    for (const row of rows) {
      [...row.cells].forEach((at, i) => { at.dataset.label = heads[i] === "End" ? "" : heads[i]; });
    }
    if (rows.length === 0) {
      const only = element("td", { className: "quiet", textContent: nothing, colSpan: heads.length });
      only.dataset.label = "";
      rows = [element("tr", {}, only)];
    }
    table.tBodies[0].replaceChildren(...rows);
  }

  // What one look showed

  function show(now) {
    const rate = rateOf(now);
    const m = now.metrics;
    const out = 8 * rate("uturn_relayed_bytes_total", { direction: "to_peer" });
    const back = 8 * rate("uturn_relayed_bytes_total", { direction: "to_client" });
    const packetsOut = rate("uturn_relayed_packets_total", { direction: "to_peer" });
    const packetsBack = rate("uturn_relayed_packets_total", { direction: "to_client" });
    // Keep-alives are dropped as RFC 8489 asks for.
    const drops = rate("uturn_dropped_packets_total") - rate("uturn_dropped_packets_total", { reason: "binding_indication" });
    const lost = rate("uturn_socket_drops_total");
    const shards = [...by(m, "uturn_worker_cpu_seconds_total", "worker").keys()];
    const cpu = shards.map((worker) => rate("uturn_worker_cpu_seconds_total", { worker }));
    const transports = by(m, "uturn_allocations", "transport");

    tiles([
      ["Allocations", count(sum(m, "uturn_allocations")), `room for ${count(sum(m, "uturn_allocations_room"))}`],
      ["To peers", bits(out), perSecond(packetsOut)],
      ["To clients", bits(back), perSecond(packetsBack)],
      ["Dropped", perSecond(Math.max(0, drops) + lost), lost > 0 ? `${perSecond(lost)} by the kernel` : "none by the kernel"],
      ["Permissions", count(sum(m, "uturn_permissions")), `${count(sum(m, "uturn_channels"))} channels`],
      ["Connections", count(sum(m, "uturn_client_connections")), `${count(sum(m, "uturn_dtls_sessions"))} by DTLS`],
      ["CPU", percent(rate("process_cpu_seconds_total")), `${shards.length} shard${shards.length === 1 ? "" : "s"}`],
      ["Memory", bytes(sum(m, "process_resident_memory_bytes")), `${count(sum(m, "process_threads"))} threads`],
    ]);
    if (before) {
      Charts.add("bits", now.at, ["to peers", "to clients"], [out, back], { format: bits, least: 1000 });
      Charts.add("packets", now.at, ["to peers", "to clients", "dropped"], [packetsOut, packetsBack, Math.max(0, drops) + lost],
        { format: short, least: 10 });
      Charts.add("cpu", now.at, shards.map((shard) => `shard ${shard}:`), cpu, { format: percent, least: 0.1 });
    }
    const names = ["udp", "tcp", "tls", "dtls"];
    Charts.add("allocations", now.at, names, names.map((name) => transports.get(name) || 0), { format: short, least: 4 });
    showFunnel(m);
    showRoom(m);
    showCertificates(m);
    showDrops(m, rate);
    showRealms(m, rate);
    showState(now);
  }

  function tiles(all) {
    const place = $("tiles");
    if (place.children.length !== all.length) {
      place.replaceChildren(...all.map(([name]) => element("div", {}, element("dt", { textContent: name }),
        element("dd", {}, element("span"), element("small")))));
    }
    all.forEach(([, value, more], i) => {
      const [big, small] = place.children[i].lastChild.children;
      big.textContent = value;
      small.textContent = more;
    });
  }

  // From Binding to first payload: how many came so far, and what stopped the others

  const MEANS = {
    300: "sent to another server", 400: "bad request", 403: "peer is denied", 420: "unknown attribute",
    437: "no such allocation", 440: "address family not served", 441: "another user's allocation",
    442: "transport not served", 443: "peer of another family", 446: "connection exists", 447: "peer did not answer",
    486: "quota reached", 487: "role conflict", 500: "server error", 508: "no capacity",
  };
  function refusals(m, ...methods) {
    const found = [];
    for (const [labels, times] of m.uturn_requests_total || []) {
      // Credentials are told apart below; a stale nonce stops nobody.
      if (!methods.includes(labels.method) || ["success", "401", "438"].includes(labels.result) || times === 0) continue;
      found.push([`${labels.result} ${MEANS[labels.result] || ""}`, times]);
    }
    return found;
  }
  function wrongCredentials(m) {
    return (m.uturn_authentications_total || [])
      .filter(([labels, times]) => times > 0 && !["accepted", "no_integrity", "stale_nonce"].includes(labels.outcome))
      .map(([labels, times]) => [words(labels.outcome), times]);
  }
  function some(text, times) { return times > 0 ? [[text, times]] : []; }

  function showFunnel(m) {
    const allocated = sum(m, "uturn_allocations_created_total");
    const limited = sum(m, "uturn_limits_hit_total", { limit: "answers_per_second" });
    const steps = [
      ["Binding answered", sum(m, "uturn_requests_total", { method: "binding", result: "success" }), some("left without an answer: asked too often", limited)],
      ["Challenged (401)", sum(m, "uturn_challenges_total"), []],
      ["Allocated", allocated, [...wrongCredentials(m), ...refusals(m, "allocate")]],
      ["Got a permission", sum(m, "uturn_allocations_permitted_total"), refusals(m, "create_permission", "channel_bind", "connect")],
      ["First payload relayed", sum(m, "uturn_allocations_used_total"), [
        ...some("ended without any", sum(m, "uturn_allocations_never_used_total")),
        ...some("packets without a permission", sum(m, "uturn_dropped_packets_total", { reason: "no_permission" })),
        ...some("packets to a denied peer", sum(m, "uturn_dropped_packets_total", { reason: "peer_forbidden" }))]],
    ];
    const most = Math.max(1, ...steps.map(([, n]) => n));
    $("funnel").replaceChildren(...steps.map(([name, n, why], i) => {
      const bar = element("progress", { max: most, value: n });
      bar.setAttribute("aria-label", name);
      const number = element("strong", { textContent: count(n) });
      if (i > 2 && allocated > 0) number.append(element("small", { textContent: ` · ${percent(n / allocated)} of those allocated` }));
      why.sort((a, b) => b[1] - a[1]);
      const reasons = element("p", { className: "why" }, ...why.slice(0, 5).map(([text, times]) =>
        element("span", {}, element("b", { textContent: count(times) }), ` ${text}`)));
      return element("li", {}, element("div", {}, element("span", { textContent: name }), number), bar, ...(why.length > 0 ? [reasons] : []));
    }));
  }

  function meter(name, used, all) {
    const share = all > 0 ? used / all : 0;
    const bar = element("progress", { max: 1, value: share, className: share > 0.95 ? "full" : share > 0.8 ? "warn" : "" });
    bar.setAttribute("aria-label", name);
    return element("li", {}, element("div", {}, element("span", { textContent: name }),
      element("span", { className: "num quiet", textContent: `${count(used)} of ${count(all)}` })), bar);
  }
  function showRoom(m) {
    const meters = [];
    for (const [labels, all] of m.uturn_relay_ports || []) {
      const used = sum(m, "uturn_relay_ports_used", labels);
      if (labels.protocol === "tcp" && used === 0) continue;
      meters.push(meter(`Ports of ${labels.address}${labels.protocol === "tcp" ? " (TCP)" : ""}`, used, all));
    }
    meters.push(meter("Descriptors", sum(m, "process_open_fds"), sum(m, "process_max_fds")));
    meters.push(meter("Allocations", sum(m, "uturn_allocations_held"), sum(m, "uturn_allocations_room")));
    $("room").replaceChildren(...meters);
  }
  function showCertificates(m) {
    const all = (m.uturn_certificate_expiry_timestamp_seconds || []).map(([labels, at]) => {
      const left = at - Date.now() / 1000;
      const looks = left < 0 ? "bad" : left < 14 * 86400 ? "warn" : "good";
      const until = new Date(at * 1000).toISOString().slice(0, 10);
      return element("li", {}, element("div", {}, element("span", { textContent: labels.subject || labels.file, title: labels.file }),
        element("span", { className: `num ${looks}`, textContent: left > 0 ? `${lasting(left)} left, until ${until}` : `expired on ${until}` })));
    });
    if (all.length === 0) all.push(element("li", { className: "quiet", textContent: "None: this server serves neither TLS nor DTLS." }));
    $("certificates").replaceChildren(...all);
  }

  function showDrops(m, rate) {
    const rows = [];
    for (const [metric, kind] of [["uturn_dropped_packets_total", ""], ["uturn_socket_drops_total", "lost: "], ["uturn_client_messages_dropped_total", "slow client: "]]) {
      for (const [labels, times] of m[metric] || []) {
        if (times > 0 && labels.reason !== "binding_indication") rows.push([kind + words(labels.reason), times, rate(metric, labels)]);
      }
    }
    rows.sort((a, b) => b[2] - a[2] || b[1] - a[1]);
    fill("drops", rows.slice(0, 8).map(([why, times, now]) => element("tr", {}, cell(why), cell(count(times), true),
      cell(now > 0 ? perSecond(now) : "", true))), "Nothing so far.");
  }
  function showRealms(m, rate) {
    const rows = [...by(m, "uturn_allocations", "realm")].map(([realm, sessions]) =>
      [realm, sessions, sum(m, "uturn_relayed_bytes_total", { realm }), 8 * rate("uturn_relayed_bytes_total", { realm })]);
    rows.sort((a, b) => b[3] - a[3] || b[1] - a[1] || b[2] - a[2]);
    fill("realms", rows.slice(0, 8).map(([realm, sessions, relayed, now]) => element("tr", {},
      cell(realm || "—"), cell(count(sessions), true), cell(bytes(relayed), true), cell(bits(now), true))), "Nobody yet.");
  }
  function showState({ status, ready, readiness }) {
    const text = status.state + (ready || status.state === "draining" ? "" : `, not ready: ${readiness.trim()}`);
    const looks = ready ? "good" : "bad";
    if ($("state").textContent !== text) $("state").textContent = text;
    $("state").className = `pill ${looks}`;
    $("about").textContent = `${status.version} · ${status.io} · up ${lasting(status.uptime)} · ${(status.listeners || []).join("  ")}`;
  }

  // Sessions

  let shown = [];
  let cursor = null;
  let earlier = new Map();  // bytes by session, and when

  function row(session) {
    const relayed = session.bytes_to_peers + session.bytes_to_client;
    const end = element("button", { type: "button", className: "danger", textContent: "End" });
    end.setAttribute("aria-label", `End the session of ${session.user || "nobody"} at ${session.client}`);
    end.addEventListener("click", () => kick(session));
    const client = element("td", {}, element("span", {}, session.client, element("span", { className: "tag", textContent: session.transport })));
    const line = element("tr", {}, cell(session.user || "—"), client,
      cell(session.relayed.join(" ")), cell(lasting(session.age), true), cell(lasting(session.idle), true),
      cell(bytes(session.bytes_to_peers), true), cell(bytes(session.bytes_to_client), true),
      cell(speed(session.id, relayed), true), cell(count(session.permissions), true), element("td", { className: "num" }, end));
    line.dataset.id = session.id;
    return line;
  }
  function speed(id, relayed) {
    const known = earlier.get(id);
    return known && known.at < lookedAt ? bits((8 * (relayed - known.bytes)) / (lookedAt - known.at)) : "—";
  }
  let lookedAt = 0;
  function query(more) {
    const wanted = new URLSearchParams({ limit: 50 });
    for (const name of ["user", "client", "sort"]) {
      const value = $(`filter-${name}`).value.trim();
      if (value) wanted.set(name, value);
    }
    if (more) wanted.set("cursor", cursor);
    return wanted;
  }
  async function showSessions(more = false) {
    const page = await json(`v1/sessions?${query(more)}`);
    const old = new Map(shown.map((s) => [s.id, { at: lookedAt, bytes: s.bytes_to_peers + s.bytes_to_client }]));
    if (!more) earlier = old;
    lookedAt = more ? lookedAt : Date.now() / 1000;
    cursor = page.next;
    shown = more ? shown.concat(page.sessions) : page.sessions;
    const focused = document.activeElement?.closest("#sessions tr")?.dataset.id;
    fill("sessions", shown.map(row), "No session matches.");
    if (focused) document.querySelector(`#sessions tr[data-id="${focused}"] button`)?.focus();
    $("more").hidden = !cursor;
  }
  const tell = (text) => { if ($("sessions-note").textContent !== text) $("sessions-note").textContent = text; };
  const attempt = (what) => what.catch((error) => tell(error.message));
  $("more").addEventListener("click", () => attempt(showSessions(true)));
  $("filter").addEventListener("submit", (event) => {
    event.preventDefault();
    tell("");
    attempt(showSessions());
  });
  async function kick(session) {
    const dialog = $("confirm");
    $("confirm-text").textContent = `${session.user || "nobody"} at ${session.client}, ` +
      `${bytes(session.bytes_to_peers + session.bytes_to_client)} relayed in ${lasting(session.age)}`;
    dialog.returnValue = "";
    dialog.showModal();
    await new Promise((resolve) => { dialog.addEventListener("close", resolve, { once: true }); });
    if (dialog.returnValue !== "yes") return;
    attempt((async () => {
      const done = await json("v1/kick", { method: "POST", body: JSON.stringify({ sessions: [session.id] }) });
      await showSessions();
      tell(done.kicked === 1 ? "The session was ended." : "The session had ended already.");
    })());
  }

  let usersBefore = { at: 0, bytes: new Map() };
  async function showUsers() {
    const { users, all } = await json("v1/users?limit=8");
    const now = { at: Date.now() / 1000, bytes: new Map(users.map((u) => [u.user, u.bytes_to_peers + u.bytes_to_clients])) };
    $("users-note").textContent = all > users.length ? `of ${count(all)}, by live sessions` : "by live sessions";
    fill("users", users.map((user) => {
      const total = now.bytes.get(user.user);
      const known = usersBefore.bytes.get(user.user);
      const speed = known === undefined ? "—" : bits(Math.max(0, (8 * (total - known)) / (now.at - usersBefore.at)));
      return element("tr", {}, cell(user.user || "—"), cell(count(user.sessions), true), cell(bytes(total), true),
        cell(speed, true));
    }), "Nobody yet.");
    usersBefore = now;
  }

  // Turns

  async function look() {
    const [text, status, ready] = await Promise.all([
      ask("metrics").then((answer) => answer.text()), json("v1/status"), ask("readyz", { anyStatus: true }),
    ]);
    const now = { at: Date.now() / 1000, metrics: parse(text), status, ready: ready.ok, readiness: await ready.text() };
    show(now);
    before = now;
  }
  let turns = 0;
  async function turn() {
    try {
      if (!paused && !document.hidden) {
        await look();
        // What somebody pages through stays as it is.
        if (turns % 2 === 0 && shown.length <= 50 && !$("confirm").open) await showSessions();
        if (turns % USERS_EVERY === 0) await showUsers();
        turns += 1;
      }
    } catch (error) {
      $("state").textContent = error instanceof TypeError ? "does not answer" : error.message;
      $("state").className = "pill bad";
    }
    setTimeout(turn, EVERY);
  }
  $("pause").addEventListener("click", () => {
    paused = !paused;
    $("pause").setAttribute("aria-pressed", String(paused));
  });
  Theme.start();
  turn();
})();
