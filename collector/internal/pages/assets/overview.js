// The Overview, live: links swap the page in place, and news refresh it.
"use strict";
{
  const hw = window.headwater;
  const page = document.getElementById("overview");
  const $ = (selector, within = document) => within.querySelector(selector);

  const go = async (href, push) => {
    page.setAttribute("aria-busy", "true");
    try {
      if (await hw.swapPage(href, true) && push) history.pushState(null, "", href);
    } catch {
      location.assign(href); // the server's own words
    } finally {
      page.removeAttribute("aria-busy");
    }
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(link.href, true);
  });
  addEventListener("popstate", () => go(location.href, false));

  // News come at most once a second; time itself moves the window every minute.
  let running = false, missed = false;
  const refresh = async () => {
    if (running) { missed = true; return; }
    if (hw.busy()) return;
    running = true;
    try {
      await hw.swapPage(location.href, false);
    } catch { /* the collector restarts; the next news will do */ }
    setTimeout(() => {
      running = false;
      if (missed) { missed = false; refresh(); }
    }, 1000);
  };
  hw.stream(() => page.dataset.stream, { ping: refresh });
  setInterval(refresh, 60_000);
  document.addEventListener("visibilitychange", refresh);

  // Samples are fetched when their reason is opened.
  document.addEventListener("toggle", async (event) => {
    const box = event.target;
    if (!box.open || !box.dataset || !box.dataset.load || box.dataset.loaded) return;
    box.dataset.loaded = "yes";
    const room = $(":scope > .loaded", box);
    try {
      const answer = await fetch(box.dataset.load);
      if (!answer.ok) throw new Error();
      const parsed = new DOMParser().parseFromString(await answer.text(), "text/html");
      hw.dress(parsed.body);
      room.prepend(...parsed.body.childNodes);
    } catch {
      delete box.dataset.loaded;
    }
  }, true);

  // The custom window is entered in the viewer's zone and asked for in UTC.
  const pad = (n) => String(n).padStart(2, "0");
  const localText = (at) => `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}T${pad(at.getHours())}:${pad(at.getMinutes())}`;
  const fillCustom = () => {
    for (const label of document.querySelectorAll("#custom .zone")) label.textContent = "";
    const now = Date.now();
    for (const input of document.querySelectorAll("#custom [data-utc]")) {
      input.value = localText(new Date(input.dataset.utc));
      input.min = localText(new Date(now - 14 * 24 * 3600_000 + 60_000));
      input.max = localText(new Date(now + 60_000));
    }
  };
  fillCustom();
  document.addEventListener("headwater:swapped", () => { if (!document.activeElement?.closest("#custom")) fillCustom(); });
  document.addEventListener("submit", (event) => {
    if (event.target.id !== "custom") return;
    event.preventDefault();
    const form = event.target, query = new URLSearchParams(new FormData(form));
    if (query.get("from") >= query.get("to")) {
      form.elements.to.setCustomValidity("The end must be after the beginning.");
      form.reportValidity();
      form.elements.to.setCustomValidity("");
      return;
    }
    for (const name of ["from", "to"]) query.set(name, new Date(query.get(name)).toISOString().slice(0, 19) + "Z");
    go(form.action + "?" + query, true);
  });

  const press = (selector) => () => { $(selector)?.click(); };
  ["received", "failed", "filtered", "eligible"].forEach((step, i) => { hw.keys[i + 1] = press("#step-" + step); });
  const shift = (by) => () => {
    const links = [...document.querySelectorAll(".windows a")];
    const at = links.findIndex((link) => link.getAttribute("aria-current"));
    links[at + by]?.click();
  };
  hw.keys["["] = shift(-1);
  hw.keys["]"] = shift(1);
}
