// The theme, set before anything is painted.
"use strict";
window.headwater = {
  themes: ["auto", "light", "dark"],
  theme() {
    try {
      const kept = localStorage.getItem("headwater-theme");
      return this.themes.includes(kept) ? kept : "auto";
    } catch {
      return "auto"; // storage is switched off
    }
  },
  setTheme(theme) {
    document.documentElement.dataset.theme = theme;
    try {
      localStorage.setItem("headwater-theme", theme);
    } catch { /* it lasts for this page */ }
    document.dispatchEvent(new Event("headwater:theme"));
  },
};
document.documentElement.dataset.theme = window.headwater.theme();
document.documentElement.classList.add("scripted");
