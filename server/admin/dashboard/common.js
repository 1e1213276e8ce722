// What both pages need: the token, how the server is asked, units, charts, dark and light.
"use strict";
const $ = (id) => document.getElementById(id);

const Server = (() => {
  let token = sessionStorage.getItem("token") || "";
  let loggingIn = null;

  // A bookmark may bring the token behind the #, which no server and no log ever sees.
  const brought = /^#token=(.+)$/.exec(location.hash);
  if (brought) {
    token = decodeURIComponent(brought[1]);
    sessionStorage.setItem("token", token);
    history.replaceState(null, "", location.pathname + location.search);
  }
  $("login").addEventListener("cancel", (event) => event.preventDefault());

  function logIn(problem) {
    loggingIn ||= new Promise((resolve) => {
      $("login-problem").textContent = problem;
      $("login-form").addEventListener("submit", () => {
        token = $("token").value.trim();
        $("token").value = "";
        sessionStorage.setItem("token", token);
        loggingIn = null;
        resolve();
      }, { once: true });
      $("login").showModal();
    });
    return loggingIn;
  }

  async function ask(path, options = {}) {
    if (!token) await logIn("");
    const shown = token;
    const answer = await fetch(path, {
      cache: "no-store", ...options, headers: { Authorization: `Bearer ${shown}` },
    });
    if (answer.status === 401) {
      if (shown === token) await logIn("That is not the token.");
      return ask(path, options);
    }
    if (answer.status === 429) throw new Error("too many requests; a moment, please");
    if (!answer.ok && !options.anyStatus) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error || `${path}: ${answer.status}`);
    }
    return answer;
  }
  return { ask, json: async (path, options) => (await ask(path, options)).json() };
})();

const Say = (() => {
  const count = (n) => Math.round(n).toLocaleString("en");
  function scaled(n, unit, base = 1000) {
    const prefixes = base === 1024 ? ["", "Ki", "Mi", "Gi", "Ti"] : ["", "k", "M", "G", "T"];
    let i = 0;
    while (n >= base && i < prefixes.length - 1) { n /= base; i += 1; }
    return `${n >= 100 || i === 0 ? Math.round(n) : n.toFixed(1)} ${prefixes[i]}${unit}`;
  }
  function lasting(s) {
    if (s < 60) return `${Math.round(s)} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
    return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
  }
  return {
    count, lasting,
    bits: (n) => scaled(n, "bit/s"),
    bytes: (n) => scaled(n, "B", 1024),
    perSecond: (n) => (n > 0 && n < 10 ? `${n.toFixed(1)} /s` : `${count(n)} /s`),
    short: (n) => scaled(n, "").trim(),
    percent: (n) => `${Math.round(100 * n)} %`,
  };
})();

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

const Theme = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => localStorage.getItem("theme") || (dark.matches ? "dark" : "light");
  const paint = () => {
    document.documentElement.dataset.theme = wanted();
    Charts.repaint();
  };
  const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return {
    color,
    start() {
      dark.addEventListener("change", paint);
      $("theme").addEventListener("click", () => {
        localStorage.setItem("theme", wanted() === "dark" ? "light" : "dark");
        paint();
      });
      paint();
    },
  };
})();

// Lines over time, the last KEPT points of them.
const Charts = (() => {
  const KEPT = 300;
  const NARROWEST = 60;  // seconds that the axis shows at least
  const HEIGHT = 180;
  const charts = new Map();
  const clock = (at) => new Date(at * 1000).toTimeString().slice(0, 8);

  function make(chart) {
    chart.plot?.destroy();
    const axis = {
      stroke: Theme.color("--quiet"), font: "12px system-ui, sans-serif",
      grid: { stroke: Theme.color("--line"), width: 1 }, ticks: { show: false },
    };
    chart.plot = new uPlot({
      width: chart.place.clientWidth, height: HEIGHT, legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      scales: {
        x: { range: (_, low, high) => [Math.min(low, high - (chart.narrowest || NARROWEST)), high] },
        y: { range: (_, low, high) => [0, Math.max((high || 0) * 1.15, chart.least)] },
      },
      padding: [6, 6, 0, 0],
      axes: [{ ...axis, size: 26, space: 90, values: (_, ticks) => ticks.map(chart.x || clock) },
        { ...axis, size: 72, space: 40, values: (_, ticks) => ticks.map(chart.format) }],
      series: [{}, ...chart.names.map((label, i) => {
        const stroke = Theme.color(chart.colors[i % chart.colors.length]);
        return { label, stroke, fill: `${stroke}1f`, width: 2, points: { show: false } };
      })],
    }, chart.data, chart.place);
  }
  function legend(chart, texts) {
    const place = $(chart.place.id.replace("chart", "legend"));
    if (!place) return;
    const shown = texts.slice(0, 8);
    if (place.children.length !== shown.length) {
      place.replaceChildren(...shown.map((_, i) => element("span", {},
        element("i", { className: chart.colors[i % chart.colors.length].slice(2) }), element("span"))));
    }
    shown.forEach((text, i) => { place.children[i].lastChild.textContent = text; });
  }
  new ResizeObserver(() => {
    for (const { plot, place } of charts.values()) plot.setSize({ width: place.clientWidth, height: HEIGHT });
  }).observe(document.documentElement);

  return {
    // `values` at `at`, in the order of `names`; what is new among these begins here.
    add(id, at, names, values, { format, least = 1, colors = ["--c1", "--c2", "--c3", "--c4"], ...more }) {
      let chart = charts.get(id);
      if (!chart) {
        chart = { place: $(`chart-${id}`), names: [], data: [[]], format, least, colors, ...more };
        charts.set(id, chart);
      }
      const isNew = !chart.plot || names.join() !== chart.names.join();
      chart.names = names;
      while (chart.data.length <= names.length) chart.data.push(chart.data[0].map(() => null));
      chart.data[0].push(at);
      names.forEach((_, i) => chart.data[i + 1].push(values[i] ?? null));
      if (chart.data[0].length > KEPT) chart.data.forEach((line) => line.shift());
      const texts = names.map((name, i) => `${name} ${format(values[i] ?? 0)}`);
      chart.place.setAttribute("aria-label", texts.join(", "));
      legend(chart, texts);
      if (isNew) make(chart);
      else chart.plot.setData(chart.data);
    },
    clear(id) {
      const chart = charts.get(id);
      if (!chart) return;
      chart.data.forEach((line) => { line.length = 0; });
    },
    repaint() { charts.forEach(make); },
  };
})();
