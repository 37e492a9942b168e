// The activity page works without this. With it: local times, keyboard, live entries, dark and light.
// No value of an entry becomes HTML here: the server renders live entries.

const root = document.documentElement;
const find = (id) => document.getElementById(id);
const timeline = find("timeline");

// ---- Times: in the requested zone of the page, else in the reader's zone. ----------------------

const zone = root.dataset.zone || Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: zone, ...options });
const clock = format({ hour: "2-digit", minute: "2-digit" });
const full = format({ dateStyle: "full", timeStyle: "medium" });
const longDay = format({ weekday: "long", day: "numeric", month: "long", year: "numeric" });
const dayKey = (date) => new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(date);
const DAY = 86_400_000;

function dayName(key, date) {
  if (key === dayKey(new Date())) return "Today";
  if (key === dayKey(new Date(Date.now() - DAY))) return "Yesterday";
  return longDay.format(date);
}

function localise(time) {
  const date = new Date(time.dateTime);
  if (Number.isNaN(date.getTime())) return;
  time.title = full.format(date);
  time.textContent = time.dataset.form === "full" ? full.format(date) : clock.format(date);
}

/** The list of the day of `date`; a new day comes before or after all others. */
function listOf(date, atTop) {
  const key = dayKey(date);
  const known = timeline.querySelector(`.day[data-day="${key}"] > ol`);
  if (known) return known;
  const day = make("section", "day");
  day.dataset.day = key;
  const heading = make("time", "", dayName(key, date));
  heading.dateTime = key;
  const title = document.createElement("h2");
  title.append(heading);
  const list = make("ol", "entries");
  day.append(title, list);
  if (atTop) timeline.prepend(day); else timeline.append(day);
  return list;
}

/** Entries move to the days of the reader's zone, which keeps their order. */
function regroup() {
  const entries = [...timeline.querySelectorAll(".entry")];
  timeline.replaceChildren();
  for (const entry of entries) listOf(new Date(entry.querySelector(".when time").dateTime), false).append(entry);
}

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

if (timeline) regroup();
document.querySelectorAll("time[datetime*='T']").forEach(localise);
find("zone").textContent = `Times in ${zone.replaceAll("_", " ")}`;

// ---- The filter form: dates have the same zone as times. ---------------------------------------

const form = document.querySelector(".filters");
form?.addEventListener("submit", () => {
  const dates = ["from", "to"].some((name) => form.elements[name].value !== "");
  form.elements.tz.disabled = !dates;
  form.elements.tz.value = zone;
  for (const field of form.elements) if (field.name && field.value === "") field.disabled = true;
});
window.addEventListener("pageshow", () => {
  for (const field of form?.elements ?? []) if (field.name !== "tz") field.disabled = false;
});
form?.querySelectorAll("select").forEach((select) => select.addEventListener("change", () => form.requestSubmit()));

// ---- Dark and light: kept in a cookie, so that the server renders the next page with it. -------

const theme = find("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  document.cookie = `activity_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
});

// ---- Live entries ------------------------------------------------------------------------------

const live = find("live");
const MAX_ENTRIES = 500;
/** How long to wait after a refusal, in milliseconds, as its `Retry-After` says. */
const REFUSED = 5_000;
let source = null;
let retry = 0;

/** The entry as the page shows it; the server has rendered it, with all text escaped. */
function arrive(message) {
  const parsed = new DOMParser().parseFromString(message.data, "text/html");
  const entry = document.adoptNode(parsed.querySelector(".entry"));
  if (find(entry.id)) return;
  // Its links are relative to the path of the stream.
  for (const link of entry.querySelectorAll("a")) link.href = new URL(link.getAttribute("href"), message.target.url);
  const time = entry.querySelector(".when time");
  localise(time);
  entry.classList.add("fresh");
  find("empty")?.remove();
  listOf(new Date(time.dateTime), true).prepend(entry);
  const all = timeline.querySelectorAll(".entry");
  for (let last = all.length - 1; last >= MAX_ENTRIES; last -= 1) all[last].remove();
  find("announcer").textContent = `New: ${entry.querySelector(".said").textContent}`;
}

function goLive(on) {
  live.setAttribute("aria-pressed", String(on));
  live.dataset.state = "";
  source?.close();
  source = null;
  clearTimeout(retry);
  if (on) connect();
}

function connect() {
  const last = Math.max(Number(live.dataset.last ?? -1), -1);
  const url = new URL(live.dataset.source, location.href);
  if (last >= 0) url.searchParams.set("since", last);
  const stream = new EventSource(url);
  source = stream;
  stream.addEventListener("open", () => { live.dataset.state = "on"; });
  stream.addEventListener("error", () => {
    live.dataset.state = "waiting";
    // A browser reconnects by itself when a connection ends, but not after a refusal.
    if (stream.readyState === EventSource.CLOSED) retry = setTimeout(connect, REFUSED);
  });
  stream.addEventListener("entry", (message) => { live.dataset.last = message.lastEventId; arrive(message); });
}

if (live?.dataset.source) {
  live.hidden = false;
  live.addEventListener("click", () => goLive(source === null));
  window.addEventListener("pagehide", () => goLive(false));
}

// ---- Keyboard ----------------------------------------------------------------------------------

const help = find("help");
const helpButton = find("help-button");
helpButton.hidden = false;
helpButton.addEventListener("click", () => help.showModal());

function step(by) {
  const entries = [...document.querySelectorAll("#timeline .entry")];
  const at = entries.indexOf(document.activeElement?.closest(".entry"));
  const next = entries[at < 0 ? 0 : at + by];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

const keys = {
  "/": () => { find("q")?.focus(); find("q")?.select(); },
  j: () => step(1),
  k: () => step(-1),
  o: (entry) => entry?.querySelector(".when").click(),
  f: (entry) => entry?.querySelector(".follow")?.click(),
  l: () => { if (live && !live.hidden) live.click(); },
  "?": () => help.showModal(),
};

document.addEventListener("keydown", (press) => {
  const target = press.target;
  if (press.ctrlKey || press.metaKey || press.altKey || help.open) return;
  if (press.key === "Escape") {
    const menu = document.querySelector(".menu[open]");
    const opened = target.closest?.(".entry")?.querySelector(".more[open]");
    if (menu) menu.open = false;
    else if (target.matches("input, select")) target.blur();
    else if (opened) { opened.open = false; opened.closest(".entry").focus(); }
    else find("back")?.click();
    return;
  }
  if (target.matches("input, select, textarea")) return;
  const entry = target.closest?.(".entry");
  if (press.key === "Enter" && entry === target) {
    const more = entry.querySelector(".more");
    more.open = !more.open;
  } else if (keys[press.key]) {
    keys[press.key](entry);
  } else {
    return;
  }
  press.preventDefault();
});
