// The Debugger, live: rows come in, one is chosen, its details show beside it.
"use strict";
{
  const hw = window.headwater;
  const $ = (selector, within = document) => within.querySelector(selector);
  const page = $("#debugger"), form = $("#filter"), list = $("#calls"), detail = $("#detail");
  const pause = $("#pause"), state = $("#live-state"), stateText = $("#live-text"), nothing = $("#no-calls");
  const most = 500;

  let paused = false, waiting = [], missed = 0, chosen = "";
  const seen = (id) => list.querySelector(`[data-call="${CSS.escape(id)}"]`);

  // The state of the stream, in words and colour.
  let connected = false;
  const showState = () => {
    const kind = paused ? "paused" : connected ? "live" : "lost";
    state.className = "live-state is-" + kind;
    stateText.textContent = paused ? (waiting.length ? (waiting.length >= most ? most + "+" : waiting.length) + " new" : "Paused")
      : connected ? "Live" : "Reconnecting…";
    pause.setAttribute("aria-pressed", paused);
    $("span", pause).textContent = paused ? "Resume" : "Pause";
    $("use", pause).setAttribute("href", paused ? "#i-play" : "#i-pause");
  };
  state.hidden = pause.hidden = false;

  // show puts rows on top, the newest first, and keeps the place of who has
  // scrolled. A row that comes twice, after a connection was lost, is shown once.
  const idOf = (row) => Number(row.querySelector("[data-call]").dataset.call);
  const show = (rows) => {
    const have = new Set([...list.children].map(idOf));
    const fresh = rows.filter((row) => !have.has(idOf(row)) && have.add(idOf(row)));
    if (!fresh.length) return;
    const box = list.parentElement, before = box.scrollHeight, top = box.scrollTop;
    list.prepend(...fresh.sort((a, b) => idOf(b) - idOf(a)));
    while (list.children.length > most) list.lastElementChild.remove();
    nothing.hidden = true;
    if (top > 0) box.scrollTop = top + box.scrollHeight - before;
  };

  const arrived = (event) => {
    const parsed = new DOMParser().parseFromString("<ul>" + event.data + "</ul>", "text/html");
    hw.dress(parsed.body);
    const rows = [...parsed.querySelectorAll("li")].map((row) => document.adoptNode(row));
    if (!paused) { show(rows); return; }
    waiting = [...rows, ...waiting].slice(0, most);
    showState();
  };
  const leftOut = (event) => {
    missed += Number(event.data);
    $("#missed").textContent = " " + missed.toLocaleString("en") + " more were not shown.";
  };
  const heard = (yes) => () => { connected = yes; showState(); };

  const togglePause = () => {
    paused = !paused;
    if (!paused) { show(waiting); waiting = []; }
    showState();
    hw.say(paused ? "Paused" : "Live");
  };
  pause.addEventListener("click", togglePause);

  // Choosing a call.
  let turn = 0;
  const choose = async (link, focus) => {
    const mine = ++turn;
    for (const old of list.querySelectorAll("[aria-current]")) old.removeAttribute("aria-current");
    link.setAttribute("aria-current", "true");
    chosen = link.dataset.call;
    if (focus) { link.focus({ preventScroll: true }); link.scrollIntoView({ block: "nearest" }); }
    try {
      const answer = await fetch(link.href + "?part");
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== turn) return;
      const part = parsed.querySelector("article") || parsed.querySelector("main > *");
      hw.dress(part);
      detail.replaceChildren(document.adoptNode(part));
      detail.scrollTop = 0;
      page.classList.add("has-choice");
    } catch {
      if (mine === turn) hw.say("The call could not be fetched.");
    }
  };
  list.addEventListener("click", (event) => {
    const link = event.target.closest("[data-call]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    choose(link, false).then(() => {
      if (matchMedia("(max-width: 60rem)").matches) detail.scrollIntoView({ block: "start" });
    });
  });

  const move = (by) => (event) => {
    if (event.target.closest("pre, [role=tablist]") && event.key.startsWith("Arrow")) return false; // it scrolls
    const links = [...list.querySelectorAll("[data-call]")];
    const at = links.findIndex((link) => link.dataset.call === chosen);
    const next = at < 0 ? links[0] : links[Math.min(Math.max(at + by, 0), links.length - 1)];
    if (next) choose(next, true);
  };
  Object.assign(hw.keys, {
    j: move(1), ArrowDown: move(1), k: move(-1), ArrowUp: move(-1), p: togglePause,
    "/": () => { $("#search").focus(); $("#search").select(); },
    r: () => { $("[data-tabs]", detail)?.headwaterNext?.(); },
  });

  // The filter is the server's: the page comes again with it, in place.
  let typing = 0;
  const filter = async (push) => {
    const query = new URLSearchParams(new FormData(form));
    for (const name of [...query.keys()]) if (!query.get(name)) query.delete(name);
    const href = form.action + (query.size ? "?" + query : "");
    const mine = ++typing;
    try {
      const answer = await fetch(href);
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine !== typing) return;
      const fresh = parsed.getElementById("calls");
      hw.dress(fresh);
      list.replaceChildren(...document.adoptNode(fresh).children);
      nothing.replaceChildren(...document.adoptNode(parsed.getElementById("no-calls")).childNodes);
      nothing.hidden = list.children.length > 0;
      page.dataset.stream = parsed.getElementById("debugger").dataset.stream;
      waiting = [];
      missed = 0;
      $("#missed").textContent = "";
      if (chosen) seen(chosen)?.setAttribute("aria-current", "true");
      if (push) history.replaceState(null, "", href);
      stream.open();
      showState();
    } catch {
      location.assign(href);
    }
  };
  form.addEventListener("submit", (event) => { event.preventDefault(); filter(true); });
  form.addEventListener("change", (event) => { if (event.target.matches("select")) filter(true); });
  let delay = 0;
  $("#search").addEventListener("input", () => { clearTimeout(delay); delay = setTimeout(() => filter(true), 250); });
  $("#search").addEventListener("keydown", (event) => { if (event.key === "Escape" && !event.target.value) event.target.blur(); });

  const stream = hw.stream(() => page.dataset.stream,
    { open: heard(true), error: heard(false), calls: arrived, missed: leftOut },
    () => { if (!paused) filter(false); });
  showState();
}
