// What all pages share: local times, tabs, copying, theme, shortcuts.
"use strict";
{
  const hw = window.headwater;
  const $ = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Times: the server writes UTC, the viewer reads local time.
  const format = (options) => new Intl.DateTimeFormat(undefined, options);
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const as = {
    clock: format({ ...time, second: "2-digit" }),
    today: format(time),
    stamp: format({ day: "numeric", month: "short", ...time }),
    exact: format({ day: "numeric", month: "short", year: "numeric", ...time, second: "2-digit", timeZoneName: "short" }),
  };
  hw.localise = (within) => {
    for (const element of all("time[datetime]", within)) {
      const at = new Date(element.dateTime);
      if (isNaN(at)) continue;
      const recent = element.dataset.as === "recent" && at.toDateString() === new Date().toDateString();
      element.textContent = (recent ? as.today : as[element.dataset.as] || as.stamp).format(at);
      element.title = as.exact.format(at);
    }
  };

  // Tabs: sections one above the other become tabs. The choice is remembered by label.
  const chosenTab = {};
  hw.tabs = (within) => {
    for (const box of all("[data-tabs]", within)) {
      const panels = all(":scope > [data-tab]", box);
      if (panels.length < 2 || box.dataset.tabs === "done") continue;
      box.dataset.tabs = "done";
      const group = panels.map((panel) => panel.dataset.tab).join();
      const list = document.createElement("div");
      list.className = "subtabs";
      list.setAttribute("role", "tablist");
      const buttons = panels.map((panel, i) => {
        const button = document.createElement("button");
        button.type = "button";
        button.textContent = panel.dataset.tab;
        button.setAttribute("role", "tab");
        panel.id ||= "tab-panel-" + i;
        button.setAttribute("aria-controls", panel.id);
        panel.setAttribute("role", "tabpanel");
        list.append(button);
        return button;
      });
      const choose = (index) => {
        chosenTab[group] = index;
        buttons.forEach((button, i) => {
          button.setAttribute("aria-selected", i === index);
          button.tabIndex = i === index ? 0 : -1;
          panels[i].hidden = i !== index;
        });
      };
      list.addEventListener("click", (event) => {
        const index = buttons.indexOf(event.target);
        if (index >= 0) choose(index);
      });
      list.addEventListener("keydown", (event) => {
        const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (!move) return;
        event.preventDefault();
        event.stopPropagation();
        const index = (buttons.indexOf(document.activeElement) + move + buttons.length) % buttons.length;
        choose(index);
        buttons[index].focus();
      });
      box.prepend(list);
      box.headwaterNext = () => choose(((chosenTab[group] || 0) + 1) % buttons.length);
      choose(chosenTab[group] || 0);
    }
  };

  // Copying.
  hw.say = (text) => { $("#said").textContent = text; };
  hw.copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // no permission, or not a secure page
      const area = document.createElement("textarea");
      area.value = text;
      area.className = "visually-hidden";
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    const label = button.textContent;
    if (label === "Copied") return;
    button.textContent = "Copied";
    hw.say("Copied");
    setTimeout(() => { button.textContent = label; }, 1500);
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) hw.copy($("pre", button.parentElement).textContent, button);
  });

  // dress makes new markup look and work like the rest.
  hw.dress = (within) => {
    hw.localise(within);
    hw.tabs(within);
    for (const button of all("[data-copy][hidden]", within)) button.hidden = false;
    if (hw.colour) for (const pre of all("pre[data-language]", within)) hw.colour(pre);
  };

  // A stream of server-sent events. A browser has few connections to one server, so
  // a page that nobody sees gives its own back, and comes again when it is seen.
  // address is asked for at every opening; back is told of one after a pause.
  hw.stream = (address, listeners, back) => {
    let source = null, timer = 0;
    const close = () => { source?.close(); source = null; };
    const open = () => {
      close();
      source = new EventSource(address());
      for (const [name, listener] of Object.entries(listeners)) source.addEventListener(name, listener);
      source.addEventListener("error", () => { // the browser itself comes again, but not after an answer it did not like
        if (source?.readyState === EventSource.CLOSED) timer = setTimeout(open, 5000);
      });
    };
    document.addEventListener("visibilitychange", () => {
      clearTimeout(timer);
      if (document.hidden) timer = setTimeout(close, 5000);
      else if (!source) { open(); back?.(); }
    });
    open();
    return { open };
  };

  // Theme.
  const themeButton = $("#theme-button");
  const names = { auto: "as the system", light: "light", dark: "dark" };
  const showTheme = () => {
    const theme = hw.theme();
    $("use", themeButton).setAttribute("href", "#i-" + theme);
    themeButton.title = "Theme: " + names[theme] + " (t)";
    themeButton.setAttribute("aria-label", "Theme: " + names[theme]);
  };
  const nextTheme = () => {
    hw.setTheme(hw.themes[(hw.themes.indexOf(hw.theme()) + 1) % hw.themes.length]);
    showTheme();
    hw.say("Theme: " + names[hw.theme()]);
  };
  themeButton.addEventListener("click", nextTheme);
  themeButton.hidden = false;
  showTheme();

  // Shortcuts. A page adds its own to hw.keys.
  const help = $("#help");
  const showHelp = () => { if (!help.open) help.showModal(); };
  $("#help-button").addEventListener("click", showHelp);
  $("#help-button").hidden = false;
  const follow = (selector) => () => { const link = $(selector); if (link) link.click(); };
  hw.keys = {
    "?": showHelp, t: nextTheme,
    "g o": follow(".tabs a:nth-child(1)"), "g d": follow(".tabs a:nth-child(2)"),
    "g s": follow(".tabs a:nth-child(4)"), "g l": follow(".brand"),
    n: () => { const name = $("#name[name=name]"); if (name) name.focus(); },
  };
  let before = "", beforeAt = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.target.closest("input, select, textarea")) return;
    const pair = Date.now() - beforeAt < 1000 ? before + " " + event.key : "";
    const act = hw.keys[pair] || hw.keys[event.key];
    before = event.key;
    beforeAt = Date.now();
    if (act && act(event) !== false) event.preventDefault();
  });

  // Popovers made of details close on Escape and on a click elsewhere.
  document.addEventListener("click", (event) => {
    for (const open of all("details.custom[open], details.confirm[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = event.target.closest("details.custom[open], details.confirm[open]");
    if (!open) return;
    open.open = false;
    $("summary", open).focus();
  });

  document.addEventListener("DOMContentLoaded", () => hw.dress(document));
}
