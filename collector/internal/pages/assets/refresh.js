// Refreshing: fetch a page again and swap what has changed, without losing one's place.
"use strict";
{
  const hw = window.headwater;
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Details stay as they are, with what has been loaded into them.
  const keepDetails = (old, fresh) => {
    for (const was of all("details[data-stay][open]", old)) {
      const now = all("details[data-stay]", fresh).find((d) => d.dataset.stay === was.dataset.stay);
      if (!now) continue;
      const loaded = was.querySelector(":scope > .loaded");
      if (was.dataset.loaded && loaded) {
        now.querySelector(":scope > .loaded").replaceWith(loaded);
        now.dataset.loaded = was.dataset.loaded;
      }
      now.open = true;
    }
  };

  // What the server sent for a region, before it was dressed.
  const served = new WeakMap();

  const swap = (old, fresh) => {
    const html = fresh.innerHTML;
    if (served.get(old) === html) return;
    served.set(fresh, html);
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const id = focused && focused.id;
    const stay = focused && focused.closest("details[data-stay]");
    const scrolled = all(".table-scroll", old).map((box) => [box.scrollLeft, box.scrollTop]);
    keepDetails(old, fresh);
    old.replaceWith(fresh);
    hw.dress(fresh);
    all(".table-scroll", fresh).forEach((box, i) => scrolled[i] && box.scrollTo(...scrolled[i]));
    if (focused && focused.isConnected) focused.focus({ preventScroll: true });
    else if (id && document.getElementById(id)) document.getElementById(id).focus({ preventScroll: true });
    else if (stay) all("details[data-stay]", fresh).find((d) => d.dataset.stay === stay.dataset.stay)?.querySelector("summary").focus({ preventScroll: true });
  };

  // swapPage fetches an address and swaps the regions of the page; those marked
  // "chosen" only when somebody chose something. It reports whether it did: what
  // somebody chose goes before what only refreshes, the last choice before others.
  let turn = 0, choosing = 0;
  hw.swapPage = async (href, chosen) => {
    if (!chosen && choosing) return false;
    const mine = chosen ? ++turn : turn;
    if (chosen) choosing++;
    try {
      return await fetchAndSwap(href, chosen, () => mine === turn);
    } finally {
      if (chosen) choosing--;
    }
  };
  const fetchAndSwap = async (href, chosen, current) => {
    const answer = await fetch(href, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!current()) return false;
    if (!answer.ok) throw new Error("status " + answer.status);
    for (const old of all("[data-swap]")) {
      if (old.dataset.swap === "chosen" && !chosen) continue;
      const fresh = page.getElementById(old.id);
      if (fresh) swap(old, document.adoptNode(fresh));
    }
    document.title = page.title;
    document.dispatchEvent(new Event("headwater:swapped"));
    return true;
  };

  // busy is true while a swap would take something out of somebody's hands.
  hw.busy = () => {
    const selection = document.getSelection();
    return document.hidden || (selection && !selection.isCollapsed && !!selection.anchorNode.parentElement?.closest("[data-swap]"));
  };

  const timed = document.querySelector("[data-swap][data-every]");
  if (timed) {
    setInterval(() => { if (!hw.busy()) hw.swapPage(location.href, false).catch(() => {}); }, timed.dataset.every * 1000);
  }
}
