"use strict";
// Names come from programs and may hold anything: nothing here is ever parsed as HTML.

const base = location.pathname.endsWith("/") ? location.pathname : `${location.pathname}/`;
const find = (id) => document.getElementById(id);

/** An element with properties (`data-…`, `aria-…` and handlers too) and children; texts stay texts. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/** Writes only what is different: most values of most policies stay as they are. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
function show(element, is) {
  if (element.hidden === is) element.hidden = !is;
}

// ---- Words

const KINDS = {
  circuit_breaker: "Circuit breakers", bulkhead: "Bulkheads", rate_limit: "Rate limits", retry: "Retries",
  timeout: "Timeouts", attempt_timeout: "Timeouts of attempts", fallback: "Fallbacks", hedge: "Hedges",
};
const ONE = {
  circuit_breaker: "circuit breaker", rate_limit: "rate limit", attempt_timeout: "timeout of attempts",
};
const WORDS = {
  closed: "closed", open: "OPEN", half_open: "half-open", ramping: "ramping up",
  forced_open: "FORCED OPEN", disabled: "letting all through", metrics_only: "only watching",
};
/** What a breaker is only in by hand. */
const BY_HAND = ["forced_open", "disabled", "metrics_only"];
const ATTENTION = "attention";
const kindName = (kind) => (kind === ATTENTION ? "Needs attention" : KINDS[kind] ?? kind);
const oneOf = (kind) => ONE[kind] ?? kind;
const number = (count) => count.toLocaleString("en");
const many = (count, one, more = `${one}s`) => `${number(count)} ${count === 1 ? one : more}`;
const short = (path) => path.split("::").slice(-2).join("::");

function span(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const two = (large, one, small, other) => (small === 0 ? `${large} ${one}` : `${large} ${one} ${small} ${other}`);
  if (seconds < 3600) return two(Math.floor(seconds / 60), "min", seconds % 60, "s");
  if (seconds < 86400) return two(Math.floor(seconds / 3600), "h", Math.floor(seconds / 60) % 60, "min");
  return two(Math.floor(seconds / 86400), "d", Math.floor(seconds / 3600) % 24, "h");
}
/** Of something that has lasted so long: parts of a second tell nobody anything. */
const lasted = (ms) => span(Math.max(1000, ms));
/** Of something that has to be waited for: whole seconds, never 0 while there is some left. */
const left = (ms) => (ms <= 0 ? "now" : `in ${span(Math.ceil(ms / 1000) * 1000)}`);
const share = (part) => `${Number((part * 100).toFixed(1))}%`;
const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
/** A name that may be broken where its words end, and only there. */
const broken = (name) => name.split(/(?<=[._:/-])(?=[^._:/-])/u).flatMap((part, at) => (at > 0 ? [make("wbr"), part] : [part]));
/** What something is measured in, as far as anybody knows. */
const knows = (recent) => recent !== null && SERIES.some(([, name]) => recent[name].some((one) => one !== null));
const SERIES = [["good", "good"], ["let through", "let_through"], ["ignored", "ignored"], ["failed", "bad"], ["refused", "refused"]];

// ---- Marks: a shape for each state, so that colour is not needed

const SHAPES = {
  closed: ["M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zm0 1.6a4.4 4.4 0 1 1 0 8.8a4.4 4.4 0 1 1 0-8.8z", "M8 6a2 2 0 1 0 0 4a2 2 0 1 0 0-4z"],
  open: ["M5 1h6l4 4v6l-4 4H5l-4-4V5zM4.5 7v2h7V7z"],
  forced_open: ["M5 1h6l4 4v6l-4 4H5l-4-4V5zM4.8 3.8v8.4h2V3.8zm4.4 0v8.4h2V3.8z"],
  half_open: ["M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zm0 1.6a4.4 4.4 0 1 1 0 8.8z"],
  ramping: ["M1 14v-3h4V8h4V5h4V2h2v12z"],
  disabled: ["M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zm0 1.6a4.4 4.4 0 0 1 3.5 1.8L5.4 11.5A4.4 4.4 0 0 1 8 3.6zm0 8.8a4.4 4.4 0 0 1-1.6-.3l5.9-5.9A4.4 4.4 0 0 1 8 12.400z"],
  metrics_only: ["M8 3C4 3 1.400 6 .6 8c.8 2 3.400 5 7.400 5s6.600-3 7.400-5C14.600 6 12 3 8 3zm0 1.500c2.700 0 4.700 1.800 5.700 3.500c-1 1.700-3 3.500-5.700 3.500S3.300 9.700 2.300 8C3.300 6.300 5.300 4.500 8 4.500z", "M8 6a2 2 0 1 0 0 4a2 2 0 1 0 0-4z"],
  notice: ["M8 1.500L15.500 14.500H.5zM7.100 6v4.500h1.800V6zm0 5.500V13h1.800v-1.500z"],
  unknown: ["M8 2a6 6 0 1 0 0 12a6 6 0 1 0 0-12zm0 1.600a4.400 4.400 0 1 1 0 8.800a4.400 4.400 0 1 1 0-8.800z"],
};
const SVG = "http://www.w3.org/2000/svg";
function svg(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
function mark(shape) {
  const paths = (SHAPES[shape] ?? SHAPES.unknown).map((d) => svg("path", { d, "fill-rule": "evenodd" }));
  return svg("svg", { viewBox: "0 0 16 16", fill: "currentColor", "aria-hidden": "true" }, ...paths);
}
function shapeOf(policy) {
  if (policy.kind === "circuit_breaker" && !policy.undefined) return policy.live.state;
  if (policy.attention?.level === "alarm") return "open";
  if (policy.attention) return "notice";
  return policy.lets_through || policy.live.enabled === false ? "disabled" : "closed";
}
function wordOf(policy) {
  if (policy.undefined) return "undefined";
  if (policy.lets_through) return "lets calls through";
  if (policy.kind === "circuit_breaker") return WORDS[policy.live.state] ?? policy.state;
  return faceOf(policy).word?.(policy) ?? policy.state;
}

// ---- What the server says

const state = {
  overview: null, at: 0, asked: 0, policies: new Map(), cards: new Map(), changes: [], position: 0, opened: null,
  trouble: null, findings: 0,
};
const access = () => state.overview?.access ?? { control: false, keys: false, actor: null };
/** What time the server has now. */
const serverNow = () => state.overview.at_ms + age();
/** How long ago the newest answer was made. */
const age = () => performance.now() - state.at;
const pause = () => ((state.overview?.policies.length ?? 0) > 200 ? 5000 : 2000);

async function get(path, query) {
  const url = base + path + (query ? `?${new URLSearchParams(query)}` : "");
  const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(10000) });
  const data = await answer.json().catch(() => null);
  if (!answer.ok) throw Object.assign(new Error(data?.error ?? `the answer was ${answer.status}`), { status: answer.status });
  return data;
}
/** Control: what was refused is an error with the server's own words. */
async function send(method, path, query, body, headers = {}) {
  const url = base + path + (query ? `?${new URLSearchParams(query)}` : "");
  const answer = await fetch(url, {
    method, cache: "no-store", body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
  const data = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(`${data?.error ?? "refused"} (${answer.status})`);
  return data;
}

let looking = null;
let timer = 0;
function look() {
  clearTimeout(timer);
  looking ??= (async () => {
    try {
      const asked = performance.now();
      const overview = await get("overview");
      state.overview = overview;
      state.asked = asked;
      state.at = performance.now();
      state.trouble = null;
      await render();
    } catch (error) {
      state.trouble = error.status === 403 ? "You may not read this." : null;
      tick();
    }
    looking = null;
    if (!document.hidden) timer = setTimeout(look, pause());
  })();
  return looking;
}
let soon = 0;
const lookSoon = () => { clearTimeout(soon); soon = setTimeout(look, 120); };

// ---- Events

let source = null;
let again = 0;
function listen() {
  if (source || document.hidden) return;
  clearTimeout(again);
  source = new EventSource(`${base}events/stream?after=${state.position}`);
  for (const name of ["transition", "reconfigured", "undefined", "keys_overflowed"]) {
    source.addEventListener(name, (event) => {
      state.position = Number(event.lastEventId.split("-")[1]) || state.position;
      addChange(JSON.parse(event.data));
      lookSoon();
    });
  }
  source.addEventListener("restarted", () => { state.changes = []; find("changes").replaceChildren(); lookSoon(); });
  source.addEventListener("lagged", lookSoon);
  source.onerror = () => {
    // A stream that was refused does not come back by itself: all places were taken.
    if (source?.readyState === EventSource.CLOSED) { unlisten(); again = setTimeout(listen, 30000); }
  };
}
function unlisten() {
  source?.close();
  source = null;
}
function addChange(event) {
  state.changes.unshift(event);
  state.changes.length = Math.min(state.changes.length, 100);
  const list = find("changes");
  list.prepend(change(event));
  while (list.childElementCount > 100) list.lastElementChild.remove();
  find("no-changes").hidden = true;
}
function change(event) {
  const what = event.what;
  const place = make("code", {}, event.policy);
  const lines = {
    transition: () => {
      const level = { open: "alarm", forced_open: "alarm", half_open: "alarm", closed: "good" }[what.to] ?? "notice";
      const reset = what.to === "closed" ? /^reset: (.*)$/su.exec(what.reason) : null;
      if (reset && BY_HAND.includes(what.from)) return [[`${oneOf(event.kind)} `, place, `: ${WORDS[what.from].toLowerCase()} was `, make("b", { className: level }, "taken back"), ", is closed"], reset[1]];
      if (reset) return [[`${oneOf(event.kind)} `, place, " was ", make("b", { className: level }, "reset"), what.from === "closed" ? "" : `, was ${WORDS[what.from] ?? what.from}, is closed`], reset[1]];
      return [[`${oneOf(event.kind)} `, place, " is ", make("b", { className: level }, WORDS[what.to] ?? what.to)], what.reason];
    },
    reconfigured: () => {
      const by = what.by ? [what.by.reason, what.by.actor && `by ${what.by.actor}`, what.by.lasting_ms && `for ${span(what.by.lasting_ms)}`] : [];
      return [[`${oneOf(event.kind)} `, place, ": ", make("b", {}, what.changes.join(", "))], by.filter(Boolean).join(", ")];
    },
    undefined: () => [[`${oneOf(event.kind)} `, place, " was used, but nobody defines it"], ""],
  };
  const [text, because] = (lines[what.name] ?? (() => [[place, ` ${what.name}`], ""]))();
  const at = make("time", { dateTime: new Date(event.at_ms).toISOString(), title: new Date(event.at_ms).toLocaleString() }, clock(event.at_ms));
  return make("li", {}, at, make("span", { className: "what" }, text), because ? make("span", { className: "because" }, because) : null);
}

// ---- Tiles

const keyOf = (policy) => `${policy.kind} ${policy.name}`;
const isBreaker = (policy) => policy.kind === "circuit_breaker";
const isOpen = (policy) => isBreaker(policy) && !policy.undefined && ["open", "forced_open"].includes(policy.live.state);
const isHalfOpen = (policy) => isBreaker(policy) && !policy.undefined && policy.live.state === "half_open";
/** Who refuses everything first, then who tries again, then the rest by how urgent it is. */
function rank(policy) {
  if (!policy.attention) return policy.lets_through ? 6 : WELL;
  if (isOpen(policy)) return 0;
  if (isHalfOpen(policy)) return 1;
  if (policy.attention.level === "alarm") return 2;
  return isBreaker(policy) && !policy.undefined ? 3 : 4;
}
const WELL = 5;

/** How often it opened again during one outage. */
const reopenings = ({ reopened }) => (reopened > 0 ? ` · opened again ${reopened === 1 ? "once" : `${number(reopened)} times`}` : "");
/** Of a breaker that refuses nothing: that it is only this one. */
function onlyThis({ live }) {
  if (!["disabled", "metrics_only"].includes(live.state) || state.overview.all_disabled) return "";
  const until = live.overridden ? ` ${untilIn(live.overridden.ends_in_ms)}` : "";
  return `This breaker refuses nothing${until}; ${OTHERS}`;
}
const OTHERS = "other policies of its functions still may";
/** When it is tried again, and how that goes. */
function probing(live) {
  const facts = [];
  if (live.probes_inside !== null) {
    facts.push(["probes inside ", () => `${number(live.probes_inside)} of ${number(live.probes_allowed)}`]);
    facts.push(["succeeded ", () => `${number(live.probes_succeeded)} of ${number(live.probes_needed)}`]);
  }
  if (live.place_free_in_ms !== null) facts.push(["if none answers, another probe ", (passed) => left(live.place_free_in_ms - passed)]);
  if (live.next_probe_in_ms !== null) {
    facts.push(live.probes_inside !== null ? ["next probe ", () => "with the next call"] : ["tried again ", (passed) => left(live.next_probe_in_ms - passed)]);
  }
  return facts;
}

/** What stands in a tile besides name and state; each kind has its own few lines. */
const FACES = {
  circuit_breaker: {
    why: (policy) => policy.live.why ?? policy.attention?.because ?? "",
    outage: (policy) => {
      const { outage, why, state: now } = policy.live;
      if (BY_HAND.includes(now)) return onlyThis(policy);
      if (!outage || (outage.reopened === 0 && now === "open")) return "";
      const first = outage.why === why ? "" : `, when ${outage.why}`;
      return `not closed since ${clock(state.overview.at_ms - outage.since_ms)}${first}${reopenings(outage)}`;
    },
    facts: (policy) => {
      const live = policy.live;
      const facts = [];
      if (live.since_ms !== null) facts.push(["for ", (passed) => lasted(live.since_ms + passed)]);
      facts.push(...probing(live));
      if (live.next_step_in_ms !== null) facts.push(["next step ", (passed) => left(live.next_step_in_ms - passed)]);
      if (live.admitted_share !== null) facts.push(["lets through ", () => share(live.admitted_share)]);
      if (live.overridden?.ends_in_ms != null) facts.push(["ends ", (passed) => left(live.overridden.ends_in_ms - passed)]);
      if (live.would_be !== null) facts.push(["would be ", () => WORDS[live.would_be]], ["would have refused ", () => number(live.counts.would_have_rejected)]);
      if (live.state === "closed" && live.window?.failure_rate != null) facts.push(["failing ", () => share(live.window.failure_rate)]);
      if (live.state === "closed" && live.failures_in_a_row) facts.push(["failures in a row ", () => number(live.failures_in_a_row)]);
      return facts;
    },
  },
  bulkhead: {
    meter: ({ live }) => live.limit === null ? null : {
      value: live.inside, of: live.limit, full: live.inside >= live.limit, label: `${live.inside} of ${live.limit} inside`,
      beneath: live.queue > 0 ? { value: live.waiting, of: live.queue, label: `${live.waiting} of ${live.queue} waiting` } : null,
    },
    facts: ({ live }) => [
      (live.queue > 0 || live.waiting > 0) && ["waiting ", () => `${number(live.waiting)} of ${number(live.queue)}`],
      ["refused ", () => number(live.rejected)],
      ["admitted ", () => number(live.admitted)],
    ],
    word: ({ live }) => live.limit === null ? "unlimited" : `${number(live.inside)} of ${number(live.limit)} inside`,
  },
  rate_limit: {
    meter: ({ live }) => live.burst === null ? null : {
      value: live.available, of: live.burst, full: false, label: `${live.available} of ${live.burst} left`,
    },
    facts: ({ live }) => [
      live.rate && ["rate ", () => `${number(live.rate.count)} in ${span(live.rate.per_ms)}`],
      live.waiting > 0 && ["waiting ", () => number(live.waiting)],
      ["refused ", () => number(live.rejected)],
    ],
    word: ({ live }) => live.available === null ? "unlimited" : `${number(live.available)} of ${number(live.burst)} left`,
  },
  retry: {
    facts: ({ live, attempts }) => [
      attempts !== null && ["load at most ", () => `×${attempts}`],
      live.budget && live.budget.calls > 0 && ["in the last 10 s ", () => `×${(1 + live.budget.used / live.budget.calls).toFixed(2)}`],
      live.retried > 0 && ["a retried call makes ", () => `${(1 + live.extra_attempts / live.retried).toFixed(1)} attempts`],
      live.budget && ["budget left ", () => number(live.budget.left)],
      live.retried > 0 && ["extra attempts ", () => number(live.extra_attempts)],
      live.recovered > 0 && ["recovered ", () => number(live.recovered)],
      live.gave_up > 0 && ["given up ", () => number(live.gave_up)],
    ],
    word: ({ attention, state }) => ({ alarm: "budget spent", notice: "giving up" })[attention?.level] ?? state,
  },
  timeout: {
    facts: ({ live }) => [["cut off ", () => number(live.timed_out)], live.no_time_left > 0 && ["not begun ", () => number(live.no_time_left)]],
    word: ({ live }) => live.duration_ms === null ? "off" : `after ${span(live.duration_ms)}`,
  },
  hedge: { facts: ({ live }) => [["hedged ", () => number(live.hedged)], ["won by an extra attempt ", () => number(live.won)], ["suppressed ", () => number(live.suppressed)]] },
  fallback: { word: ({ attention, recent, state }) => ({ alarm: "failing", notice: sum(recent?.bad.slice(-6) ?? []) > 0 ? "has failed" : "standing in" })[attention?.level] ?? state, facts: ({ live }) => [["answered ", () => number(live.answered)], ["failed ", () => number(live.failed)], ...(live.stale_ms == null ? [] : [["answered stale ", () => number(live.answered_stale)], ["nothing kept ", () => number(live.missed)]])] },
};
FACES.attempt_timeout = FACES.timeout;
const OTHER = { facts: ({ live }) => (live.counts ?? []).filter?.(([, count]) => count !== null).map(([what, count]) => [`${what} `, () => number(count)]) ?? [] };
const faceOf = (policy) => FACES[policy.kind] ?? OTHER;
/** How many instances there are for keys; which keys is nobody's business here. */
const keyFacts = ({ live: { keys } }) => keys == null ? [] : [
  ["keys ", () => `${number(keys.instances)} of ${number(keys.max)}`],
  keys.refusing > 0 && ["refusing for ", () => many(keys.refusing, "key")],
  keys.overflowed > 0 && ["shared the overflow ", () => many(keys.overflowed, "call")],
];
const factsOf = (policy) => [...faceOf(policy).facts(policy), ...keyFacts(policy)].filter(Boolean);

class Card {
  constructor(policy) {
    const part = (tag, className) => make(tag, { className });
    this.key = keyOf(policy);
    this.button = make("button", { type: "button", className: "open-tile", "aria-haspopup": "dialog", onclick: () => openDetail(this.key) }, broken(policy.name));
    this.state = part("span", "state");
    this.why = part("p", "why");
    this.outage = part("p", "outage");
    this.byHand = part("p", "by-hand");
    this.meter = make("div", { className: "meter", role: "meter", "aria-valuemin": "0", hidden: true }, make("i"));
    this.beneath = make("div", { className: "meter thin", role: "meter", "aria-valuemin": "0", hidden: true }, make("i"));
    this.facts = part("p", "facts");
    this.spark = make("div", { hidden: true });
    this.affected = part("p", "affected");
    this.source = part("p", "source");
    this.actions = part("div", "actions");
    this.node = make("article", { className: "tile", "aria-label": `${oneOf(policy.kind)} ${policy.name}` },
      make("div", { className: "top" }, make("h3", {}, this.button), this.state),
      make("p", { className: "kind-label" }, oneOf(policy.kind)),
      this.why, this.outage, this.byHand, this.meter, this.beneath, this.facts, this.spark, this.affected, this.source, this.actions);
    this.shape = this.samples = this.acts = null;
  }
  update(policy) {
    this.policy = policy;
    const level = policy.attention?.level ?? "";
    this.rank = rank(policy);
    const word = wordOf(policy);
    this.hay = [policy.name, policy.kind, oneOf(policy.kind), policy.state, word, policy.attention?.because ?? "", ...policy.call_sites, ...policy.places].join(" ").toLowerCase();
    if (this.node.dataset.level !== level) this.node.dataset.level = level;
    this.node.toggleAttribute("data-quiet", policy.lets_through || policy.live.state === "disabled" || policy.live.enabled === false);
    const face = faceOf(policy);
    const shape = shapeOf(policy);
    if (this.shape !== shape + word) {
      this.state.replaceChildren(mark(shape), word);
      this.shape = shape + word;
    }
    const why = face.why?.(policy) ?? policy.attention?.because ?? "";
    write(this.why, why);
    show(this.why, why !== "");
    const outage = face.outage?.(policy) ?? "";
    write(this.outage, outage);
    show(this.outage, outage !== "");
    const byHand = policy.overridden.length > 0 ? `changed by hand: ${policy.overridden.join(", ")}` : "";
    write(this.byHand, byHand);
    show(this.byHand, byHand !== "");
    this.parts = policy.lets_through ? [] : factsOf(policy);
    this.tick(age());
    const meter = face.meter?.(policy);
    fill(this.meter, meter);
    fill(this.beneath, meter?.beneath);
    this.updateSpark(policy);
    write(this.affected, policy.call_sites.length === 0 ? "" : `${level === "" ? "on" : "affects"} ${policy.call_sites.map(short).join(", ")}`);
    this.affected.title = policy.call_sites.join("\n");
    show(this.affected, policy.call_sites.length > 0);
    const rules = policy.rule.filter((one) => one.source !== "default" && (policy.live.outage?.why ?? "").includes(one.key));
    const deciding = rules.length > 0 ? rules : policy.rule.filter((one) => ["failure_threshold", "failure_rate"].includes(one.key));
    const source = level === "" || !["open", "half_open", "ramping"].includes(policy.live.state) ? "" : deciding.map((one) => `${one.key} = ${one.value}, set ${one.source === "code" ? "in" : "at"} ${one.source}`).join("; ");
    write(this.source, source);
    show(this.source, source !== "");
    this.updateActions(policy);
  }
  /** Facts whose values change with the time that has passed since the answer. */
  tick(passed) {
    const texts = this.parts.map(([what, value]) => what + value(passed));
    const text = texts.join(" · ");
    if (this.text === text) return;
    this.text = text;
    this.facts.replaceChildren(...this.parts.flatMap(([what, value], at) => [(at > 0 ? " · " : "") + what, make("b", {}, value(passed))]));
    show(this.facts, text !== "");
  }
  updateSpark({ kind, recent }) {
    const has = knows(recent) && ["circuit_breaker", "bulkhead", "rate_limit"].includes(kind);
    const samples = has ? JSON.stringify(recent) : "";
    if (this.samples === samples) return;
    this.samples = samples;
    show(this.spark, has && (kind === "circuit_breaker" || sum(recent.let_through) + sum(recent.refused) > 0));
    if (has) this.spark.replaceChildren(minutes(recent));
  }
  updateActions(policy) {
    const deeds = access().control ? offered(policy).filter((deed) => !["metrics_only", "force_open"].includes(deed)) : [];
    const acts = policy.live.state === "closed" ? deeds.filter((deed) => deed.startsWith("take")) : deeds;
    if (this.acts === acts.join()) return;
    this.acts = acts.join();
    const isFocused = this.actions.contains(document.activeElement);
    this.actions.replaceChildren(...acts.map((deed) => make("button", { type: "button", onclick: () => openDetail(this.key, deed) }, `${DEEDS[deed].label}…`)));
    if (isFocused) this.button.focus();
    show(this.actions, acts.length > 0);
  }
}

function fill(bar, meter) {
  show(bar, Boolean(meter));
  if (!meter) return;
  const { value, of, full, label } = meter;
  bar.classList.toggle("full", Boolean(full));
  for (const [name, text] of [["aria-valuemax", of], ["aria-valuenow", Math.min(value, of)], ["aria-label", label]]) bar.setAttribute(name, text);
  bar.firstChild.style.width = `${Math.min(100, (100 * value) / Math.max(1, of))}%`;
}

const sum = (counts) => counts.reduce((total, one) => total + (one ?? 0), 0);
function sparkline(recent) {
  const buckets = recent.good.map((_, at) => SERIES.map(([, name]) => [name, recent[name][at]]));
  const most = Math.max(1, ...buckets.map((each) => sum(each.map(([, count]) => count))));
  const paths = { good: "", let_through: "", ignored: "", bad: "", refused: "", axis: "" };
  buckets.forEach((each, at) => {
    if (each.every(([, count]) => count === null)) return;
    const x = at * 10;
    paths.axis += `M${x} 39.5h9`;
    let y = 39;
    for (const [name, count] of each) {
      if (!count) continue;
      const height = Math.max(2, (38 * count) / most);
      y -= height;
      paths[name] += `M${x + 1} ${y.toFixed(1)}h7v${height.toFixed(1)}h-7z`;
    }
  });
  const drawn = Object.entries(paths).filter(([, d]) => d).map(([name, d]) => svg("path", { class: name, d }));
  return svg("svg", { class: "spark", viewBox: "0 0 300 40", preserveAspectRatio: "none", "aria-hidden": "true" }, ...drawn);
}
/** The bars of the last minutes, and the same in words. */
function minutes(recent) {
  const known = SERIES.filter(([, name]) => recent[name].some((one) => one !== null));
  const counts = known.map(([what, name]) => [what, sum(recent[name])]);
  if (counts.every(([, count]) => count === 0)) {
    return make("figure", {}, make("figcaption", {}, `no calls seen in the last ${lengthOf(recent)}`));
  }
  const text = counts.filter(([, count], at) => count > 0 || at === 0).map(([what, count]) => `${number(count)} ${what}`).join(", ");
  return make("figure", {}, sparkline(recent), make("figcaption", {}, `seen in the last ${lengthOf(recent)}: ${text}`));
}
function lengthOf(recent) {
  const seen = recent.good.filter((_, at) => SERIES.some(([, name]) => recent[name][at] !== null)).length;
  return seen >= recent.good.length ? "5 min" : span(seen * state.overview.bucket_ms);
}

// ---- The whole page

const frame = () => new Promise((done) => (document.hidden ? setTimeout(done) : requestAnimationFrame(done)));
const sections = new Map();
function sectionOf(kind) {
  let section = sections.get(kind);
  if (!section) {
    const count = make("span", { className: "count" });
    const grid = make("div", { className: "grid" });
    const node = make("section", { className: "kind", "data-kind": kind, "aria-label": kindName(kind) }, make("h2", {}, kindName(kind), " ", count), grid);
    section = { node, grid, count };
    sections.set(kind, section);
    const order = [ATTENTION, ...Object.keys(KINDS), kind];
    const place = [...sections.keys()].sort((one, other) => order.indexOf(one) - order.indexOf(other));
    for (const each of place) find("policies").append(sections.get(each).node);
  }
  return section;
}

/** Brings everything up to date, in slices that leave room for typing. */
async function render() {
  const overview = state.overview;
  let begun = performance.now();
  headline();
  const seen = new Set();
  for (const policy of overview.policies) {
    const key = keyOf(policy);
    seen.add(key);
    state.policies.set(key, policy);
    let card = state.cards.get(key);
    const isNew = !card;
    if (isNew) state.cards.set(key, (card = new Card(policy)));
    card.update(policy);
    const section = sectionOf(card.rank < WELL ? ATTENTION : policy.kind);
    if (card.section !== section) moveTo(card, section);
    if (isNew) offerKind(policy.kind);
    if (performance.now() - begun > 8) { await frame(); begun = performance.now(); }
  }
  // Another process has answered, which knows fewer of them.
  for (const [key, card] of state.cards) {
    if (seen.has(key)) continue;
    card.node.remove();
    state.cards.delete(key);
    state.policies.delete(key);
  }
  sort();
  filter();
  if (overview.position !== state.findings) { state.findings = overview.position; lookForFindings(); }
  if (state.opened) updateNow();
  sayWhoIsNotClosed(document);
  tick();
}
/** Whoever has the focus keeps it. */
function moveTo(card, section) {
  const isFocused = card.node.contains(document.activeElement);
  card.section = section;
  filterOne(card);
  section.grid.append(card.node);
  if (isFocused) card.button.focus();
}
function offerKind(kind) {
  const offered = [...find("kind").options].some((option) => option.value === kind);
  if (!offered) find("kind").append(make("option", { value: kind }, kindName(kind)));
}
function sort() {
  for (const section of sections.values()) {
    const { grid } = section;
    const cards = [...state.cards.values()].filter((card) => card.section === section);
    cards.sort((one, other) => one.rank - other.rank || one.policy.name.localeCompare(other.policy.name));
    cards.forEach((card, at) => {
      if (grid.children[at] === card.node) return;
      const isFocused = card.node.contains(document.activeElement);
      grid.insertBefore(card.node, grid.children[at] ?? null);
      if (isFocused) card.button.focus();
    });
  }
}
/** Who is open, by name: the first thing that anybody wants to know. */
function named(what, policies) {
  const names = policies.map((one) => one.name).sort((one, other) => one.localeCompare(other));
  if (names.length === 0) return "";
  const shown = names.slice(0, names.length > 3 ? 2 : 3);
  const more = names.length - shown.length;
  return `${what}: ${shown.join(", ")}${more > 0 ? ` and ${number(more)} more` : ""} · `;
}
const HEADLINES = [["Open", "open"], ["Forced open", "forced_open"], ["Half-open", "half_open"], ["Letting all through", "disabled"], ["Only watching", "metrics_only"]];
function notClosedNames(policies) {
  // Where everything is switched off, the banner says so.
  const told = HEADLINES.filter(([, each]) => each !== "disabled" || !state.overview.all_disabled);
  const breakers = policies.filter((one) => isBreaker(one) && !one.undefined);
  return told.map(([what, each]) => named(what, breakers.filter((one) => one.live.state === each))).join("");
}
function headline() {
  const { title, attention, policies, access: may, all_disabled } = state.overview;
  write(find("title"), title);
  const isAlarm = policies.some((one) => one.attention?.level === "alarm");
  const verdict = policies.length === 0 ? "There are no policies"
    : attention === 0 ? `All ${many(policies.length, "policy is", "policies are")} well`
    : `${notClosedNames(policies)}${number(attention)} of ${number(policies.length)} ${attention === 1 ? "needs" : "need"} attention`;
  write(find("verdict"), verdict);
  const level = isAlarm ? "alarm" : attention > 0 ? "notice" : "";
  const shape = isAlarm ? "open" : attention > 0 ? "notice" : "closed";
  const holder = find("verdict-mark");
  if (holder.dataset.level !== level || !holder.firstChild) {
    holder.className = "state";
    holder.dataset.level = level;
    holder.replaceChildren(mark(shape));
    const colour = { alarm: "%23c0352c", notice: "%23b07a10", "": "%23378257" }[level];
    const d = SHAPES[shape].join("");
    find("icon").href = `data:image/svg+xml,<svg xmlns='${SVG}' viewBox='0 0 16 16'><path fill-rule='evenodd' fill='${colour}' d='${d}'/></svg>`;
  }
  document.title = attention > 0 ? `(${attention}) ${title}` : title;
  write(find("actor"), may.actor ? `you are ${may.actor}` : "");
  show(find("all-off"), may.control && !all_disabled);
  const off = find("all-disabled");
  const text = all_disabled ? `All policies are switched off: ${all_disabled.reason}${all_disabled.actor ? `, by ${all_disabled.actor}` : ""}${all_disabled.lasting_ms === null ? "" : `, for ${span(all_disabled.lasting_ms)}`}` : "";
  if (off.dataset.text !== text + may.control) {
    off.dataset.text = text + may.control;
    off.replaceChildren(make("span", {}, text), may.control ? make("button", { type: "button", onclick: () => openAll("enable_all") }, "Switch on again…") : "");
    show(off, text !== "");
  }
}

function filterOne(card) {
  const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const kind = find("kind").value;
  return apply(card, words, kind, find("unhealthy").checked);
}
function apply(card, words, kind, unhealthy) {
  const is = (!kind || card.policy.kind === kind) && (!unhealthy || card.rank < WELL) && words.every((word) => card.hay.includes(word));
  show(card.node, is);
  return is;
}
function filter() {
  const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const kind = find("kind").value;
  const unhealthy = find("unhealthy").checked;
  const counts = new Map([...sections.values()].map((section) => [section, [0, 0]]));
  let shown = 0;
  for (const card of state.cards.values()) {
    const is = apply(card, words, kind, unhealthy);
    const count = counts.get(card.section);
    count[0] += is;
    count[1] += 1;
    shown += is;
  }
  for (const [section, [is, all]] of counts) {
    show(section.node, is > 0);
    write(section.count, is === all ? number(all) : `${number(is)} of ${number(all)}`);
  }
  const all = state.cards.size;
  write(find("shown"), shown === all ? "" : `${number(shown)} of ${number(all)} shown`);
  const empty = find("empty");
  write(empty, all === 0 ? "No function is annotated, and no policy is defined." : "Nothing here is like that. Clear the search to see all policies.");
  show(empty, shown === 0 && state.overview !== null);
}

/** Once a second: what counts down, and whether all of this is old. */
function tick() {
  const passed = age();
  const isStale = state.overview === null ? state.trouble !== null : passed > 2.5 * pause() + 1500;
  document.body.classList.toggle("stale", isStale);
  const silent = `no answer for ${span(passed)}: these values are old`;
  write(find("freshness"), state.overview === null ? "connecting" : isStale ? silent : `live, ${Math.round(passed / 1000)} s ago`);
  write(find("trouble"), state.trouble ?? "");
  show(find("trouble"), state.trouble !== null);
  if (isStale) return;
  for (const card of state.cards.values()) if (!card.node.hidden && card.policy.kind === "circuit_breaker") card.tick(passed);
  if (state.opened) tickNow(passed);
}

async function lookForFindings() {
  const findings = await get("findings").catch(() => []);
  find("findings").replaceChildren(...findings.slice(0, 50).map((one) => make("li", {}, one.text)));
  write(find("findings-count"), String(findings.length));
  show(find("findings-section"), findings.length > 0);
}

async function lookForFunctions() {
  const graph = await get("graph").catch(() => ({ functions: [], edges: [] }));
  const list = graph.functions.map((one) => {
    const details = make("details", {}, make("summary", { title: `${one.file}:${one.line}` }, make("code", {}, one.name)));
    details.addEventListener("toggle", async () => { if (details.open) details.replaceChildren(details.firstChild, await explained(one.name)); });
    return details;
  });
  find("functions").replaceChildren(...list);
  write(find("functions-count"), number(list.length));
  show(find("functions-section"), list.length > 0);
}
/** Which breakers of the stacks that are shown are not closed, now. */
function sayWhoIsNotClosed(within) {
  for (const place of within.querySelectorAll("[data-now]")) {
    const policy = state.policies.get(place.dataset.now);
    const is = policy && isBreaker(policy) && !policy.lets_through && !policy.undefined && policy.live.state !== "closed";
    write(place, is ? `now ${wordOf(policy)}` : "");
    place.dataset.level = policy?.attention?.level ?? "";
  }
}

/** The stack of a function from the top, with its settings, its worst case and what does not fit. */
async function explained(name, current) {
  try {
    const one = await get("function", { name });
    const layers = one.layers.map((layer) => {
      const settings = layer.settings.filter((each) => each.value !== null).map((each) => `${each.key} = ${each.value}`).join(", ");
      const item = make("li", {}, `${oneOf(layer.kind)} `, make("code", {}, layer.policy === name ? "" : layer.policy),
        make("span", { className: "facts" }, layer.lets_through ? "lets every call through: nobody defines it" : settings),
        make("span", { className: "facts warning", "data-now": `${layer.kind} ${layer.policy}` }));
      if (current && layer.kind === current.kind && layer.policy === current.name) item.setAttribute("aria-current", "true");
      return item;
    });
    const stack = make("div", {},
      make("ol", { className: "stack" }, layers, make("li", {}, "the body")),
      make("p", { className: "facts" }, one.worst_case_ms === null ? "Nothing limits how long it takes" : `Takes at most ${span(one.worst_case_ms)}`, `, at ${one.file}:${one.line}`),
      one.warnings.map((warning) => make("p", { className: "warning" }, warning)));
    sayWhoIsNotClosed(stack);
    return stack;
  } catch (error) {
    return make("p", { className: "warning" }, error.message);
  }
}

// ---- Detail

const dialog = find("detail");
dialog.addEventListener("close", () => {
  // Its tile may have moved, and the button that was pressed may be gone.
  const tile = state.cards.get(state.opened?.key)?.button;
  const places = state.opened ? [tile] : [find("all-off"), document.querySelector("#all-disabled button")];
  state.opened = state.form = null;
  (places.find((one) => one?.isConnected && one.checkVisibility({ contentVisibilityAuto: false })) ?? find("policies")).focus();
});
// Esc closes what was opened last.
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !state.form) return;
  event.preventDefault();
  closeForm();
});
dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

/** Only one form is open at a time; whoever closes it stands where it was opened. */
function openForm(opener, place, form) {
  closeForm();
  tell("");
  place.append(form);
  state.form = { opener, form };
  form.querySelector("input")?.focus();
}
function closeForm() {
  const open = state.form;
  if (!open) return;
  state.form = null;
  open.form.remove();
  const opener = open.opener?.isConnected ? open.opener : dialog.querySelector(".bar button");
  opener.focus();
}
/** What was done, until something else happens to the policy. */
function tell(text, policy, closing) {
  const opened = state.opened;
  if (!opened) return;
  write(opened.result, text);
  show(opened.result, text !== "");
  opened.result.dataset.level = "";
  opened.told = text && policy ? { after: signOf(policy), at: performance.now(), closing } : null;
}
const signOf = ({ version, live }) => `${version} ${live.state ?? ""} ${live.overridden?.by.reason ?? ""}`;
function forget(policy) {
  const told = state.opened.told;
  // What was asked for before that was done knows nothing of it.
  if (!told || state.asked < told.at || signOf(policy) === told.after) return;
  const { outage } = policy.live;
  const isAgain = told.closing && outage && !BY_HAND.includes(policy.live.state);
  if (!isAgain) { tell(""); return; }
  const again = clock(state.overview.at_ms - outage.since_ms);
  tell(`${told.closing.what} at ${told.closing.at}; it opened again ${again === told.closing.at ? "at once" : `at ${again}`}`, policy);
  state.opened.result.dataset.level = "alarm";
}

function openDialog(title, subtitle, ...children) {
  dialog.replaceChildren(
    make("div", { className: "bar" }, make("div", {}, make("h2", { id: "detail-title" }, title), make("p", {}, subtitle), state.opened?.result),
      make("button", { type: "button", autofocus: true, onclick: () => dialog.close() }, "Close")),
    ...children);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

const AFTERWARDS = "When that ends, or is taken back, it begins closed with an empty window, and opens again if calls fail.";
const MAY_REFUSE = "Other policies of its functions, such as a bulkhead or a limit, may still refuse them.";
const DEEDS = {
  take_back: {
    label: "Take it back", closing: "Taken back", path: "reset",
    explanation: "What somebody has set by hand ends: it begins closed with an empty window, and opens again if calls fail.",
  },
  take_settings: {
    label: "Take settings back",
    explanation: "What is written in attributes, code and files holds again.",
  },
  reset: {
    label: "Reset", closing: "Reset",
    explanation: "Closes it with an empty window: calls go through from the next one on, and it opens again if they fail. It also takes back what was set by hand (all let through, only watched, forced open). Changed settings stay.",
  },
  disable: {
    label: "Let all through", done: (until) => `This breaker refuses nothing ${until}; ${OTHERS}`, hasEnd: true,
    explanation: `This breaker refuses nothing: calls go to the callee, although it fails, and callers wait for it again. ${MAY_REFUSE} ${AFTERWARDS}`,
  },
  metrics_only: {
    label: "Only watch", done: (until) => `This breaker only watches and refuses nothing ${until}; ${OTHERS}`, hasEnd: true,
    explanation: `This breaker refuses nothing, and shows what it would do: calls go to the callee, although it fails. ${MAY_REFUSE} ${AFTERWARDS}`,
  },
  force_open: {
    label: "Force open", done: (until) => `Forced open: every call is refused ${until}`, hasEnd: true,
    explanation: `Refuses every call: nothing reaches the callee. ${AFTERWARDS}`,
  },
};
/** What may be done about a policy by hand, apart from its settings one by one. */
function offered(policy) {
  const deeds = [];
  if (isBreaker(policy) && !policy.lets_through) {
    if (policy.live.overridden) deeds.push("take_back");
    deeds.push("reset", "disable", "metrics_only", "force_open");
  }
  if (policy.overridden.length > 0) deeds.push("take_settings");
  const now = { disabled: "disable", metrics_only: "metrics_only", forced_open: "force_open" }[policy.live.state];
  // Where something is to be taken back, a reset would do the same.
  return deeds.filter((deed) => deed !== now && !(deed === "reset" && policy.live.overridden));
}

async function openDetail(key, deed) {
  const policy = state.policies.get(key);
  if (!policy) return;
  const now = make("div", { className: "now" });
  const control = make("section", { "aria-label": "Control", hidden: true });
  const settings = make("div", {});
  const functions = make("div", {}, make("p", { className: "quiet" }, policy.call_sites.length === 0 ? "No annotated function: it is used by hand." : ""));
  const more = make("div", {});
  const result = make("p", { className: "result", role: "status", hidden: true });
  const address = `${base}policy?${new URLSearchParams({ kind: policy.kind, name: policy.name })}`;
  const subtitle = make("a", { href: address, target: "_blank", rel: "noreferrer" }, "as JSON");
  state.opened = { key, now, more, settings, control, result, told: null, offered: null, version: null };
  openDialog([make("span", { className: "kind-of" }, oneOf(policy.kind)), " ", broken(policy.name)], subtitle, now, control,
    make("h3", {}, policy.call_sites.length === 1 ? "The function it stands on" : `The ${many(policy.call_sites.length, "function")} it stands on`), functions,
    make("h3", {}, "Settings, and where each comes from"), settings,
    make("h3", {}, "Since the program started"), more);
  updateNow();
  if (deed) control.querySelector(`[data-deed="${deed}"]`)?.click();
  for (const name of policy.call_sites.slice(0, 20)) {
    functions.append(make("p", {}, make("code", {}, name)), await explained(name, policy));
  }
  if (policy.call_sites.length > 20) functions.append(make("p", { className: "quiet" }, `and ${policy.call_sites.length - 20} more`));
}

/** State, why, since when and until when: what is asked first. */
function updateNow() {
  const opened = state.opened;
  const policy = state.policies.get(opened.key);
  if (!policy) return;
  const level = policy.attention?.level ?? "";
  const live = policy.live;
  forget(policy);
  updateControl(policy);
  opened.answers = [];
  const answer = (term, value) => { const place = make("dd", {}); opened.answers.push([place, value]); return [make("dt", {}, term), place]; };
  const rows = [];
  const why = live.why ?? policy.attention?.because;
  if (why) rows.push(answer("why", () => why));
  if (live.since_ms != null) rows.push(answer(`${wordOf(policy).toLowerCase()} since`, (passed) => `${clock(state.overview.at_ms - live.since_ms)}, ${lasted(live.since_ms + passed)} ago`));
  if (live.outage) {
    const { outage } = live;
    rows.push(answer("not closed since", (passed) => `${clock(state.overview.at_ms - outage.since_ms)}, ${lasted(outage.since_ms + passed)} ago`));
    if (outage.why !== why) rows.push(answer("opened at first", () => outage.why));
    if (outage.reopened > 0) rows.push(answer("opened again", () => many(outage.reopened, "time")));
  }
  if (isBreaker(policy)) for (const [what, value] of probing(live)) rows.push(answer(what.trim(), value));
  if (live.next_step_in_ms != null) rows.push(answer("next step", (passed) => left(live.next_step_in_ms - passed)));
  if (live.overridden) {
    rows.push(answer("steered by", () => live.overridden.by.actor ?? "somebody"));
    rows.push(answer("until", (passed) => live.overridden.ends_in_ms === null ? "somebody takes it back" : `${clock(state.overview.at_ms + live.overridden.ends_in_ms)}, ${left(live.overridden.ends_in_ms - passed)}`));
  }
  if (live.would_be) rows.push(answer("would be", () => WORDS[live.would_be] + (live.would_be_why ? `: ${live.would_be_why}` : "")));
  // Nothing is recorded in it unless calls go through by its own rules: what is left of other times says nothing by hand.
  const stands = ["open", "half_open"].includes(live.state);
  if (live.window && (stands || !["forced_open", "disabled"].includes(live.state))) {
    rows.push(answer(stands ? "when it opened" : "window", () => `${many(live.window.calls, "call")}, ${number(live.window.failures)} failed`));
  }
  for (const [what, value] of policy.kind === "circuit_breaker" ? keyFacts(policy).filter(Boolean) : factsOf(policy)) rows.push(answer(what.trim(), value));
  opened.now.replaceChildren(
    make("p", { className: "state", "data-level": level }, mark(shapeOf(policy)), wordOf(policy)),
    isBreaker(policy) && !policy.undefined && onlyThis(policy) ? make("p", {}, onlyThis(policy)) : "",
    make("dl", { className: "answers" }, rows),
    knows(policy.recent) && ["circuit_breaker", "bulkhead", "rate_limit"].includes(policy.kind) ? minutes(policy.recent) : "");
  tickNow(age());
  const counts = Object.entries(live.counts && !Array.isArray(live.counts) ? live.counts : {});
  const times = Object.entries(live.time_in ?? {}).map(([name, ms]) => [name.replace(/_ms$/, ""), ms]).filter(([, ms]) => ms > 0);
  opened.more.replaceChildren(make("dl", { className: "answers" },
    counts.map(([name, count]) => [make("dt", {}, name.replaceAll("_", " ")), make("dd", {}, number(count))]),
    times.map(([name, ms]) => [make("dt", {}, `time ${WORDS[name] ?? name}`.toLowerCase()), make("dd", {}, span(ms))])));
  opened.more.previousElementSibling.hidden = counts.length + times.length === 0;
  if (opened.version !== policy.version && !opened.settings.querySelector("form")) { opened.version = policy.version; showSettings(policy, opened.settings); }
}
/** The buttons for what may be done now. */
function updateControl(policy) {
  const { opened } = state;
  const deeds = access().control ? offered(policy) : [];
  if (opened.offered === deeds.join()) return;
  opened.offered = deeds.join();
  const { control } = opened;
  const place = control.querySelector(".form") ?? make("div", { className: "form" });
  const actions = control.querySelector(".actions");
  const focused = actions?.contains(document.activeElement);
  const buttons = make("div", { className: "actions" }, deeds.map((deed) => make("button", {
    type: "button", "data-deed": deed,
    onclick: ({ currentTarget }) => openForm(currentTarget, place, steerForm(state.policies.get(opened.key) ?? policy, deed)),
  }, `${DEEDS[deed].label}…`)));
  // The form that is open belongs to a button that may be another one now.
  if (state.form && actions?.contains(state.form.opener)) state.form.opener = buttons.querySelector(`[data-deed="${state.form.opener.dataset.deed}"]`);
  if (actions) actions.replaceWith(buttons);
  else control.append(make("h3", {}, "Control"), buttons, place);
  control.hidden = deeds.length === 0;
  if (focused) (buttons.firstChild ?? dialog.querySelector(".bar button")).focus();
}
function tickNow(passed) {
  for (const [place, value] of state.opened.answers ?? []) write(place, value(passed));
}

async function showSettings(policy, place) {
  const query = { kind: policy.kind, name: policy.name };
  try {
    const { settings, version } = await get("policy", query);
    const decides = new Set(["failure_threshold", "failure_rate", "slow_call", "window", "window_time", "open_for"].filter((key) => { const told = `${policy.live.why ?? ""} ${policy.live.outage?.why ?? ""}`; return told.includes(key.replace("_rate", " rate")) || told.includes(key); }));
    const rows = settings.map((setting) => {
      const row = make("tr", { className: `${setting.source.from === "default" ? "default" : ""} ${decides.has(setting.key) ? "decides" : ""}` });
      const change = make("td", {});
      if (access().control) {
        change.append(make("button", { type: "button", "aria-label": `Change ${setting.key}`, onclick: ({ currentTarget }) => editor(currentTarget, row, policy, setting, version) }, "Change…"));
        if (setting.source.from === "override") {
          change.append(" ", make("button", { type: "button", "aria-label": `Take back ${setting.key}`, onclick: ({ currentTarget }) => inRow(currentTarget, row, settingsForm(policy, [setting.key], version)) }, "Take it back…"));
        }
      }
      row.append(make("td", {}, make("code", {}, broken(setting.key))), make("td", {}, setting.value === null ? "none" : String(setting.value)), make("td", {}, origin(setting.source)), change);
      return row;
    });
    if (!place.isConnected) return;
    // Whoever stood in the old table stands in the new one.
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    place.replaceChildren(make("table", {},
      make("thead", {}, make("tr", {}, ["setting", "value", "from", ""].map((head) => make("th", { scope: "col" }, head)))),
      make("tbody", {}, rows)));
    if (focused) ([...place.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === focused) ?? place.querySelector(`button[aria-label="Change ${focused.split(" ").pop()}"]`) ?? dialog.querySelector(".bar button")).focus();
  } catch (error) {
    place.replaceChildren(make("p", { className: "warning" }, error.message));
  }
}
function origin(source) {
  const { from } = source;
  if (from === "attribute") return `attribute at ${source.file}:${source.line}`;
  if (from === "file") return `file ${source.file}:${source.line}`;
  if (from === "environment") return `variable ${source.variable}`;
  if (from === "override") {
    const { reason, actor, lasting_ms } = source.by;
    return `override: ${reason}${actor ? `, by ${actor}` : ""}${lasting_ms === null ? "" : `, for ${span(lasting_ms)}`}`;
  }
  return from;
}

// ---- Control

function field(label, input) {
  return make("label", { className: "field" }, make("span", {}, label), input);
}
/** Why and for how long: what every deed is asked for. */
function asking(hasEnd) {
  const reason = make("input", { type: "text", required: true, maxLength: 500, autocomplete: "off" });
  const lasting = make("select", {}, [["5m", "5 minutes"], ["30m", "30 minutes"], ["2h", "2 hours"], ["12h", "12 hours"], ["", "until somebody takes it back"]].map(([value, text]) => make("option", { value }, text)));
  return {
    fields: [field("Why", reason), hasEnd ? field("For how long", lasting) : null],
    body: () => ({ reason: reason.value, ...(hasEnd && lasting.value ? { lasting: lasting.value } : {}) }),
  };
}
function formOf(label, explanation, fields, submit, cancel) {
  const error = make("p", { className: "error", role: "alert" });
  const main = make("button", { type: "submit", className: "main" }, label);
  let isBusy = false;
  return make("form", {
    onsubmit: async (event) => {
      event.preventDefault();
      // A button that is switched off would lose the focus.
      if (isBusy) return;
      isBusy = true;
      error.textContent = "";
      try { await submit(); } catch (wrong) { error.textContent = wrong.message; }
      isBusy = false;
      await looking;
      look();
    },
  }, explanation ? make("p", {}, explanation) : null, fields, error, make("div", { className: "actions" }, main, make("button", { type: "button", onclick: cancel }, "Cancel")));
}
function steerForm(policy, deed) {
  if (deed === "take_settings") return settingsForm(policy, policy.overridden, null);
  const { label, explanation, hasEnd, done, closing, path } = DEEDS[deed];
  const ask = asking(hasEnd);
  return formOf(label, explanation, ask.fields, async () => {
    const answer = await send("POST", `policy/${path ?? deed}`, { kind: policy.kind, name: policy.name }, ask.body());
    closeForm();
    if (!closing) return tell(done(untilWhen(answer.live.overridden?.ends_in_ms)), answer);
    // It may have opened again before the answer was made.
    const closed = { version: answer.version, live: { state: "closed" } };
    const at = clock(serverNow());
    return tell(`${closing} at ${at}: it is closed, with an empty window`, closed, { what: closing, at });
  }, closeForm);
}
const untilAt = (ms, now) => (ms == null ? "until somebody takes it back" : `until ${clock(now + ms)}`);
/** Of what was answered just now, and of what the newest overview says. */
const untilWhen = (ms) => untilAt(ms, serverNow());
const untilIn = (ms) => untilAt(ms, state.overview.at_ms);
/** Takes settings back that somebody changed: all that are meant at once. */
function settingsForm(policy, keys, version) {
  const ask = asking(false);
  const named = keys.join(", ");
  return formOf("Take it back", `What is written elsewhere holds again for ${named}.`, ask.fields, async () => {
    const match = version === null ? state.policies.get(keyOf(policy)).version : version;
    const answer = await send("PATCH", "policy", { kind: policy.kind, name: policy.name }, { take_back: keys, ...ask.body() }, { "if-match": `"${match}"` });
    settled(policy, `Taken back: ${answer.changes.map((one) => `${one.key} = ${one.to ?? "none"}`).join(", ") || named}`, answer);
  }, closeForm);
}
/** After a change of settings: what was done, and the new table. */
function settled(policy, text, { version }) {
  closeForm();
  tell(text, { version, live: state.policies.get(keyOf(policy)).live });
  state.opened.version = null;
}
function openAll(deed) {
  const isOff = deed === "disable_all";
  const ask = asking(isOff);
  const done = async () => { await send("POST", deed, null, ask.body()); dialog.close(); };
  const explanation = isOff ? "Nothing is refused, cut off, retried or bounded any more, and no fallback answers: every call of every function goes straight to its callee, also of policies that become known later. When the time below is over, or somebody switches them on again, what is written about each policy holds again." : "What is written about each policy holds again.";
  state.opened = null;
  openDialog(isOff ? "Switch all policies off" : "Switch all policies on again", "", formOf(isOff ? "Switch all off" : "Switch on again", explanation, ask.fields, done, () => dialog.close()));
  dialog.querySelector("input").focus();
}
/** A form below the row of its setting. */
function inRow(opener, row, form) {
  const holder = make("tr", { className: "holder" }, make("td", { colSpan: 4 }));
  row.after(holder);
  openForm(opener, holder.firstChild, form);
  state.form.form = holder;
}
function editor(opener, row, policy, setting, version) {
  const value = make("input", { type: "text", value: setting.value === null ? "" : String(setting.value), spellcheck: false, autocomplete: "off" });
  const ask = asking(true);
  const outcome = make("p", { className: "outcome", role: "status" });
  const given = () => (typeof setting.value === "number" && value.value.trim() !== "" && Number.isFinite(Number(value.value)) ? Number(value.value) : value.value);
  const patch = (body, query) => send("PATCH", "policy", { kind: policy.kind, name: policy.name, ...query }, body, { "if-match": `"${version}"` });
  const told = ({ changes, consequence }) => {
    const lines = changes.map((one) => `${one.key}: ${one.from ?? "none"} → ${one.to ?? "none"}`);
    return `${lines.join(", ") || "nothing would change"}${consequence ? `. ${consequence}` : ""}`;
  };
  const form = formOf("Apply", `A new value for ${setting.key}, over what is written elsewhere. When that ends, or is taken back, what is written there holds again.`,
    [field(setting.key, value), ask.fields, outcome], async () => {
      const body = ask.body();
      const answer = await patch({ set: { [setting.key]: given() }, ...body });
      const to = answer.changes.find((one) => one.key === setting.key)?.to ?? value.value;
      const lasting = answer.changes.find((one) => one.key === setting.key)?.source?.by?.lasting_ms;
      settled(policy, `Changed: ${setting.key} = ${to} ${untilWhen(lasting)}`, answer);
    }, closeForm);
  const attempt = async () => {
    const error = form.querySelector(".error");
    error.textContent = "";
    try { outcome.textContent = told(await patch({ set: { [setting.key]: given() } }, { dry_run: "true" })); } catch (wrong) { error.textContent = wrong.message; }
  };
  form.lastElementChild.insertBefore(make("button", { type: "button", onclick: attempt }, "Try it out"), form.lastElementChild.lastElementChild);
  inRow(opener, row, form);
  value.focus();
  value.select();
}

// ---- Beginning

find("all-off").addEventListener("click", () => openAll("disable_all"));
find("search").addEventListener("input", filter);
find("kind").addEventListener("change", filter);
find("unhealthy").addEventListener("change", filter);
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches?.("input[type=text], input[type=search], select, textarea");
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open) return;
  if (event.key === "Escape" && event.target === find("search")) { find("search").value = ""; filter(); find("search").blur(); }
  if (isTyping) return;
  if (event.key === "/") { event.preventDefault(); find("search").focus(); find("search").select(); }
  if (event.key === "u") find("unhealthy").click();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) { clearTimeout(timer); unlisten(); } else { look(); listen(); }
});
setInterval(tick, 1000);

const phone = matchMedia("(max-width: 34rem)");
const hint = find("search").placeholder;
const fitHint = () => { find("search").placeholder = phone.matches ? "Search" : hint; };
phone.addEventListener("change", fitHint);
fitHint();

find("as-json").href = `${base}snapshot`;

(async () => {
  await look();
  const history = await get("events").catch(() => ({ events: [], position: 0 }));
  state.position = history.position;
  history.events.slice(-100).forEach(addChange);
  lookForFunctions();
  lookForFindings();
  listen();
})();
